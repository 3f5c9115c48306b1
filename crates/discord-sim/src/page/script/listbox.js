// A list of options in ARIA's combobox pattern: the focus stays in the list's input, and
// `aria-activedescendant` names the active option.

import { h, set, unique } from "./dom.js";

export class Listbox {
  // `pick` is called with the selected entry.
  constructor(label, pick) {
    this.id = unique("list");
    this.pick = pick;
    this.entries = [];
    this.active = -1;
    // A click here must not take the focus from the input.
    this.element = h("div.listbox", {
      id: this.id,
      role: "listbox",
      "aria-label": label,
      mousedown: (e) => e.preventDefault(),
    });
  }

  // Shows entries of `{ label, hint, value, note, picture, selected }`. `active` is the index of the active one, or -1.
  show(entries, active) {
    this.entries = entries;
    this.element.replaceChildren(...entries.map((entry, index) => this.#option(entry, index)));
    this.element.removeAttribute("aria-busy");
    this.activate(active);
  }

  // The entries are about to change: until then none is active.
  fade() {
    this.element.setAttribute("aria-busy", "true");
    this.activate(-1);
  }

  get current() {
    return this.entries[this.active];
  }

  // Moves the active entry by `step`, wrapping around.
  move(step) {
    const count = this.entries.length;
    if (count === 0) return;
    const from = this.active < 0 && step < 0 ? 0 : this.active;
    this.activate((((from + step) % count) + count) % count);
  }

  activate(index) {
    const options = this.element.children;
    options[this.active]?.classList.remove("active");
    this.active = index < options.length ? index : -1;
    const option = options[this.active];
    option?.classList.add("active");
    option?.scrollIntoView({ block: "nearest" });
    this.#tell();
  }

  // Attaches the list to an input. `box` is null to detach it.
  attach(box) {
    if (this.box && this.box !== box) {
      set(this.box, "aria-expanded", false);
      set(this.box, "aria-activedescendant", null);
    }
    this.box = box;
    if (box) set(box, "aria-controls", this.id);
    this.#tell();
  }

  #tell() {
    if (!this.box) return;
    set(this.box, "aria-expanded", this.entries.length > 0);
    set(this.box, "aria-activedescendant", this.element.children[this.active]?.id);
  }

  #option(entry, index) {
    return h(
      "div.option",
      {
        role: "option",
        id: `${this.id}-${index}`,
        "data-value": entry.value,
        "aria-selected": entry.selected ?? false,
        click: () => this.pick(entry),
      },
      entry.picture,
      h(
        "span.option-text",
        {},
        h("span.option-label", {}, entry.label),
        entry.hint && h("span.option-hint", {}, entry.hint),
      ),
      entry.note && h("span.option-note", {}, entry.note),
    );
  }
}
