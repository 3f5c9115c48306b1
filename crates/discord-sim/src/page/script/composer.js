// The composer: writes a message, a reply, or a slash command with its options.

import { Declined } from "./api.js";
import { author } from "./avatar.js";
import { fill, h, set } from "./dom.js";
import { Draft } from "./draft.js";
import { icon } from "./icons.js";
import { handleKey } from "./keys.js";
import { comboboxAttributes } from "./pill.js";
import { Suggestions } from "./suggestions.js";

export class Composer {
  constructor(column) {
    this.column = column;
    this.draft = null;
    this.target = null;
    this.suggestions = new Suggestions(column, (entry) => this.pick(entry));
    this.text = h("input", { name: "text", type: "text", ...comboboxAttributes(this.suggestions.titleId) });
    this.line = h(
      "div.line",
      {},
      this.text,
      h("button.send", { type: "submit", "aria-label": "Send", title: "Send" }, icon("send")),
    );
    this.replying = h("div.replying", { hidden: true });
    this.told = h("p.told", { role: "alert" });
    this.element = h(
      "form.composer",
      {
        submit: (event) => (event.preventDefault(), this.send()),
        input: (event) => this.#typed(event.target),
        focusin: (event) => this.#entered(event.target),
        focusout: (event) => this.element.contains(event.relatedTarget) || this.suggestions.hide(),
        keydown: (event) => handleKey(event, this),
      },
      this.suggestions.element,
      this.replying,
      this.line,
      this.told,
    );
  }

  // Adjusts the input to the channel.
  update() {
    const name = `Message #${this.column.channel?.name ?? ""}`;
    const rest = this.draft?.rest.length ?? 0;
    set(this.text, "aria-label", this.draft ? "More options" : name);
    set(this.text, "placeholder", this.draft ? rest > 0 && `+${rest} optional` : name);
  }

  tell(words) {
    this.told.textContent = words;
  }

  replyTo(message) {
    this.target = message;
    const { world } = this.column;
    const cancel = h(
      "button.cancel",
      { type: "button", "aria-label": "Cancel reply", click: () => this.replyTo(null) },
      icon("close"),
    );
    fill(
      this.replying,
      message?.id,
      () => message && [h("span", {}, "Replying to ", author(message.author, world)), cancel],
    );
    this.text.focus();
  }

  // Moves the focus into it. Returns whether a command can begin there.
  enter() {
    this.go(this.draft?.empty);
    return !this.draft && this.text.value === "";
  }

  // Replaces what is written by a line, as if somebody had typed it.
  write(line) {
    this.drop(line);
    this.#typed(this.text);
  }

  // Starts a command. `line` is the text after its name.
  begin(entry, line = "") {
    this.draft = new Draft(entry, this.suggestions.titleId);
    this.text.before(this.draft.element);
    this.text.value = "";
    const { before, last } = this.draft.take(line);
    const first = this.draft.empty;
    if (before.trim() && first) first.type(before.trim());
    else this.text.value = before.trim();
    this.update();
    this.go(last ?? this.draft.empty ?? this.draft.pills[0]);
  }

  // Leaves the command and returns to plain text.
  drop(text = "") {
    this.draft?.element.remove();
    this.draft = null;
    this.text.value = text;
    this.tell("");
    this.update();
    this.text.focus();
    this.suggest(this.text);
  }

  // Moves the focus into a pill, or behind the last one.
  go(pill) {
    const box = pill?.box ?? this.text;
    if (document.activeElement === box) this.suggest(box);
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  }

  // Applies the entry selected in the popup.
  pick({ entry, option, label, value }) {
    if (entry) return this.begin(entry);
    if (option) {
      this.text.value = "";
      return this.go(this.#add(option));
    }
    this.pillOf(document.activeElement)?.choose({ label, value });
    return this.go(this.draft?.empty);
  }

  pillOf(box) {
    return this.draft?.pills.find((pill) => pill.box === box);
  }

  remove(pill) {
    const index = this.draft.pills.indexOf(pill);
    this.draft.remove(pill);
    this.update();
    this.go(this.draft.pills[index]);
  }

  suggest(box) {
    const pill = this.pillOf(box);
    if (pill) this.suggestions.values(pill, this.draft);
    else if (this.draft) this.suggestions.options(box, this.draft.rest, box.value.trim());
    else if (box.value.startsWith("/"))
      this.suggestions.commands(box, this.column.commands, box.value.slice(1).toLowerCase());
    else this.suggestions.hide();
  }

  // Sends the input. Further calls during sending have no effect.
  async send() {
    if (this.isSending) return;
    this.isSending = true;
    this.suggestions.hide();
    const text = this.text.value.trim();
    try {
      if (this.draft) await this.#sendCommand(text);
      else if (text.startsWith("/")) this.tell(`There is no command ${text.split(" ")[0]} here`);
      else if (text) await this.#say(text);
    } catch (error) {
      this.tell(error instanceof Declined ? error.message : "discord-sim does not answer");
    } finally {
      this.isSending = false;
    }
  }

  async #say(text) {
    await this.column.say(text, this.target?.id);
    this.text.value = "";
    this.replyTo(null);
    this.tell("");
  }

  async #sendCommand(left) {
    const { draft, column } = this;
    if (left) return this.tell(`There is no option ${left}`);
    const { values, fault, pill } = draft.read(column.world);
    if (fault) {
      this.go(pill);
      return this.tell(fault);
    }
    await column.command(draft.entry.name, values);
    return this.drop();
  }

  #add(option) {
    const pill = this.draft.add(option);
    this.update();
    return pill;
  }

  #entered(box) {
    if (box === this.text || this.pillOf(box)) this.suggest(box);
  }

  // A whole line may be typed or pasted: names of commands and options become pills as they appear.
  #typed(box) {
    this.tell("");
    const pill = this.pillOf(box);
    if (this.draft) {
      const { before, last } = this.draft.take(box.value);
      if (last) {
        if (last !== pill) pill ? pill.type(before.trim()) : (box.value = before.trim());
        this.update();
        return this.go(last);
      }
    } else {
      const entry = this.column.commands.find(({ name }) => box.value.startsWith(`/${name} `));
      if (entry) return this.begin(entry, box.value.slice(entry.name.length + 2));
    }
    return this.suggest(box);
  }
}
