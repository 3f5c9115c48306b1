// Announces each new message to screen readers once, however many columns show it.

import { h } from "./dom.js";

// How long an announcement stays, in milliseconds.
const STAYS = 10_000;

const told = new Set();

export function announce(message, element) {
  if (told.has(message.id)) return;
  told.add(message.id);
  const parts = element.querySelectorAll(".content, .embed-title, .embed-description");
  const words = [...parts].map((part) => part.textContent).filter(Boolean);
  const line = h("p", {}, `${message.author.username}: ${words.join(". ")}`);
  document.querySelector("#announcer").append(line);
  setTimeout(() => line.remove(), STAYS);
}
