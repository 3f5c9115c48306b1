// Reactions below a message, and a button to add one.

import { h, set, sync } from "./dom.js";
import { pickerButton } from "./picker.js";

export class Reactions {
  // `react` is called with an emoji, and with true to remove the person's own reaction.
  constructor(react) {
    this.react = react;
    this.element = h("ul.reactions", { "aria-label": "Reactions" });
  }

  // Shows the reactions as `me` sees them.
  update(reactors, me) {
    this.element.hidden = reactors.length === 0;
    const items = reactors.map((reaction) => ({ ...reaction, isMine: reaction.users.includes(me) }));
    this.used = reactors.map(({ emoji }) => emoji);
    sync(
      this.element,
      [...items, {}],
      (item) => item.emoji ?? "",
      (item) => (item.emoji ? this.#pill() : this.#adder()),
    );
  }

  #pill() {
    let shown;
    const emoji = h("span.emoji", { "aria-hidden": "true" });
    const count = h("span.count", { "aria-hidden": "true" });
    const press = () => this.react(shown.emoji, shown.isMine);
    const button = h("button.reaction", { type: "button", click: press }, emoji, " ", count);
    return { element: h("li", {}, button), update };

    function update(item) {
      shown = item;
      const who = item.users.join(", ");
      emoji.textContent = item.emoji;
      count.textContent = item.users.length;
      set(button, "data-emoji", item.emoji);
      set(button, "data-who", who);
      set(button, "aria-pressed", item.isMine);
      set(button, "aria-label", `${item.emoji} ${item.users.length}: ${who}`);
    }
  }

  #adder() {
    const button = pickerButton(
      () => this.used,
      (emoji) => this.react(emoji, false),
    );
    return { element: h("li", {}, button), update() {} };
  }
}
