// The channel as one person sees it, and that person's actions.

import { announce } from "./announcer.js";
import { Declined, act, get, nextChange } from "./api.js";
import { Composer } from "./composer.js";
import { h, set } from "./dom.js";
import { History } from "./history.js";
import { MessageView } from "./message.js";
import { showModal } from "./modal.js";
import { entries } from "./options.js";
import { failed, pending } from "./pending.js";
import { People } from "./people.js";

// How often an unanswered interaction is polled when nothing changes, in milliseconds.
const LOOK = 500;

export class Column {
  // `page` has the world and the channel, which all columns share.
  constructor(page) {
    this.page = page;
    this.person = null;
    this.commands = [];
    this.local = [];
    this.people = new People((name) => this.become(name));
    this.history = new History();
    this.composer = new Composer(this);
    this.element = h("section.column", {}, this.people.element, this.history.element, this.composer.element);
    this.element.addEventListener("click", (event) => this.#clicked(event));
  }

  get world() {
    return this.page.world;
  }

  get channel() {
    return this.page.channel;
  }

  become(name) {
    this.person = name;
    this.local = [];
    this.known = null;
    this.history.follow();
    this.page.remember();
    return this.page.draw();
  }

  // Draws changes. Only the page calls it, one call at a time.
  async draw() {
    const { person, channel } = this;
    if (!channel || !person) return;
    this.element.dataset.person = person;
    set(this.element, "aria-label", `#${channel.name} as ${person}`);
    this.history.welcome(channel);
    this.people.update(this.world, person);
    const as = `/sim/channels/${channel.id}`;
    const who = `?as=${encodeURIComponent(person)}`;
    try {
      const [messages, commands] = await Promise.all([
        get(`${as}/messages${who}`),
        get(`${as}/commands${who}`),
      ]);
      // The column may have switched to another person meanwhile, who is drawn next.
      if (person !== this.person || channel !== this.channel) return;
      this.commands = entries(commands);
      this.#show(messages);
    } catch (error) {
      this.#tell(error);
    }
    this.composer.update();
  }

  say(text, reply_to) {
    this.history.follow();
    return act(this.person, "says", { channel: this.channel.id, text, reply_to });
  }

  // Does something to a message, and shows the reason if it is refused.
  async act(verb, body) {
    this.composer.tell("");
    try {
      await act(this.person, verb, { channel: this.channel.id, ...body });
    } catch (error) {
      this.#tell(error);
    }
  }

  // Sends a command with its options by name.
  async command(name, options) {
    const sent = { channel: this.channel.id, text: `/${name}`, options };
    const { interaction } = await act(this.person, "types", sent);
    this.history.follow();
    this.#pend(interaction, name);
  }

  // Presses a button or selects from a menu. Returns a message if there is no response.
  async use(spot) {
    try {
      const { interaction } = await act(this.person, "uses", { channel: this.channel.id, ...spot });
      return (await this.#answered(interaction)) ? null : "This interaction failed";
    } catch (error) {
      return words(error);
    }
  }

  // Dismisses a message that only this person sees.
  dismiss(message) {
    if (!message.isLocal) return this.act("deletes", { message: message.id });
    this.local = this.local.filter((other) => other !== message);
    return this.page.draw();
  }

  // Scrolls to a message.
  async jump(id, channel = this.channel.id) {
    if (channel !== this.channel.id) await this.page.enter(channel);
    const view = this.history.view(id);
    if (view) view.point();
    else this.composer.tell("Unknown Message");
  }

  async #pend(interaction, name) {
    const sent = pending(interaction, name, this.world.named(this.person), this.world.application);
    this.local.push(sent);
    this.page.draw();
    const isAnswered = await this.#answered(interaction);
    this.local = this.local.flatMap((other) => (other !== sent ? [other] : isAnswered ? [] : [failed(sent)]));
    this.page.draw();
  }

  // Waits for the bot's initial response, and shows it if it is a modal. Returns whether there was one.
  async #answered(interaction) {
    for (;;) {
      const { too_late, modal, answered } = await get(`/sim/interactions/${interaction}`);
      if (modal) showModal(modal, (fields) => this.#submit(interaction, fields));
      if (answered || modal) return true;
      if (too_late) return false;
      await nextChange(LOOK);
    }
  }

  async #submit(interaction, fields) {
    try {
      const sent = await act(this.person, "submits", { interaction, fields });
      return (await this.#answered(sent.interaction)) ? null : "Something went wrong. Try again.";
    } catch (error) {
      return words(error);
    }
  }

  #show(messages) {
    const known = this.known;
    this.known = new Set(messages.map(({ id }) => id));
    const fresh = messages.filter(({ id }) => known && !known.has(id));
    // An ephemeral message is a response to this person's last action.
    if (fresh.some((message) => message.only_for)) this.history.follow();
    this.history.show([...messages, ...this.local], () => new MessageView(this), fresh.length > 0);
    for (const message of fresh) announce(message, this.history.view(message.id).element);
  }

  #clicked(event) {
    const link = event.target.closest("a[data-jump]");
    if (!link) return;
    event.preventDefault();
    this.jump(link.dataset.jump, link.dataset.channel);
  }

  #tell(error) {
    this.composer.tell(words(error));
  }
}

function words(error) {
  if (error instanceof Declined) return error.message;
  if (error instanceof TypeError) return "discord-sim does not answer";
  throw error;
}
