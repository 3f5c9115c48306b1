// The shop's orders of the last minutes, as a line that falls when the shop stands still.

import { drawing, element } from "./element.js";

// How much of the time is shown, in looks: as little as holds what there is, so that the beginning can be seen too.
const SPANS = [
  { looks: 60, words: "the last 30 seconds" },
  { looks: 120, words: "the last minute" },
  { looks: 360, words: "the last three minutes" },
];
const HEIGHT = 40;
// A good time: what the line is drawn against at least, so that a quiet shop does not look busy.
const GOOD = 150;

export class Plot {
  constructor() {
    this.area = drawing("path", { class: "ground" });
    this.line = drawing("path", { class: "orders" });
    // Only the time without orders, up to now, is bad: what was good before it stays so.
    this.standstill = drawing("path", { class: "standstill" });
    this.picture = drawing("svg", { role: "img", preserveAspectRatio: "none" },
      this.area, this.line, this.standstill);
    this.rate = element("strong", { class: "rate" });
    this.health = element("span", { role: "status", class: "health" });
    this.span = element("p", { class: "quiet" });
    this.root = element("section", { "aria-labelledby": "shop", class: "shop" },
      element("h2", { id: "shop" }, "The shop"),
      element("p", { class: "now" }, element("span", {}, this.rate, " orders a second"), this.health),
      this.picture, this.span);
  }

  draw({ takings, sells }) {
    const now = takings.at(-1) ?? 0;
    const most = Math.max(GOOD, ...takings);
    const { looks, words } = SPANS.find((span) => takings.length <= span.looks) ?? SPANS.at(-1);
    const end = looks - 1;
    const start = looks - takings.length;
    const points = takings.map((orders, look) => `${start + look} ${height(orders, most)}`);
    this.line.setAttribute("d", points.length ? `M${points.join("L")}` : "");
    this.area.setAttribute("d", points.length ? `M${start} ${HEIGHT}L${points.join("L")}L${end} ${HEIGHT}Z` : "");
    this.picture.setAttribute("viewBox", `0 0 ${end} ${HEIGHT}`);
    this.span.textContent = words;
    const still = sells ? [] : points.slice(takings.findLastIndex((orders) => orders > 0) + 1);
    this.standstill.setAttribute("d", still.length ? `M${still.join("L")}` : "");
    const lowest = Math.min(...takings);
    this.picture.setAttribute("aria-label",
      `Orders a second over ${words}: ${now} now, ${lowest} at the least, ${Math.max(...takings)} at the most`);
    this.rate.textContent = now;
    this.root.classList.toggle("still", !sells);
    // Only where it changes, because it is read out each time.
    const health = sells ? "The shop sells" : "The shop stands still";
    if (this.health.textContent !== health) this.health.textContent = health;
  }
}

const height = (orders, most) => (HEIGHT - 1 - (orders / most) * (HEIGHT - 2)).toFixed(1);
