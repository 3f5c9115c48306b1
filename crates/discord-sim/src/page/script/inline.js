// Discord's inline Markdown: emphasis, code, links, mentions, timestamps.

import { h } from "./dom.js";
import { link, mention, spoiler } from "./marks.js";
import { timestamp } from "./timestamps.js";

// Tried in this order at each position; the first match wins.
const rules = [
  [/\\([^A-Za-z0-9\s])/y, (m) => m[1]],
  [/(`+)([^]*?[^`])\1(?!`)/y, (m) => h("code", {}, m[2].trim() || m[2])],
  [/<t:(-?\d{1,13})(?::([tTdDfFR]))?>/y, (m) => timestamp(Number(m[1]), m[2] ?? "f")],
  [/<@!?(\d+)>/y, (m, world) => mention.person(m[1], world)],
  [/<@&(\d+)>/y, (m, world) => mention.role(m[1], world)],
  [/<#(\d+)>/y, (m, world) => mention.channel(m[1], world)],
  [/<\/([\w -]+):\d+>/y, (m) => h("span.mention", {}, `/${m[1]}`)],
  [/<a?:(\w+):\d+>/y, (m) => `:${m[1]}:`],
  [/@(?:everyone|here)\b/y, (m) => h("span.mention", {}, m[0])],
  [
    /\[((?:\\.|[^\]\\])+)\]\(<?(https?:\/\/[^\s)>]+)>?(?: "[^"]*")?\)/y,
    (m, world) => link(m[2], inline(m[1], world), world),
  ],
  [/<(https?:\/\/[^\s>]+)>/y, (m, world) => link(m[1], null, world)],
  [/(?<!\w)https?:\/\/[^\s<>]*[^\s<>.,:;!?'")\]|*_~`]/y, (m, world) => link(m[0], null, world)],
  [/\|\|([^]+?)\|\|/y, (m, world) => spoiler(inline(m[1], world))],
  [/\*\*\*((?:\\.|[^\\])+?)\*\*\*(?!\*)/y, (m, world) => h("strong", {}, h("em", {}, inline(m[1], world)))],
  [/\*\*((?:\\.|[^\\])+?)\*\*(?!\*)/y, (m, world) => h("strong", {}, inline(m[1], world))],
  [/__((?:\\.|[^\\])+?)__(?!_)/y, (m, world) => h("u", {}, inline(m[1], world))],
  [/~~((?:\\.|[^\\])+?)~~(?!~)/y, (m, world) => h("s", {}, inline(m[1], world))],
  [/\*(?![\s*])((?:\\.|\*\*|[^*\\])+?)(?<!\s)\*(?!\*)/y, (m, world) => h("em", {}, inline(m[1], world))],
  [/(?<!\w)_(?!_)((?:\\.|__|[^_\\])+?)_(?![\w_])/y, (m, world) => h("em", {}, inline(m[1], world))],
];

const BEGINNINGS = /[\\`<@[|*_~h]/g;

// A fragment for `text`.
export function inline(text, world) {
  const made = document.createDocumentFragment();
  let plain = 0;
  BEGINNINGS.lastIndex = 0;
  for (let at = beginning(text, 0); at >= 0;) {
    const found = matchAt(text, at);
    if (found) {
      made.append(text.slice(plain, at), found.make(found.match, world));
      plain = at + found.match[0].length;
    }
    at = beginning(text, found ? plain : at + 1);
  }
  made.append(text.slice(plain));
  return made;
}

function beginning(text, from) {
  BEGINNINGS.lastIndex = from;
  return BEGINNINGS.exec(text)?.index ?? -1;
}

function matchAt(text, at) {
  for (const [pattern, make] of rules) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return { match, make };
  }
  return null;
}
