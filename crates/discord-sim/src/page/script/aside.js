// A panel beside the channel for the embedding program: its module exports `mount`.

import { set } from "./dom.js";

const NAME = "Beside the channel";

let shown = null;

// Loads the module at `path` once and mounts it in its region. Without a path, there is no region. `page` is what the
// module may use of the page.
export async function showAside(path, page) {
  if (path === shown) return;
  shown = path;
  const region = document.querySelector("#aside");
  const views = document.querySelector("#views");
  region.hidden = views.hidden = path === null;
  if (path === null) return;
  const { mount, title = NAME } = await import(path);
  set(region, "aria-label", title);
  const [channel, beside] = views.querySelectorAll("button");
  beside.textContent = title;
  channel.addEventListener("click", showChannel);
  beside.addEventListener("click", () => show("aside"));
  await mount(region, page);
}

// Shows the channel where there is no room for both.
export function showChannel() {
  show("channel");
}

function show(view) {
  document.body.dataset.view = view;
  const [channel, beside] = document.querySelectorAll("#views button");
  set(channel, "aria-pressed", view === "channel");
  set(beside, "aria-pressed", view === "aside");
}
