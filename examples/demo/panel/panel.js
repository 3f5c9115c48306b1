// The database panel: the checklist, the shop's orders, its sessions, and buttons that start trouble. The demo
// sends the complete state twice a second; each part draws its changes.

import { Checklist } from "./checklist.js";
import { element } from "./element.js";
import { Chart } from "./chart.js";
import { Sessions } from "./sessions.js";
import { Troubles } from "./troubles.js";

// The title of the panel, and of its button when there is no room beside the channel.
export const title = "Database";

const here = (file) => new URL(file, import.meta.url);

export function mount(place, page) {
  document.head.append(element("link", { rel: "stylesheet", href: here("panel.css") }));
  const connection = element("p", { role: "status", class: "connection" }, "Connecting to the database …");
  const parts = [new Checklist(page), new Chart(), new Sessions(), new Troubles(here("trouble"), page)];
  for (const each of [place, page.note]) each.classList.add("database");
  place.append(connection, ...parts.map((part) => part.root));

  const states = new EventSource(here("state"));
  states.onmessage = ({ data }) => {
    connection.textContent = "";
    const state = JSON.parse(data);
    for (const part of parts) part.draw(state);
  };
}
