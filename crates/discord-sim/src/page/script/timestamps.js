// Timestamps: <t:seconds:style> in Discord's Markdown, the times of messages, and days.

import { h } from "./dom.js";

const styles = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
};

const units = [
  ["year", 31_556_952],
  ["month", 2_629_746],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

const away = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

// A Unix time in one of Discord's styles. "R" is relative and is updated.
export function timestamp(seconds, style) {
  const when = new Date(seconds * 1000);
  if (Number.isNaN(when.getTime())) return String(seconds);
  const relativeTo = style === "R" ? seconds : null;
  const text = style === "R" ? relative(seconds) : format(when, style);
  return h(
    "time.timestamp",
    { datetime: when.toISOString(), title: format(when, "F"), "data-relative": relativeTo },
    text,
  );
}

// When a message was posted: only the time for today, otherwise with the date.
export function posted(iso) {
  const when = new Date(iso);
  const day = dayName(when);
  const text = day === "Today" ? format(when, "t") : `${day} at ${format(when, "t")}`;
  return h("time", { datetime: iso, title: format(when, "F") }, text);
}

export function clock(iso) {
  return h("time.clock", { datetime: iso, title: format(new Date(iso), "F") }, format(new Date(iso), "t"));
}

// The separator between two days.
export function dayOf(iso) {
  return format(new Date(iso), "D");
}

function dayName(when) {
  const ago = Math.round(
    (new Date().setHours(0, 0, 0, 0) - new Date(when).setHours(0, 0, 0, 0)) / 86_400_000,
  );
  return ["Today", "Yesterday"][ago] ?? format(when, "d");
}

function format(when, style) {
  return when.toLocaleString([], styles[style]);
}

function relative(seconds) {
  const distance = seconds - Date.now() / 1000;
  const [unit, size] = units.find(([, size]) => Math.abs(distance) >= size) ?? units.at(-1);
  return away.format(Math.round(distance / size), unit);
}

setInterval(() => {
  for (const shown of document.querySelectorAll(".stage:not([inert]) time[data-relative]")) {
    const text = relative(Number(shown.dataset.relative));
    if (shown.textContent !== text) shown.textContent = text;
  }
}, 1000);
