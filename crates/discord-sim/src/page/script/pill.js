// An option of the command being filled in: its name and an input for its value.

import { h, set, unique } from "./dom.js";
import { read } from "./options.js";

export class Pill {
  constructor(option, describedBy) {
    this.option = option;
    this.choice = null;
    const id = unique("option");
    this.box = h("input", {
      id,
      type: "text",
      ...comboboxAttributes(describedBy),
      "aria-required": Boolean(option.required),
      size: 4,
    });
    this.element = h(
      "span.pill",
      { "data-option": option.name },
      h("label", { for: id }, option.name),
      this.box,
    );
    this.box.addEventListener("input", () => this.#typed());
  }

  // Fills in a choice, whose value may differ from its label.
  choose({ label, value }) {
    this.type(label);
    this.choice = { label, value };
  }

  type(text) {
    this.box.value = text;
    this.#typed();
  }

  // The value, as `{ value }` or `{ fault }`.
  read(world) {
    if (this.choice) return { value: this.choice.value };
    return read(this.option, this.box.value, world);
  }

  // Whether an entry of the list is already filled in.
  holds({ value }) {
    return this.choice
      ? this.choice.value === value
      : this.box.value.trim().toLowerCase() === String(value).toLowerCase();
  }

  mark(isWrong) {
    set(this.box, "aria-invalid", isWrong);
  }

  #typed() {
    this.choice = null;
    this.mark(false);
    this.box.size = Math.max(4, this.box.value.length + 1);
  }
}

// Gives an input the ARIA attributes of a combobox.
export function comboboxAttributes(describedBy) {
  return {
    role: "combobox",
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    "aria-autocomplete": "list",
    "aria-expanded": false,
    "aria-describedby": describedBy,
  };
}
