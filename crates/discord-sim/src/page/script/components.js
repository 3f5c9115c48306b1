// Buttons and select menus below a message.

import { h, set, sync } from "./dom.js";
import { Menu } from "./menu.js";

const BUTTON = 2;
const LINK = 5;
const STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "secondary", 6: "primary" };

// Draws the rows of a message into `place`. `use` is called with a custom id, and for a menu with the values.
export function components(place, message, world, isLocked, use) {
  place.hidden = message.components.length === 0;
  sync(
    place,
    message.components.map((row, index) => ({ ...row, index })),
    (row) => row.index,
    row,
  );

  function row() {
    const element = h("div.row");
    return { element, update: (row) => sync(element, row.components.map(item), identity, one) };
  }

  function item(component) {
    return { component, isLocked };
  }

  function one({ component }) {
    const custom = component.custom_id;
    return component.type === BUTTON
      ? new Button(() => use(custom))
      : new Menu(world, (values) => use(custom, values));
  }
}

function identity({ component }) {
  return `${component.type} ${component.style === LINK} ${component.custom_id ?? component.url}`;
}

class Button {
  constructor(press) {
    this.element = h("button.button", { type: "button", click: () => this.press(press) });
  }

  press(press) {
    if (this.url) open(this.url, "_blank", "noreferrer");
    else press();
  }

  update({ component, isLocked }) {
    this.url = component.style === LINK ? component.url : null;
    const { element } = this;
    element.className = `button ${STYLES[component.style] ?? "secondary"}`;
    set(element, "data-custom-id", component.custom_id);
    set(element, "disabled", component.disabled || isLocked);
    const words = [component.emoji?.name, component.label, this.url && "↗"].filter(Boolean).join(" ");
    if (element.textContent !== words) element.textContent = words;
  }
}
