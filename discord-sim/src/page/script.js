// A channel as two people see it. All state is the simulator's; the page only draws it and sends acts.

import { markdown } from "./markdown.js";

const $ = (selector, root = document) => root.querySelector(selector);

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error((await response.json()).message);
  return response.json();
}

async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.status === 204) return {};
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.message);
  return answer;
}

const channel = () => $("#channel").value;

let commands = [];

// Names by id, for mentions.
const names = { people: new Map(), roles: new Map(), channels: new Map() };

function formatted(text, className) {
  const made = element("div", undefined, className);
  made.append(markdown(text, names));
  return made;
}

class Column {
  constructor(root, index) {
    root.append($("#column").content.cloneNode(true));
    this.index = index;
    this.asked = 0;
    this.who = $(".who select", root);
    this.list = $(".messages", root);
    this.told = $(".told", root);
    this.who.addEventListener("change", () => this.draw());
    const form = $("form", root);
    const input = form.elements.text;
    this.choices = $("datalist", root);
    this.choices.id = `choices-${index}`;
    input.setAttribute("list", this.choices.id);
    input.addEventListener("input", () => this.suggest(input.value));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(input);
    });
  }

  offer(people) {
    const chosen = this.who.value || people[this.index % people.length]?.name;
    this.who.replaceChildren(
      ...people.map(({ name, roles }) => {
        const option = element("option", roles.length ? `${name} (${roles.join(", ")})` : name);
        option.value = name;
        option.selected = name === chosen;
        return option;
      }),
    );
  }

  async act(act, body) {
    this.told.textContent = "";
    try {
      const path = `/sim/as/${encodeURIComponent(this.who.value)}/${act}`;
      const { interaction } = await post(path, { channel: channel(), ...body });
      if (interaction) await this.follow(interaction);
      return true;
    } catch (error) {
      this.told.textContent = error.message;
      return false;
    }
  }

  async send(input) {
    const text = input.value.trim();
    if (text && (await this.act(text.startsWith("/") ? "types" : "says", { text }))) input.value = "";
  }

  // Offers what could be typed next: commands, options, and the bot's choices for the option that is being typed.
  async suggest(text) {
    const [, name, rest] = /^\/([\w-]*)( .*)?$/.exec(text) ?? [];
    if (name === undefined) return this.choices.replaceChildren();
    if (rest === undefined) return this.offerLines(commands.map((c) => [`/${c.name} `, c.description]));
    const options = commands.find((command) => command.name === name)?.options ?? [];
    const [, before, option, typed] = /^(.* )(?:([\w-]+):)?(\S*)$/.exec(text);
    if (option === undefined) {
      const free = options.filter((o) => !before.includes(` ${o.name}:`));
      return this.offerLines(free.map((o) => [`${before}${o.name}:`, o.description]));
    }
    const chosen = options.find((o) => o.name === option);
    const offer = (choices) => this.offerLines(choices.map((c) => [`${before}${option}:${c.value} `, c.name]));
    if (chosen?.choices) return offer(chosen.choices);
    if (!chosen?.autocomplete) return this.choices.replaceChildren();
    const asked = ++this.asked;
    const body = { channel: channel(), text: before.trim(), focus: [option, typed] };
    try {
      const { choices } = await post(`/sim/as/${encodeURIComponent(this.who.value)}/completes`, body);
      if (asked === this.asked) offer(choices);
    } catch {
      // Without choices one types on, as in Discord.
    }
    return undefined;
  }

  offerLines(lines) {
    this.choices.replaceChildren(
      ...lines.map(([value, label]) => Object.assign(element("option"), { value, label })),
    );
  }

  // Waits for the bot's first answer, to tell when there is none and to open a modal.
  async follow(id) {
    for (;;) {
      const state = await get(`/sim/interactions/${id}`);
      if (state.too_late) throw new Error("The application did not respond");
      if (state.modal) return this.fillIn(id, state.modal);
      if (state.answered) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  fillIn(interaction, modal) {
    const dialog = $("dialog");
    const form = $("form", dialog);
    form.replaceChildren(element("h2", modal.title));
    for (const row of modal.components) {
      const input = row.component ?? row.components[0];
      const label = element("label", `${row.label ?? input.label} `);
      const field = element(input.style === 2 ? "textarea" : "input");
      field.name = input.custom_id;
      field.value = input.value ?? "";
      field.placeholder = input.placeholder ?? "";
      label.append(field);
      form.append(label);
    }
    form.append(element("button", "Submit"));
    form.onsubmit = () =>
      this.act("submits", { interaction, fields: Object.fromEntries(new FormData(form)) });
    dialog.showModal();
  }

  async draw() {
    if (!this.who.value || !channel()) return;
    const path = `/sim/channels/${channel()}/messages?as=${encodeURIComponent(this.who.value)}`;
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 40;
    try {
      const messages = await get(path);
      this.list.replaceChildren(...messages.map((message) => this.message(message)));
      if (atEnd) this.list.scrollTop = this.list.scrollHeight;
    } catch (error) {
      this.told.textContent = error.message;
    }
  }

  message(message) {
    const item = element("li", undefined, message.only_for ? "own" : "");
    const head = element("div");
    if (message.interaction) {
      const { user, name } = message.interaction;
      item.append(element("div", `${user.username} used /${name}`, "quiet"));
    }
    head.append(element("strong", message.author.username), " ");
    const edited = message.edited_timestamp ? " (edited)" : "";
    head.append(element("span", new Date(message.timestamp).toLocaleTimeString() + edited, "quiet"));
    item.append(head);
    if (message.referenced_message) {
      const { author, content, embeds } = message.referenced_message;
      item.append(formatted(`↪ ${author.username}: ${content || embeds[0]?.title || ""}`, "quiet reply"));
    }
    if (message.flags & 128) item.append(element("em", "is thinking…"));
    if (message.content) item.append(formatted(message.content, "content"));
    item.append(...message.embeds.map(card));
    for (const row of message.components) item.append(...row.components.map((c) => this.component(message, c)));
    const reactions = element("div");
    for (const { emoji, users } of message.reactors) {
      const mine = users.includes(this.who.value);
      const button = element("button", `${emoji} ${users.length}`, mine ? "mine" : "");
      button.title = users.join(", ");
      button.setAttribute("aria-pressed", mine);
      button.onclick = () => this.act(mine ? "takes-back" : "reacts", { message: message.id, emoji });
      reactions.append(button, " ");
    }
    item.append(reactions);
    if (message.only_for) item.append(element("div", "Only you can see this", "quiet"));
    return item;
  }

  component(message, component) {
    const use = (values) =>
      this.act("uses", { message: message.id, custom_id: component.custom_id, ...(values && { values }) });
    if (component.type === 2) {
      const button = element("button", component.label ?? component.emoji?.name);
      button.disabled = Boolean(component.disabled);
      button.onclick = () => use();
      return button;
    }
    const menu = element("select");
    menu.append(element("option", component.placeholder ?? "Choose"));
    for (const { label, value } of component.options ?? []) {
      const option = element("option", label);
      option.value = value;
      menu.append(option);
    }
    menu.onchange = () => use([menu.value]);
    return menu;
  }
}

function card(embed) {
  const made = element("div", undefined, "card");
  if (embed.color) made.style.borderColor = `#${embed.color.toString(16).padStart(6, "0")}`;
  if (embed.title) made.append(formatted(embed.title, "title"));
  if (embed.description) made.append(formatted(embed.description));
  const fields = element("dl");
  for (const { name, value } of embed.fields ?? []) {
    const text = element("dd");
    text.append(markdown(value, names));
    fields.append(element("dt", name), text);
  }
  if (embed.fields?.length) made.append(fields);
  const foot = [embed.footer?.text, embed.timestamp && new Date(embed.timestamp).toLocaleString()].filter(Boolean);
  if (foot.length) made.append(element("div", foot.join(" • "), "quiet"));
  return made;
}

const columns = [...document.querySelectorAll(".column")].map((root, index) => new Column(root, index));

let drawing = false;
let stale = false;

// One drawing at a time; changes meanwhile ask for one more.
async function draw() {
  stale = true;
  if (drawing) return;
  drawing = true;
  while (stale) {
    stale = false;
    const world = await get("/sim/world");
    commands = world.commands;
    for (const kind of Object.keys(names)) names[kind] = new Map(world[kind].map(({ id, name }) => [id, name]));
    const chosen = channel() || world.channels[0]?.id;
    $("#channel").replaceChildren(
      ...world.channels.map(({ id, name }) => {
        const option = element("option", `#${name}`);
        option.value = id;
        option.selected = id === chosen;
        return option;
      }),
    );
    $("#bot").textContent = world.bot_connected ? "The bot is connected" : `No bot yet: point one at ${world.api}`;
    for (const column of columns) column.offer(world.people.filter((person) => !person.bot));
    await Promise.all(columns.map((column) => column.draw()));
  }
  drawing = false;
}

$("#channel").addEventListener("change", draw);
new EventSource("/sim/changes").onmessage = draw;
draw();
