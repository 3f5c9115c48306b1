// A hint: text between backticks is typed or clicked. A command can also be clicked, which puts it into the composer of the
// person who is to send it, and so can the name of a person (`@ben`), which lets the user act as that person.

import { element } from "./element.js";

export function hint(words, person, page) {
  return words.split("`").map((text, index) => {
    if (index % 2 === 0) return text;
    if (text.startsWith("@")) {
      const name = text.slice(1);
      return button(name, `Act as ${name}`, () => page.become(name));
    }
    if (!text.startsWith("/")) return element("code", {}, text);
    return button(text, `Put it into the message box of ${person}`, () => page.draft(person, text));
  });
}

function button(text, title, act) {
  const made = element("button", { type: "button", class: "command", title }, text);
  made.addEventListener("click", act);
  return made;
}

export const plain = (words) => words.replaceAll("`@", "").replaceAll("`", "");
