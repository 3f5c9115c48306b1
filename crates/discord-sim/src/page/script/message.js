// A message. It is drawn once and then updated in place.

import { author, avatar, tag } from "./avatar.js";
import { components } from "./components.js";
import { confirm } from "./confirm.js";
import { fill, h } from "./dom.js";
import { embed } from "./embed.js";
import { inline } from "./inline.js";
import { icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { clock, posted } from "./timestamps.js";
import { pickerButton } from "./picker.js";
import { Reactions } from "./reactions.js";
import { moderates } from "./world.js";

const LOADING = 128;
// Markdown that starts a block; the preview of a reply does not show blocks.
const BLOCK = /^(?:#{1,3}|-#|>{1,3}|[-*]) +/;

export class MessageView {
  // `column` belongs to the person who sees the message and uses its controls.
  constructor(column) {
    this.column = column;
    const slot = (shape) => h(shape, { hidden: true });
    this.reply = slot("div.above");
    this.used = slot("div.above");
    this.head = slot("div.head");
    this.clock = slot("div.gutter");
    this.content = slot("div.content.text");
    this.embeds = slot("div.embeds");
    this.rows = slot("div.rows");
    this.failure = h("p.failure", { role: "alert", hidden: true });
    this.reactions = new Reactions((emoji, isMine) =>
      column.act(isMine ? "takes-back" : "reacts", { message: this.message.id, emoji }),
    );
    this.foot = slot("p.foot");
    this.tools = slot("div.tools");
    this.element = h(
      "li.message",
      { tabindex: "-1" },
      this.reply,
      this.used,
      this.clock,
      this.head,
      h(
        "div.body",
        {},
        this.content,
        this.embeds,
        this.rows,
        this.failure,
        this.reactions.element,
        this.foot,
      ),
      this.tools,
    );
  }

  // `starts` is true if the message begins a group.
  update({ message, starts }) {
    this.message = message;
    const { world, person } = this.column;
    const { element } = this;
    element.dataset.message = message.id;
    element.dataset.author = message.author.username;
    const roles = world.named(message.author.username)?.roles;
    const isMentioned = message.notified.includes(person);
    const isLoading = (message.flags & LOADING) !== 0;
    const classes = {
      starts,
      mentioned: isMentioned,
      ephemeral: Boolean(message.only_for),
      loading: isLoading,
      pending: Boolean(message.isPending),
      failed: Boolean(message.failed),
    };
    for (const [name, isOn] of Object.entries(classes)) element.classList.toggle(name, isOn);
    fill(this.reply, referenced(message), (target) => target && this.#reply(target));
    fill(this.used, message.interaction, (used) => used && this.#used(used));
    fill(
      this.head,
      starts && [message.author, message.timestamp, roles],
      (value) => value && this.#head(message),
    );
    fill(this.clock, !starts && message.timestamp, (iso) => iso && clock(iso));
    const isEdited = Boolean(message.edited_timestamp);
    const names = [world.members, world.roles, world.channels];
    fill(this.content, [message.content, isLoading, message.failed, isEdited, isMentioned, names], () =>
      this.#content(message, isLoading),
    );
    fill(this.embeds, [message.embeds, names], () => message.embeds.map((data) => embed(data, world)));
    components(this.rows, message, world, Boolean(message.isPending), (id, values) => this.#use(id, values));
    this.reactions.update(message.reactors, person);
    fill(this.foot, [message.only_for, message.failed], () => this.#foot(message));
    fill(this.tools, [this.#mayReact(), this.#mayDelete()], () => this.#tools());
  }

  // Highlights the message briefly.
  point() {
    const { element } = this;
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
    element.classList.remove("pointed");
    element.addEventListener("animationend", () => element.classList.remove("pointed"), { once: true });
    element.classList.add("pointed");
  }

  #head(message) {
    const { world } = this.column;
    return [
      avatar(message.author, world),
      author(message.author, world),
      message.author.bot && tag(),
      posted(message.timestamp),
    ].filter(Boolean);
  }

  #reply(target) {
    const { world } = this.column;
    if (target === "gone") return h("span.reply", {}, h("em", {}, "Original message was deleted"));
    const words =
      target.content.split("\n")[0].replace(BLOCK, "") || target.embeds[0]?.title || "Click to see it";
    return h(
      "button.reply",
      { type: "button", click: () => this.column.jump(target.id) },
      h("span.visually-hidden", {}, "Replies to "),
      avatar(target.author, world),
      author(target.author, world),
      " ",
      h("span.snippet", { inert: true }, inline(words, world)),
    );
  }

  #used({ user, name }) {
    const { world } = this.column;
    return h(
      "p.used",
      {},
      avatar(user, world),
      author(user, world),
      " used ",
      h("span.command-name", {}, `/${name}`),
    );
  }

  #content(message, isLoading) {
    const { world } = this.column;
    if (message.failed) return [icon("warning"), " ", message.failed];
    if (isLoading)
      return h(
        "em.thinking",
        {},
        message.isPending ? "Sending command…" : `${message.author.username} is thinking…`,
      );
    const isMentioned = this.element.classList.contains("mentioned");
    const made = [
      isMentioned && h("span.visually-hidden", {}, "Mentions you: "),
      message.content && markdown(message.content, world),
    ];
    if (message.edited_timestamp) {
      const title = new Date(message.edited_timestamp).toLocaleString();
      made.push(" ", h("span.edited", { title }, "(edited)"));
    }
    return made;
  }

  #foot(message) {
    if (!message.only_for) return null;
    const dismiss = h(
      "button.link",
      { type: "button", click: () => this.column.dismiss(message) },
      "Dismiss message",
    );
    return [icon("eye"), " Only you can see this · ", dismiss];
  }

  // Ephemeral messages have neither reactions nor replies.
  #mayReact() {
    return !this.message.only_for;
  }

  #mayDelete() {
    const { message, column } = this;
    const isOwn = message.author.username === column.person;
    return !message.only_for && (isOwn || moderates(column.world.named(column.person)));
  }

  #tools() {
    const button = (name, drawing, click) =>
      h("button.tool", { type: "button", "aria-label": name, title: name, click }, icon(drawing));
    const used = () => this.message.reactors.map(({ emoji }) => emoji);
    return [
      this.#mayReact() &&
        pickerButton(used, (emoji) => this.column.act("reacts", { message: this.message.id, emoji })),
      this.#mayReact() && button("Reply", "reply", () => this.column.composer.replyTo(this.message)),
      this.#mayDelete() && button("Delete", "trash", () => this.#delete()),
    ];
  }

  #delete() {
    const go = () => this.column.act("deletes", { message: this.message.id });
    confirm("Delete message", "Are you sure you want to delete this message?", "Delete", this.element, go);
  }

  // Presses a button or selects from a menu. Without a response from the bot, it shows a failure.
  async #use(custom_id, values) {
    this.failure.hidden = true;
    const failed = await this.column.use({ message: this.message.id, custom_id, ...(values && { values }) });
    this.failure.hidden = !failed;
    this.failure.textContent = failed ?? "";
  }
}

function referenced(message) {
  if (!message.message_reference) return null;
  const target = message.referenced_message;
  if (!target) return "gone";
  const { id, author, content, embeds } = target;
  return { id, author, content, embeds: embeds.slice(0, 1).map(({ title }) => ({ title })) };
}
