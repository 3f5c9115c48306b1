// The popup above the composer: commands, options, choices, and the bot's suggestions.

import { Declined, act } from "./api.js";
import { h, unique } from "./dom.js";
import { Listbox } from "./listbox.js";
import { fixedChoices } from "./options.js";

// The bot is asked after this many milliseconds without typing.
const PAUSE = 200;
const MOST = 25;
const NONE = "No options match your search";

export class Suggestions {
  // `pick` is called with the selected entry.
  constructor(column, pick) {
    this.column = column;
    this.titleId = unique("hint");
    this.list = new Listbox("Suggestions", pick);
    this.title = h("p.popup-title", { id: this.titleId });
    this.note = h("p.popup-note", { role: "status" });
    this.element = h("div.popup", { hidden: true }, this.title, this.list.element, this.note);
  }

  get isOpen() {
    return !this.element.hidden;
  }

  hide() {
    this.#stop();
    this.list.show([], -1);
    this.list.attach(null);
    this.element.hidden = true;
  }

  // Commands whose names start with the text, then those that contain it.
  commands(box, all, typed) {
    const found = [
      ...all.filter(({ name }) => name.startsWith(typed)),
      ...all.filter(({ name }) => name.indexOf(typed) > 0),
    ];
    const note = found.length === 0 ? "No commands match" : "";
    this.#show(
      box,
      "Commands",
      found.map((entry) => ({ label: `/${entry.name}`, hint: entry.description, value: entry.name, entry })),
      0,
      note,
    );
  }

  // Options without a value. None is active until an arrow key is pressed, so that Enter sends and Tab moves on.
  options(box, rest, typed) {
    const found = rest.filter(({ name }) => name.startsWith(typed));
    if (found.length === 0) return this.hide();
    const active = typed ? 0 : -1;
    return this.#show(
      box,
      "Optional",
      found.map((option) => ({ label: option.name, hint: option.description, value: option.name, option })),
      active,
      "",
    );
  }

  // Values for the option of a pill.
  values(pill, draft) {
    const { option, box } = pill;
    const title = [h("strong", {}, option.name), ` ${option.description}`];
    const typed = box.value.trim().toLowerCase().replace(/^[@#]/, "");
    const fixed = fixedChoices(option, this.column.world);
    if (fixed) {
      const found = fixed
        .filter(({ label }) => pill.choice || label.toLowerCase().includes(typed))
        .slice(0, MOST);
      const held = Math.max(
        0,
        found.findIndex((entry) => pill.holds(entry)),
      );
      this.#show(box, title, found, held, found.length === 0 ? NONE : "");
    } else if (pill.choice) {
      this.#show(box, title, [pill.choice], 0, "");
    } else if (option.autocomplete) {
      this.#ask(pill, draft, title);
    } else {
      this.#show(box, title, [], -1, "");
    }
  }

  #show(box, title, entries, active, note) {
    this.#stop();
    this.#head(box, title);
    this.list.show(entries, active);
    this.list.attach(box);
    this.note.textContent = note;
  }

  #head(box, title) {
    this.element.hidden = false;
    this.title.replaceChildren(...[title].flat());
  }

  // Only the latest request counts: older ones are aborted.
  #ask(pill, draft, title) {
    const isOther = this.list.box !== pill.box;
    this.#stop();
    this.#head(pill.box, title);
    if (isOther) this.list.show([], -1);
    this.list.attach(pill.box);
    this.list.fade();
    this.note.textContent = "Loading options…";
    const asking = new AbortController();
    this.asking = asking;
    this.timer = setTimeout(() => this.#complete(pill, draft, title, asking), PAUSE);
  }

  async #complete(pill, draft, title, asking) {
    const { name } = pill.option;
    const { column } = this;
    const options = draft.typed(column.world);
    delete options[name];
    const body = {
      channel: column.channel.id,
      text: `/${draft.entry.name}`,
      options,
      focus: [name, pill.box.value],
    };
    try {
      const { choices } = await act(column.person, "completes", body, asking.signal);
      const note = choices.length === 0 ? NONE : "";
      this.#show(
        pill.box,
        title,
        choices.map((choice) => ({ label: choice.name, value: choice.value })),
        0,
        note,
      );
    } catch (error) {
      if (asking.signal.aborted) return;
      this.list.show([], -1);
      this.note.textContent = error instanceof Declined ? error.message : "Loading options failed";
    }
  }

  #stop() {
    clearTimeout(this.timer);
    this.asking?.abort();
  }
}
