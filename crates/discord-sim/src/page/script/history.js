// The messages of a channel in a list, which stays at its end while the user reads there.

import { fill, h, set, sync } from "./dom.js";
import { icon } from "./icons.js";
import { dayOf } from "./timestamps.js";
import { timeline } from "./timeline.js";

// The list counts as scrolled to its end within this many pixels.
const NEAR = 60;

export class History {
  constructor() {
    this.views = new Map();
    this.isAtEnd = true;
    this.head = h("div.welcome");
    this.list = h("ol.messages", { "aria-label": "Messages", keydown: (event) => this.#key(event) });
    this.scroller = h("div.scroller", { scroll: () => this.#scrolled() }, this.head, this.list);
    this.down = h(
      "button.to-end",
      { type: "button", hidden: true, click: () => this.#toEnd() },
      "Newer messages ",
      icon("down"),
    );
    this.element = h("div.history", {}, this.scroller, this.down);
    // A growing message, such as a card that is filled in, must not push the end out of view.
    const watcher = new ResizeObserver(() => this.isAtEnd && this.#toEnd());
    watcher.observe(this.list);
    watcher.observe(this.scroller);
  }

  welcome({ name }) {
    fill(this.head, name, () => [
      h("span.sign", { "aria-hidden": "true" }, "#"),
      h("h2", {}, `Welcome to #${name}!`),
      h("p", {}, "This is the start of the channel. Type / to see the commands of the bot."),
    ]);
  }

  // Shows messages. `make` creates the view of a new one. `isNews` is true if some are new.
  show(messages, make, isNews) {
    const items = timeline(messages);
    const hadFocus = this.list.contains(document.activeElement);
    sync(
      this.list,
      items,
      ({ message, day }) => message?.id ?? day,
      ({ message, day }) => {
        if (day) return divider(day);
        const view = make();
        this.views.set(message.id, view);
        return view;
      },
    );
    const ids = new Set(messages.map(({ id }) => id));
    for (const id of this.views.keys()) if (!ids.has(id)) this.views.delete(id);
    if (!this.list.querySelector(":scope > [tabindex='0']")) this.#enterAt(this.list.lastElementChild);
    // If the focused message is gone, the focus moves to the last one.
    if (hadFocus && !this.list.contains(document.activeElement))
      this.list.lastElementChild?.focus({ preventScroll: true });
    if (this.isAtEnd) this.#toEnd();
    else if (isNews) this.down.hidden = false;
  }

  view(id) {
    return this.views.get(id);
  }

  // Scrolls to the end with the next update.
  follow() {
    this.isAtEnd = true;
  }

  #toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.height = this.scroller.scrollHeight;
    this.isAtEnd = true;
    this.down.hidden = true;
  }

  // Only scrolling by the user leaves the end, not growing content.
  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR;
    if (isNear || scrollHeight === this.height) this.isAtEnd = isNear;
    this.height = scrollHeight;
    if (isNear) this.down.hidden = true;
  }

  // One message is in the Tab order; arrow keys move between messages.
  #key(event) {
    const item = event.target;
    if (item.parentElement !== this.list) return;
    const messages = [...this.list.querySelectorAll(":scope > .message")];
    const at = messages.indexOf(item);
    const next = {
      ArrowUp: messages[at - 1],
      ArrowDown: messages[at + 1],
      Home: messages.at(0),
      End: messages.at(-1),
    }[event.key];
    if (!next) return;
    event.preventDefault();
    this.#enterAt(next);
    next.focus();
  }

  #enterAt(item) {
    for (const other of this.list.querySelectorAll(":scope > [tabindex='0']")) set(other, "tabindex", "-1");
    if (item) set(item, "tabindex", "0");
  }
}

// The separator between two days.
function divider(day) {
  return { element: h("li.day", {}, h("span", {}, dayOf(day))), update() {} };
}
