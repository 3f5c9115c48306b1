// A chart of the shop's orders in the last minutes.

import { drawing, element } from "./element.js";

// The time spans of the chart, in samples. The shortest one that contains all samples is used.
const SPANS = [
  { samples: 60, words: "the last 30 seconds" },
  { samples: 120, words: "the last minute" },
  { samples: 360, words: "the last three minutes" },
];
const HEIGHT = 40;
// The minimum of the vertical scale, so that a quiet shop does not look busy.
const MIN_SCALE = 150;

export class Chart {
  constructor() {
    this.area = drawing("path", { class: "ground" });
    this.line = drawing("path", { class: "orders" });
    // Marks the times without orders.
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

  draw({ order_rates, sells }) {
    const now = order_rates.at(-1) ?? 0;
    const most = Math.max(MIN_SCALE, ...order_rates);
    const { samples, words } = SPANS.find((span) => order_rates.length <= span.samples) ?? SPANS.at(-1);
    const end = samples - 1;
    const start = samples - order_rates.length;
    const points = order_rates.map((orders, index) => `${start + index} ${height(orders, most)}`);
    this.line.setAttribute("d", points.length ? `M${points.join("L")}` : "");
    this.area.setAttribute("d", points.length ? `M${start} ${HEIGHT}L${points.join("L")}L${end} ${HEIGHT}Z` : "");
    this.picture.setAttribute("viewBox", `0 0 ${end} ${HEIGHT}`);
    this.span.textContent = words;
    const still = points.map((point, index) =>
      order_rates[index] ? "" : (order_rates[index - 1] === 0 ? "L" : "M") + point);
    this.standstill.setAttribute("d", still.join(""));
    const lowest = Math.min(...order_rates);
    this.picture.setAttribute("aria-label",
      `Orders a second over ${words}: ${now} now, ${lowest} minimum, ${Math.max(...order_rates)} maximum`);
    this.rate.textContent = now;
    this.root.classList.toggle("still", !sells);
    // Only on a change, because screen readers announce it.
    const health = sells ? "The shop sells" : "The shop stands still";
    if (this.health.textContent !== health) this.health.textContent = health;
  }
}

const height = (orders, most) => (HEIGHT - 1 - (orders / most) * (HEIGHT - 2)).toFixed(1);
