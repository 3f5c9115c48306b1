// Buttons that start trouble. The demo first ends the remaining sessions of the same trouble.

import { element } from "./element.js";
import { hint } from "./hint.js";

export class Troubles {
  constructor(address, page) {
    this.address = address;
    this.page = page;
    this.list = element("ul", { class: "troubles" });
    this.error = element("p", { role: "alert" });
    this.root = element("section", { "aria-labelledby": "troubles" },
      element("h2", { id: "troubles" }, "Start trouble"), this.list, this.error);
    this.rows = new Map();
    this.drawn = new Map();
  }

  draw({ troubles }) {
    for (const { trouble, title, was_started, pids, way_out } of troubles) {
      const state = this.rows.get(trouble) ?? this.add(trouble, title);
      const words = pids.length ? running(pids) + way_out : was_started ? "over" : "";
      if (this.drawn.get(trouble) === words) continue;
      state.replaceChildren(...hint(words, "ana", this.page));
      this.drawn.set(trouble, words);
    }
  }

  // Buttons are kept, so that they keep the focus.
  add(trouble, title) {
    const id = `trouble-${trouble}`;
    const state = element("span", { class: "quiet", id });
    const button = element("button", { type: "button", "aria-describedby": id }, title);
    button.addEventListener("click", () => this.start(trouble, button));
    this.list.append(element("li", {}, button, " ", state));
    this.rows.set(trouble, state);
    return state;
  }

  async start(trouble, button) {
    this.error.textContent = "";
    button.setAttribute("aria-busy", "true");
    try {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(this.address, { method: "POST", headers, body: JSON.stringify({ trouble }) });
      if (!answer.ok) throw new Error(await answer.text());
    } catch (error) {
      this.error.textContent = `The demo could not start it: ${error.message}`;
    }
    button.removeAttribute("aria-busy");
  }
}

const running = (pids) => (pids.length > 1 ? `running as ${pids.length} sessions` : `running as session ${pids[0]}`);
