// Avatars: an initial on a coloured background.

import { h } from "./dom.js";

export function avatar(user, world) {
  const made = h("span.avatar", { "aria-hidden": "true" }, initial(user.username ?? user.name));
  if (user.bot) made.classList.add("robot");
  else made.style.setProperty("--hue", world.hue(user.id));
  return made;
}

// A name in the colour of the person's first role, as in Discord.
export function author(user, world) {
  const name = user.username ?? user.name;
  const made = h("span.author", {}, name);
  const role = world.named(name)?.roles[0];
  if (role && !user.bot) {
    made.classList.add("coloured");
    made.style.setProperty("--hue", world.roleHue(role));
  }
  return made;
}

export function tag() {
  return h("span.tag", {}, "APP");
}

function initial(name) {
  return [...name][0]?.toUpperCase() ?? "?";
}
