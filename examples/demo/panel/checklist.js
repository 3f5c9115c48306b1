// The checklist of the first minute. The demo decides which steps are done.

import { element } from "./element.js";
import { hint, plain } from "./hint.js";

const ALL = "All steps are done. Start other trouble below.";

export class Checklist {
  // The current step is also in the page's note, for a phone.
  constructor(page) {
    this.page = page;
    this.list = element("ol", { class: "steps" });
    this.end = element("p", { hidden: "" }, ALL);
    // Announces finished steps to screen readers.
    this.news = element("p", { role: "status", class: "unseen" });
    this.root = element("section", { "aria-labelledby": "first-minute" },
      element("h2", { id: "first-minute" }, "The first minute"), this.list, this.end, this.news);
    this.drawn = "";
    this.done = 0;
  }

  draw({ steps }) {
    const seen = JSON.stringify(steps);
    if (seen === this.drawn) return;
    const next = steps.find((step) => !step.done);
    this.list.replaceChildren(...steps.map((step) => this.item(step, step === next)));
    this.page.note.replaceChildren(...this.coach(steps, next));
    this.end.hidden = Boolean(next);
    this.tell(steps, next);
    this.drawn = seen;
  }

  tell(steps, next) {
    const done = steps.filter((step) => step.done).length;
    if (this.drawn && done > this.done) {
      const then = next ? `Next: ${next.title}. ${plain(next.hint)}.` : ALL;
      this.news.textContent = `${done} of ${steps.length} steps done. ${then}`;
    }
    this.done = done;
  }

  coach(steps, next) {
    if (!next) return [element("p", {}, "All steps are done. There is more trouble under “Database”.")];
    const place = element("strong", {}, `Step ${steps.indexOf(next) + 1} of ${steps.length}: ${next.title}`);
    return [element("p", {}, place), element("p", { class: "hint" }, ...this.hint(next))];
  }

  hint(step) {
    return hint(step.hint, step.person, this.page);
  }

  item(step, isNext) {
    const { title, done } = step;
    const made = element("li", { class: done ? "done" : "open" },
      element("span", { class: "mark", "aria-hidden": "true" }, done ? "✓" : "○"),
      element("span", { class: "unseen" }, done ? "Done: " : "To do: "),
      element("span", { class: "title" }, title));
    if (isNext) {
      made.setAttribute("aria-current", "step");
      made.append(element("p", { class: "hint" }, ...this.hint(step)));
    }
    return made;
  }
}
