// The patient beside the channel: the first minute, the shop's orders, its sessions, and trouble on request. The demo
// sends the whole state twice a second; each part draws what changed of it.

import { Checklist } from "./checklist.js";
import { element } from "./element.js";
import { Plot } from "./plot.js";
import { Sessions } from "./sessions.js";
import { Troubles } from "./troubles.js";

// What the page calls the region, and the button that leads there where there is no room beside the channel.
export const title = "The patient";

const here = (file) => new URL(file, import.meta.url);

export function mount(place) {
  document.head.append(element("link", { rel: "stylesheet", href: here("panel.css") }));
  const connection = element("p", { role: "status", class: "connection" }, "The patient is on the way …");
  const parts = [new Checklist(), new Plot(), new Sessions(), new Troubles(here("trouble"))];
  place.classList.add("patient");
  place.append(connection, ...parts.map((part) => part.root));

  const states = new EventSource(here("state"));
  states.onmessage = ({ data }) => {
    connection.textContent = "";
    const state = JSON.parse(data);
    for (const part of parts) part.draw(state);
  };
  states.onerror = () => {
    connection.textContent = "The demo does not answer. It may have ended.";
  };
}
