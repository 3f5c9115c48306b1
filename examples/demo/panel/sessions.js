// The sessions as trees: each waiting session under its blocker.

import { element } from "./element.js";

export class Sessions {
  constructor() {
    this.tree = element("ul", { class: "sessions" });
    this.root = element("section", { "aria-labelledby": "sessions" },
      element("h2", { id: "sessions" }, "Sessions"), this.tree);
    this.drawn = "";
    this.ages = new Map();
  }

  // Redraws the tree only when its shape changes; ages change all the time.
  draw({ sessions }) {
    const branches = buildTrees(sessions);
    const shape = JSON.stringify(branches, (name, value) => (name === "seconds" ? undefined : value));
    if (shape !== this.drawn) {
      this.ages.clear();
      this.tree.replaceChildren(...branches.map((branch) => this.branch(branch)));
      this.drawn = shape;
    }
    for (const { pid, seconds } of sessions) {
      const age = this.ages.get(pid);
      if (age) age.textContent = words(seconds);
    }
  }

  // Names within a tree are short, so that each session fits on one line.
  branch({ session, waiting, alike }, isWithin = false) {
    const names = [...new Set([session.application, session.user])].filter(Boolean);
    const name = isWithin ? names[0] : names.reverse().join(" · ");
    if (alike) return element("li", { class: "alike" }, `${alike} × ${name}`);
    const age = element("span");
    this.ages.set(session.pid, age);
    const blocks = size({ waiting }) - 1;
    const state = element("span", { class: "quiet" }, session.waits ? "waits" : session.state, " ", age);
    const made = element("li", { class: blocks ? "blocks" : "" },
      element("code", {}, session.pid), " ", element("span", { class: "who" }, name), " ", state);
    if (blocks) {
      state.append(", ", element("span", { class: "count" }, `blocks ${blocks}`));
      made.append(element("ul", {}, ...waiting.map((each) => this.branch(each, true))));
    }
    return made;
  }
}

// The trees, largest first. A session that waits for several is under the first of them.
function buildTrees(sessions) {
  const pids = new Set(sessions.map(({ pid }) => pid));
  const above = ({ blocked_by }) => blocked_by.find((pid) => pids.has(pid));
  // In a deadlock no session is a root, until PostgreSQL ends one of them.
  const branch = (session) => ({
    session,
    waiting: sessions.filter((other) => above(other) === session.pid).map(branch),
  });
  const roots = sessions.filter((session) => above(session) === undefined).map(branch);
  const [busy, lone] = [roots.filter((root) => isAlike(root, roots)), roots.filter((root) => !isAlike(root, roots))];
  lone.sort((one, other) => size(other) - size(one));
  return busy.length ? [...lone, { ...folded(busy[0]), alike: busy.length }] : lone;
}

const size = ({ waiting }) => waiting.reduce((sum, each) => sum + size(each), 1);

// The application's idle connections are all alike, so they are summarized.
const isAlike = (root, roots) =>
  root.waiting.length === 0 &&
  roots.some((other) => other !== root && other.session.application === root.session.application);

const folded = ({ session: { user, application } }) => ({ session: { user, application }, waiting: [] });

// Formats a duration as the bot does.
function words(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes < 1) return `${whole} s`;
  return whole % 60 ? `${minutes} m ${whole % 60} s` : `${minutes} m`;
}
