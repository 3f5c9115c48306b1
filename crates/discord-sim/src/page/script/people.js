// The switch between people: whose column this is.

import { avatar } from "./avatar.js";
import { h, set, sync, unique } from "./dom.js";

export class People {
  // `choose` is called with a name.
  constructor(choose) {
    this.group = unique("person");
    this.list = h("div.people-list");
    this.element = h("fieldset.people", {}, h("legend.visually-hidden", {}, "Acting as"), this.list);
    this.element.addEventListener("change", (event) => choose(event.target.value));
  }

  update(world, chosen) {
    const items = world.people.map((person) => ({ person, world, isChosen: person.name === chosen }));
    sync(
      this.list,
      items,
      ({ person }) => person.id,
      ({ person }) => this.#one(person),
    );
  }

  #one(person) {
    const radio = h("input.visually-hidden", { type: "radio", name: this.group, value: person.name });
    const about = h("span.about");
    const roles = h("span.person-roles");
    const picture = h("span");
    const label = h(
      "label.person",
      {},
      radio,
      picture,
      h("span.person-text", {}, h("span.person-name", {}, person.name), " ", roles, " ", about),
    );
    return { element: label, update };

    function update({ person, world, isChosen }) {
      radio.checked = isChosen;
      set(label, "title", [person.name, person.about, ...person.roles].filter(Boolean).join(" · "));
      about.textContent = person.about ?? "";
      about.hidden = !person.about;
      picture.replaceChildren(avatar(person, world));
      roles.replaceChildren(...person.roles.map((role) => chip(role, world)));
    }
  }
}

// A role in its colour.
function chip(name, world) {
  const made = h("span.role", {}, name);
  made.style.setProperty("--hue", world.roleHue(name));
  return made;
}
