// A modal from the bot: text inputs in a dialog.

import { h, set, unique } from "./dom.js";

const PARAGRAPH = 2;

// Shows a modal. `submit` receives the values by custom id, and returns an error message or null.
export function showModal(modal, submit) {
  const fields = modal.components.map((row) => new Field(row.component ?? row.components[0], row));
  const title = h("h2", { id: unique("title") }, modal.title);
  const wrong = h("p.told", { role: "alert" });
  const send = h("button.button.primary", { type: "submit" }, "Submit");
  const cancel = h("button.button.plain", { type: "button", click: () => dialog.close() }, "Cancel");
  const form = h(
    "form",
    { novalidate: true, submit: answer },
    title,
    fields.map((field) => field.element),
    wrong,
    h("div.dialog-buttons", {}, cancel, send),
  );
  const dialog = h("dialog", { "aria-labelledby": title.id, close: () => dialog.remove() }, form);
  document.body.append(dialog);
  dialog.showModal();
  fields[0]?.box.focus();

  async function answer(event) {
    event.preventDefault();
    const bad = fields.filter((field) => !field.check());
    if (bad.length > 0) {
      bad[0].box.focus();
      return;
    }
    send.disabled = true;
    wrong.textContent =
      (await submit(Object.fromEntries(fields.map((field) => [field.name, field.box.value])))) ?? "";
    send.disabled = false;
    if (!wrong.textContent) dialog.close();
  }
}

class Field {
  constructor(input, row) {
    this.name = input.custom_id;
    this.least = input.min_length ?? 0;
    this.most = input.max_length ?? 4000;
    this.isRequired = input.required !== false;
    const [id, error, help] = [unique("field"), unique("error"), unique("help")];
    const isLong = input.style === PARAGRAPH;
    this.box = h(isLong ? "textarea" : "input", {
      id,
      name: input.custom_id,
      placeholder: input.placeholder,
      rows: isLong ? 4 : null,
      maxlength: this.most,
      autocomplete: "off",
      "aria-required": this.isRequired,
      "aria-describedby": `${error} ${help}`,
      input: () => this.error.textContent && this.check(),
    });
    this.box.value = input.value ?? "";
    this.error = h("span.field-error", { id: error });
    this.element = h(
      "div.field",
      {},
      h(
        "label",
        { for: id },
        row.label ?? input.label,
        this.isRequired && h("span.star", { "aria-hidden": "true" }, " *"),
      ),
      row.description && h("span.help", { id: help }, row.description),
      this.box,
      this.error,
    );
  }

  // Shows the error of the value, and returns whether it is valid.
  check() {
    const length = [...this.box.value].length;
    const isEmpty = length === 0;
    let fault = "";
    if (isEmpty && this.isRequired) fault = "This field is required";
    else if (!isEmpty && length < this.least) fault = `Must be ${this.least} or more in length.`;
    else if (length > this.most) fault = `Must be ${this.most} or fewer in length.`;
    this.error.textContent = fault;
    set(this.box, "aria-invalid", fault !== "");
    return fault === "";
  }
}
