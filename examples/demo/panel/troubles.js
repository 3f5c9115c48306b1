// Trouble on request. The demo ends what is left of a trouble before it makes it again.

import { element } from "./element.js";

export class Troubles {
  constructor(address) {
    this.address = address;
    this.list = element("ul", { class: "troubles" });
    this.told = element("p", { role: "alert" });
    this.root = element("section", { "aria-labelledby": "troubles" },
      element("h2", { id: "troubles" }, "Start trouble again"), this.list, this.told);
    this.rows = new Map();
  }

  draw({ troubles }) {
    for (const { trouble, title, pid } of troubles) {
      const state = this.rows.get(trouble) ?? this.add(trouble, title);
      const words = pid ? `there now, as session ${pid}` : "over";
      if (state.textContent !== words) state.textContent = words;
    }
  }

  // Buttons stay the same, so that the one with the focus keeps it.
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
    this.told.textContent = "";
    button.setAttribute("aria-busy", "true");
    try {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(this.address, { method: "POST", headers, body: JSON.stringify({ trouble }) });
      if (!answer.ok) throw new Error(await answer.text());
    } catch (error) {
      this.told.textContent = `The demo did not do it: ${error.message}`;
    }
    button.removeAttribute("aria-busy");
  }
}
