// The sessions as trees: each waiting session under its blocker. Those that do the same side by side are one row.

import { element } from "./element.js";

export class Sessions {
  constructor() {
    this.tree = element("ul", { class: "sessions" });
    this.root = element("section", { "aria-labelledby": "sessions" },
      element("h2", { id: "sessions" }, "Sessions"), this.tree);
    this.drawn = "";
    this.ages = [];
  }

  // Redraws the tree only when its shape changes; ages change all the time.
  draw({ sessions }) {
    const rows = trees(sessions);
    const shape = JSON.stringify(rows);
    if (shape !== this.drawn) {
      this.ages = [];
      this.tree.replaceChildren(...rows.map((row) => this.item(row)));
      this.drawn = shape;
    }
    const seconds = new Map(sessions.map((session) => [session.pid, session.seconds]));
    for (const { pids, age } of this.ages) {
      age.textContent = words(Math.max(...pids.map((pid) => seconds.get(pid))));
    }
  }

  // Names within a tree are short, so that each row fits on one line.
  item({ pids, user, application, state, blocks, waiting }, isWithin = false) {
    const isOne = pids.length === 1;
    const names = [...new Set([application, user])].filter(Boolean);
    const name = isWithin ? names[0] : names.reverse().join(" · ");
    if (!state) return element("li", { class: "alike" }, `${pids.length} × ${name}`);
    const age = element("span");
    this.ages.push({ pids, age });
    const doing = element("span", { class: "quiet" }, isOne || state !== WAITS ? state : "wait", " ", age);
    const who = element("span", { class: "who" }, name);
    const made = element("li", { class: blocks ? "blocks" : "" },
      isOne ? element("code", {}, pids[0]) : `${pids.length} ×`, " ", who, " ", doing);
    if (blocks) {
      doing.append(", ", element("span", { class: "count" }, `${isOne ? "blocks" : "block"} ${blocks}`));
      made.append(element("ul", {}, ...waiting.map((each) => this.item(each, true))));
    }
    return made;
  }
}

const WAITS = "waits";

// A session that waits for several is under the first of them.
function trees(sessions) {
  const pids = new Set(sessions.map(({ pid }) => pid));
  const above = ({ blocked_by }) => blocked_by.find((pid) => pids.has(pid));
  const waitersOf = ({ pid }) => sessions.filter((other) => above(other) === pid);
  // In a deadlock no session is a root, until PostgreSQL ends one of them.
  return rowsOf(sessions.filter((session) => above(session) === undefined), waitersOf);
}

function rowsOf(sessions, waitersOf) {
  const kind = (session) => JSON.stringify([session.user, session.application, stuck(session)]);
  const kinds = [...Map.groupBy(sessions, kind).values()];
  return kinds.map((alike) => rowOf(alike, waitersOf)).sort((one, other) => rank(one) - rank(other));
}

function rowOf(alike, waitersOf) {
  const [{ user, application, state }] = alike;
  const waiting = rowsOf(alike.flatMap(waitersOf), waitersOf);
  const blocks = waiting.reduce((sum, row) => sum + row.pids.length + row.blocks, 0);
  const pids = alike.map(({ pid }) => pid);
  return { pids, user, application, state: stuck(alike[0]) || (alike[1] ? "" : state), blocks, waiting };
}

// What holds a session up. Whether an application's others are active or idle changes from look to look.
function stuck({ waits, state }) {
  if (waits) return WAITS;
  return state.startsWith("idle in transaction") ? state : "";
}

// The largest tree first, and an application's working connections last.
const rank = ({ blocks, state }) => (blocks ? -blocks : state ? 0 : 1);

// Formats a duration as the bot does.
function words(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes < 1) return `${whole} s`;
  return whole % 60 ? `${minutes} m ${whole % 60} s` : `${minutes} m`;
}
