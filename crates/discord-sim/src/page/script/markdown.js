// Discord's block Markdown: code, quotes, headings, subtext, lists. See inline.js for Markdown within a line.

import { h } from "./dom.js";
import { inline } from "./inline.js";

// Blocks at the start of a line, tried in this order.
const blocks = [
  [/>>> ([^]+)/y, (m, world) => h("blockquote", {}, markdown(m[1], world))],
  [/(?:> [^\n]*(?:\n|$))+/y, (m, world) => h("blockquote", {}, markdown(unquoted(m[0]), world))],
  [
    /(#{1,3}) +([^\n]+)(?:\n|$)/y,
    (m, world) => h(`p.heading.level-${m[1].length}`, heading(m[1]), inline(m[2], world)),
  ],
  [/-# +([^\n]+)(?:\n|$)/y, (m, world) => h("p.small", {}, inline(m[1], world))],
  [/(?: *[-*] [^\n]+(?:\n|$)| {2,}\d{1,9}\. [^\n]+(?:\n|$))+/y, (m, world) => list(m[0], world)],
  [/(?: *\d{1,9}\. [^\n]+(?:\n|$)| {2,}[-*] [^\n]+(?:\n|$))+/y, (m, world) => list(m[0], world)],
];

// A code block may start anywhere in a line. A first line without a space is the language.
const FENCE = /```(?:([\w+#.-]+)\n)?\n*([^]*?[^\n`])\n*```\n?/y;
const LINE = /(?:\\[^]|(?!```)[^\n])*(?:\n|$)|(?:\\[^]|(?!```)[^\n])+/y;

// A fragment for `text`: the content of a message, or a part of an embed that supports blocks.
export function markdown(text, world) {
  const made = document.createDocumentFragment();
  let plain = "";
  let isStart = true;
  for (let at = 0; at < text.length;) {
    const found = (isStart && blockAt(text, at)) || fenceAt(text, at);
    if (found) {
      // The line break before a block belongs to the block.
      if (plain) made.append(inline(plain.replace(/\n$/, ""), world));
      plain = "";
      made.append(found.make(found.match, world));
      at += found.match[0].length;
      isStart = true;
    } else {
      const line = matchAt(LINE, text, at)?.[0] || text[at];
      plain += line;
      at += line.length;
      isStart = line.endsWith("\n");
    }
  }
  made.append(inline(plain, world));
  return made;
}

function blockAt(text, at) {
  for (const [pattern, make] of blocks) {
    const match = matchAt(pattern, text, at);
    if (match) return { match, make };
  }
  return null;
}

function fenceAt(text, at) {
  const match = matchAt(FENCE, text, at);
  return match && { match, make: (m) => h("pre", { tabindex: "0" }, h("code", {}, m[2])) };
}

function matchAt(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function heading(signs) {
  return { role: "heading", "aria-level": String(signs.length + 2) };
}

function unquoted(lines) {
  return lines.replace(/^> /gm, "").replace(/\n$/, "");
}

// Items of a list. Two more spaces than the previous item start a nested list.
function list(lines, world) {
  const items = lines.replace(/\n$/, "").split("\n");
  const [, outer, sign] = /^( *)([-*]|\d+\.)/.exec(items[0]);
  const made = sign.endsWith(".") ? h("ol", { start: parseInt(sign, 10) }) : h("ul");
  for (let index = 0; index < items.length; index += 1) {
    const [, , text] = /^ *([-*]|\d+\.) (.*)$/.exec(items[index]);
    let end = index + 1;
    while (end < items.length && /^ */.exec(items[end])[0].length >= outer.length + 2) end += 1;
    const inner = items.slice(index + 1, end);
    made.append(h("li", {}, inline(text, world), inner.length > 0 && list(inner.join("\n"), world)));
    index = end - 1;
  }
  return made;
}
