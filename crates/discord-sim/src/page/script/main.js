// The page: one channel, seen by one person or by two side by side. All state is in the simulator.

import { get, onChange, onLoss } from "./api.js";
import { showAside, showChannel } from "./aside.js";
import { Column } from "./column.js";
import { fill, h, set } from "./dom.js";
import { startShortcuts } from "./shortcuts.js";
import { startTheme } from "./theme.js";
import { World } from "./world.js";

const $ = (selector) => document.querySelector(selector);
// Wide enough for two columns and the side panel.
const wide = matchMedia("(min-width: 64rem)");
const wanted = new URLSearchParams(location.search);

class Page {
  constructor() {
    this.world = null;
    this.channel = null;
    this.columns = [new Column(this), new Column(this)];
    // What the side panel says above the composer where there is no room for the panel.
    this.note = h("div.note");
    this.columns[0].composer.element.before(this.note);
    this.isTwo = wanted.getAll("as").length !== 1;
    $("#columns").append(...this.columns.map(({ element }) => element));
    $("#channel").addEventListener("change", (event) => this.enter(event.target.value));
    $("#beside").addEventListener("click", () => this.#showTwo(!this.isTwo));
    wide.addEventListener("change", () => this.draw());
    startTheme($("#theme"));
    startShortcuts($("#skip"), () => this.#enterComposer());
    onChange(() => this.draw());
    onLoss(() => this.#lose());
  }

  // Lets the user act as a person. Resolves to the person's column.
  async become(person) {
    showChannel();
    const visible = this.#visible;
    const column = visible.find((each) => each.person === person) ?? visible[0];
    if (column.person !== person) await column.become(person);
    return column;
  }

  // Puts a line into a person's composer, and leaves it to the user to send it.
  async draft(person, line) {
    (await this.become(person)).composer.write(line);
  }

  // One draw at a time. Changes during a draw cause one more.
  draw() {
    this.isStale = true;
    this.drawing ??= this.#drawWhileStale().finally(() => (this.drawing = null));
    return this.drawing;
  }

  // Shows another channel.
  async enter(id) {
    this.channel = this.world.channel(id);
    this.remember();
    await this.draw();
  }

  // Keeps the selected people in the address, so that a reload restores them.
  remember() {
    const as = this.#visible.map(({ person }) => ["as", person]);
    const isFirst = this.channel === this.world.channels[0];
    const query = new URLSearchParams(isFirst ? as : [...as, ["channel", this.channel.name]]);
    history.replaceState(null, "", `?${query}`);
  }

  async #drawWhileStale() {
    while (this.isStale) {
      this.isStale = false;
      await this.#drawOnce();
    }
  }

  async #drawOnce() {
    let json;
    try {
      json = await get("/sim/world");
    } catch {
      this.#lose();
      return;
    }
    $(".stage").inert = false;
    this.world = new World(json);
    this.#settle();
    this.#head();
    const [, second] = this.columns;
    second.element.hidden = !this.#visible.includes(second);
    await Promise.all(this.#visible.map((column) => column.draw()));
    // Not awaited: the side panel must not delay the channel.
    showAside(this.world.aside, {
      note: this.note,
      become: (person) => this.become(person),
      draft: (person, line) => this.draft(person, line),
    });
  }

  // The composer of the column in use, else the first one.
  #enterComposer() {
    showChannel();
    const visible = this.#visible;
    const used = visible.find(({ element }) => element.contains(document.activeElement));
    return (used ?? visible[0]).composer.enter();
  }

  // Nothing that is shown holds any more, and nothing can be done.
  #lose() {
    $(".stage").inert = true;
    this.#status(this.world?.ended ?? "discord-sim does not answer", "lost");
  }

  get #visible() {
    const isTwo = this.isTwo && wide.matches && this.world.people.length > 1;
    return isTwo ? this.columns : this.columns.slice(0, 1);
  }

  // Fills in the channel and people that are not selected yet or no longer exist.
  #settle() {
    const { channels, people } = this.world;
    const named = channels.find(({ name }) => name === wanted.get("channel"));
    this.channel = this.world.channel(this.channel?.id) ?? named ?? channels[0];
    this.columns.forEach((column, index) => {
      const asked = column.person ?? wanted.getAll("as")[index];
      column.person = this.world.named(asked) ? asked : people[index % people.length]?.name;
    });
  }

  #head() {
    const { world, channel } = this;
    document.title = `#${channel?.name} · ${world.title ?? "discord-sim"}`;
    fill($("#title"), world.title, (title) => title);
    const hasOne = world.channels.length < 2;
    fill($("#channel-name"), hasOne && channel?.name, (name) => name);
    const select = $("#channel");
    select.hidden = hasOne;
    fill(select, hasOne ? null : world.channels, (channels) =>
      channels?.map(({ id, name }) => h("option", { value: id }, name)),
    );
    select.value = channel?.id;
    set($("#beside"), "aria-pressed", this.isTwo);
    $("#beside").hidden = world.people.length < 2 || !wide.matches;
    const { name } = world.application;
    if (world.isOnline) this.#status(`${name} is online`, "online");
    else this.#status(`No bot is connected. Connect one to ${world.api}`, "offline");
  }

  #status(words, state) {
    const bot = $("#bot");
    if (bot.textContent !== words) bot.textContent = words;
    bot.dataset.state = state;
  }

  #showTwo(isTwo) {
    this.isTwo = isTwo;
    this.remember();
    this.draw();
  }
}

new Page().draw();
