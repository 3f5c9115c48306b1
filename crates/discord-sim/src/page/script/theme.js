// Light or dark theme: the system's preference, until the user chooses.

import { icon } from "./icons.js";

const KEY = "theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export function startTheme(button) {
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, isDark() ? "light" : "dark");
    show(button);
  });
  dark.addEventListener("change", () => show(button));
  show(button);
}

function isDark() {
  const chosen = localStorage.getItem(KEY);
  return chosen ? chosen === "dark" : dark.matches;
}

function show(button) {
  const name = isDark() ? "Light theme" : "Dark theme";
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  button.setAttribute("aria-label", name);
  button.title = name;
  button.replaceChildren(icon(isDark() ? "sun" : "moon"));
}
