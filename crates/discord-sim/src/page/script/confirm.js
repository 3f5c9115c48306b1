// A confirmation before an action that cannot be undone.

import { h, unique } from "./dom.js";

// Calls `go` if the button `yes` is pressed. The focus then returns to `back`.
export function confirm(title, text, yes, back, go) {
  const heading = h("h2", { id: unique("title") }, title);
  const detail = h("p", { id: unique("detail") }, text);
  const button = (shape, words, click) => h(shape, { type: "button", click }, words);
  const cancel = button("button.button.plain", "Cancel", () => dialog.close());
  const confirmed = button("button.button.danger", yes, () => (dialog.close(), go()));
  const dialog = h(
    "dialog",
    {
      role: "alertdialog",
      "aria-labelledby": heading.id,
      "aria-describedby": detail.id,
      close: () => (dialog.remove(), back.focus()),
    },
    h("div.dialog", {}, heading, detail, h("div.dialog-buttons", {}, cancel, confirmed)),
  );
  document.body.append(dialog);
  dialog.showModal();
}
