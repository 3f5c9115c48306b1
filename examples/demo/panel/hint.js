// A hint: text between backticks is typed or clicked. A command can also be clicked, which puts it into the composer of the
// person who is to send it.

import { element } from "./element.js";

export function hint(words, person, page) {
  return words.split("`").map((text, index) => {
    if (index % 2 === 0) return text;
    if (!text.startsWith("/")) return element("code", {}, text);
    const title = `Put it into the message box of ${person}`;
    const made = element("button", { type: "button", class: "command", title }, text);
    made.addEventListener("click", () => page.draft(person, text));
    return made;
  });
}

export const plain = (words) => words.replaceAll("`", "");
