// A select menu of a message: a button that shows the selection, and the list that it opens.

import { fill, h, set } from "./dom.js";
import { Listbox } from "./listbox.js";
import { close, isOpen, open } from "./popover.js";

const STRING = 3;

export class Menu {
  // `choose` is called with the selected values.
  constructor(world, choose) {
    this.world = world;
    this.choose = choose;
    this.values = null;
    this.text = h("span.menu-text");
    this.box = h(
      "button.menu-box",
      {
        type: "button",
        role: "combobox",
        "aria-haspopup": "listbox",
        click: () => this.#toggle(),
        keydown: (event) => this.#key(event),
        blur: () => this.#close(),
      },
      this.text,
      h("span.menu-arrow", { "aria-hidden": "true" }),
    );
    this.list = new Listbox("", (entry) => this.#pick(entry));
    this.floating = h("div.menu-list", { popover: "manual" }, this.list.element);
    this.list.attach(this.box);
    set(this.box, "aria-expanded", false);
    this.element = h("div.menu", {}, this.box, this.floating);
  }

  update({ component, isLocked }) {
    this.component = component;
    this.most = component.max_values ?? 1;
    set(this.box, "data-custom-id", component.custom_id);
    set(this.box, "disabled", component.disabled || isLocked);
    set(this.list.element, "aria-multiselectable", this.most > 1 ? "true" : null);
    this.name = component.placeholder ?? "Make a selection";
    set(this.box, "aria-label", this.name);
    set(this.list.element, "aria-label", this.name);
    this.#write();
    if (isOpen(this.floating)) this.#show(this.list.active);
  }

  #write() {
    const chosen = this.#chosen();
    fill(this.text, [this.name, chosen], () => chosen.join(", ") || this.name);
  }

  #chosen() {
    const labels = new Map(this.#options().map((option) => [option.value, option.label]));
    return this.#values()
      .map((value) => labels.get(value))
      .filter(Boolean);
  }

  #values() {
    const preset = this.#options()
      .filter((option) => option.default)
      .map((option) => option.value);
    return this.values ?? preset;
  }

  #options() {
    const { component, world } = this;
    if (component.type === STRING) return component.options ?? [];
    const people = world.members.map(({ id, name }) => ({ label: name, value: id }));
    const roles = world.roles.map(({ id, name }) => ({ label: `@${name}`, value: id }));
    const channels = world.channels.map(({ id, name }) => ({ label: `#${name}`, value: id }));
    return { 5: people, 6: roles, 7: [...people, ...roles], 8: channels }[component.type] ?? [];
  }

  #show(active) {
    const chosen = this.#values();
    const entry = (option) => ({
      label: option.label,
      hint: option.description,
      value: option.value,
      picture: option.emoji?.name,
      selected: chosen.includes(option.value),
    });
    this.list.show(this.#options().map(entry), active);
  }

  #toggle() {
    if (isOpen(this.floating)) return this.#close();
    this.#show(0);
    return open(this.floating, this.box);
  }

  #pick({ value }) {
    if (this.most === 1) {
      this.values = null;
      close(this.floating);
      this.#collapse();
      this.choose([value]);
      return;
    }
    const chosen = this.#values();
    if (chosen.includes(value)) this.values = chosen.filter((other) => other !== value);
    else if (chosen.length < this.most) this.values = [...chosen, value];
    this.#write();
    this.#show(this.list.active);
  }

  // With several values, the selection is final when the list closes.
  #close() {
    if (!isOpen(this.floating)) return;
    close(this.floating);
    this.#collapse();
    const { values } = this;
    this.values = null;
    this.#write();
    if (values && values.length >= (this.component.min_values ?? 1)) this.choose(values);
  }

  #collapse() {
    this.list.show([], -1);
  }

  #key(event) {
    const isShown = isOpen(this.floating);
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in moves) {
      event.preventDefault();
      if (isShown) this.list.move(moves[event.key]);
      else this.#toggle();
    } else if (isShown && ["Home", "End"].includes(event.key)) {
      event.preventDefault();
      this.list.activate(event.key === "Home" ? 0 : this.list.entries.length - 1);
    } else if (isShown && ["Enter", " "].includes(event.key)) {
      event.preventDefault();
      if (this.list.current) this.#pick(this.list.current);
    } else if (isShown && event.key === "Escape") {
      event.preventDefault();
      this.values = null;
      this.#close();
    }
  }
}
