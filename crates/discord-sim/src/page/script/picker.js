// A small emoji picker: the emoji already on the message, and frequent ones.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { close, open } from "./popover.js";

const COMMON = ["✅", "❌", "👍", "👎", "👀", "🎉", "❤️", "😂", "🤔", "🚨", "🙏", "🔥"];
const IN_A_ROW = 6;
const STEPS = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: IN_A_ROW, ArrowUp: -IN_A_ROW };

// A button that opens a picker. `used` returns the emoji to show first. `picked` is called with the selected emoji.
export function pickerButton(used, picked) {
  const button = h(
    "button.add-reaction",
    {
      type: "button",
      "aria-label": "Add reaction",
      "aria-haspopup": "dialog",
      click: () => pick(button, used(), picked),
    },
    icon("react"),
  );
  return button;
}

function pick(button, used, picked) {
  const offered = [...new Set([...used, ...COMMON])];
  const floating = h(
    "div.picker",
    {
      popover: "auto",
      role: "dialog",
      "aria-label": "Pick an emoji",
      keydown: move,
      toggle: (event) => event.newState === "closed" && floating.remove(),
    },
    offered.map(choice),
  );
  // Directly after the button, so that Tab moves into it.
  button.after(floating);
  open(floating, button);
  floating.firstElementChild.focus();

  function choice(emoji) {
    return h(
      "button",
      { type: "button", "data-emoji": emoji, "aria-label": emoji, click: () => done(emoji) },
      emoji,
    );
  }

  function done(emoji) {
    close(floating);
    button.focus();
    picked(emoji);
  }
}

function move(event) {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  const all = [...event.currentTarget.children];
  all[all.indexOf(document.activeElement) + step]?.focus();
}
