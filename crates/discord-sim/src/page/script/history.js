// The messages of a channel in their list, which stays at its end while one reads there.

import { fill, h, set, sync } from "./dom.js";
import { icon } from "./icons.js";
import { dayOf } from "./moments.js";
import { timeline } from "./timeline.js";

// How near its end, in pixels, the list counts as read to the end.
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
    // What grows, such as a card that is filled in, must not push the end out of sight.
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

  // Shows messages; `make` makes the view of a new one. `isNews` says that some were not there before.
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
    // Whoever was in a message that is gone goes on from the last one.
    if (hadFocus && !this.list.contains(document.activeElement))
      this.list.lastElementChild?.focus({ preventScroll: true });
    if (this.isAtEnd) this.#toEnd();
    else if (isNews) this.down.hidden = false;
  }

  view(id) {
    return this.views.get(id);
  }

  // Goes to the end with whatever comes next.
  follow() {
    this.isAtEnd = true;
  }

  #toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.height = this.scroller.scrollHeight;
    this.isAtEnd = true;
    this.down.hidden = true;
  }

  // Only who scrolls leaves the end; what moves because something grew has not.
  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR;
    if (isNear || scrollHeight === this.height) this.isAtEnd = isNear;
    this.height = scrollHeight;
    if (isNear) this.down.hidden = true;
  }

  // One message is in the order of Tab; the arrows move from one to the next.
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

// The line between two days.
function divider(day) {
  return { element: h("li.day", {}, h("span", {}, dayOf(day))), update() {} };
}
