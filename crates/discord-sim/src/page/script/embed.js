// An embed, laid out as in Discord: up to three inline fields in a row, other fields on their own lines.

import { h } from "./dom.js";
import { inline } from "./inline.js";
import { markdown } from "./markdown.js";
import { link } from "./marks.js";
import { posted } from "./timestamps.js";

const IN_A_ROW = 3;

export function embed(data, world) {
  const made = h("article.embed");
  if (data.color != null) made.style.setProperty("--bar", `#${data.color.toString(16).padStart(6, "0")}`);
  const title = data.title && inline(data.title, world);
  const parts = [
    data.author?.name && h("p.embed-author", {}, data.author.name),
    title && h("h3.embed-title", {}, data.url ? link(data.url, title, world) : title),
    data.description && h("div.embed-description.text", {}, markdown(data.description, world)),
    data.fields?.length > 0 && h("dl.embed-fields", {}, fields(data.fields, world)),
    footer(data),
  ];
  made.append(...parts.filter(Boolean));
  return made;
}

function fields(all, world) {
  return rows(all).flatMap((row) =>
    row.map((field) => {
      const made = h(
        "div.embed-field",
        {},
        h("dt.embed-name", {}, inline(field.name, world)),
        h("dd.embed-value.text", {}, markdown(field.value, world)),
      );
      made.style.setProperty("--share", row.length);
      return made;
    }),
  );
}

function rows(all) {
  const made = [];
  for (const field of all) {
    const row = made.at(-1);
    const fits = field.inline && row?.at(-1).inline && row.length < IN_A_ROW;
    if (fits) row.push(field);
    else made.push([field]);
  }
  return made;
}

function footer({ footer, timestamp }) {
  if (!footer?.text && !timestamp) return null;
  const parts = [footer?.text, footer?.text && timestamp && " • ", timestamp && posted(timestamp)];
  return h("p.embed-footer", {}, parts.filter(Boolean));
}
