// A panel beside the channel for the embedding program: its module exports `mount`.

import { set } from "./dom.js";

const NAME = "Beside the channel";

let shown = null;

// Loads the module at `path` once and mounts it in its region. Without a path, there is no region.
export async function showAside(path) {
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
  for (const button of [channel, beside]) {
    button.addEventListener("click", () => {
      document.body.dataset.view = button === beside ? "aside" : "channel";
      for (const other of [channel, beside]) set(other, "aria-pressed", other === button);
    });
  }
  await mount(region);
}
