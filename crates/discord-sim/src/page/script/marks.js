// Inline elements: mentions, links and spoilers.

import { h } from "./dom.js";

export const mention = {
  person: (id, world) => pill("@", world.member(id)?.name ?? "unknown-user"),
  role(id, world) {
    const role = world.role(id);
    const made = pill("@", role?.name ?? "unknown-role");
    if (role) {
      made.classList.add("coloured");
      made.style.setProperty("--hue", world.roleHue(role.name));
    }
    return made;
  },
  channel: (id, world) => pill("#", world.channel(id)?.name ?? "unknown"),
};

function pill(sign, name) {
  return h("span.mention", {}, sign + name);
}

const MESSAGE = /^https:\/\/(?:\w+\.)?discord(?:app)?\.com\/channels\/(\d+)\/(\d+)\/(\d+)$/;

// A link, with `text` instead of its address if given. A link to a message of this guild scrolls to it.
export function link(address, text, world) {
  const [, guild, channel, message] = MESSAGE.exec(address) ?? [];
  if (guild !== world.guild.id) {
    return h(
      "a",
      { href: address, target: "_blank", rel: "noreferrer", title: text && address },
      text ?? address,
    );
  }
  const place = world.channel(channel)?.name ?? "unknown";
  const made = h("a.jump", { href: address, "data-jump": message, "data-channel": channel });
  if (text) made.append(text);
  else (made.append(`#${place} › message`), made.classList.add("mention"));
  return made;
}

// A spoiler, which a click or a key reveals.
export function spoiler(content) {
  const hidden = h("span.hidden-text", { inert: true }, content);
  const cover = h(
    "button.spoiler",
    { type: "button", "aria-label": "Spoiler: reveal", click: reveal },
    hidden,
  );
  return cover;

  function reveal() {
    hidden.inert = false;
    const shown = h("span.spoiler.revealed", { tabindex: "-1" }, hidden);
    cover.replaceWith(shown);
    shown.focus();
  }
}
