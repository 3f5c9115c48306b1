// Discord's Markdown as elements, as far as messages of bots use it. Text only ever becomes text nodes.

const rules = [
  { at: /```(?:[a-z0-9+-]*\n)?([^]+?)\n?```/, make: (m) => element("pre", m[1]) },
  { at: /``(.+?)``(?!`)|`([^`]+)`/, make: (m) => element("code", m[1]?.trim() ?? m[2]) },
  { at: /\\([^A-Za-z0-9\s])/, make: (m) => m[1] },
  { at: /<t:(-?\d+)(?::([tTdDfFR]))?>/, make: (m) => moment(Number(m[1]), m[2] ?? "f") },
  { at: /<@!?(\d+)>/, make: (m, names) => mention("@", names.people.get(m[1]), "unknown-user") },
  { at: /<@&(\d+)>/, make: (m, names) => mention("@", names.roles.get(m[1]), "unknown-role") },
  { at: /<#(\d+)>/, make: (m, names) => mention("#", names.channels.get(m[1]), "unknown") },
  { at: /\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/, make: (m) => anchor(m[2], m[1]) },
  { at: /https?:\/\/[^\s<>]+[^\s<>.,:;)]/, make: (m) => anchor(m[0], m[0]) },
  { at: /\*\*([^]+?)\*\*(?!\*)/, make: (m, names) => wrap("strong", m[1], names) },
  { at: /__([^]+?)__(?!_)/, make: (m, names) => wrap("u", m[1], names) },
  { at: /~~([^]+?)~~/, make: (m, names) => wrap("s", m[1], names) },
  { at: /\*(?!\s)([^*]+?)\*|(?<!\w)_([^_]+?)_(?!\w)/, make: (m, names) => wrap("em", m[1] ?? m[2], names) },
];

// A fragment of `text`; `names` maps ids of people, roles and channels to their names.
export function markdown(text, names) {
  const made = document.createDocumentFragment();
  let rest = text;
  while (rest) {
    const found = first(rest);
    if (!found) break;
    const { match, rule } = found;
    made.append(rest.slice(0, match.index), rule.make(match, names));
    rest = rest.slice(match.index + match[0].length);
  }
  made.append(rest);
  return made;
}

// The rule that matches furthest to the left; of several at one place the one that is listed first.
function first(text) {
  let best;
  for (const rule of rules) {
    const match = rule.at.exec(text);
    if (match && (!best || match.index < best.match.index)) best = { match, rule };
  }
  return best;
}

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function wrap(tag, text, names) {
  const made = document.createElement(tag);
  made.append(markdown(text, names));
  return made;
}

function mention(sign, name, unknown) {
  const made = element("span", sign + (name ?? unknown));
  made.className = "mention";
  return made;
}

function anchor(href, text) {
  const made = element("a", text);
  Object.assign(made, { href, target: "_blank", rel: "noreferrer" });
  return made;
}

const styles = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
};

function moment(seconds, style) {
  const when = new Date(seconds * 1000);
  const made = element("time", style === "R" ? relative(seconds) : when.toLocaleString([], styles[style]));
  made.dateTime = when.toISOString();
  made.title = when.toLocaleString([], styles.F);
  if (style === "R") made.dataset.relative = seconds;
  return made;
}

function relative(seconds) {
  const away = seconds - Date.now() / 1000;
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, size] = units.find(([, size]) => Math.abs(away) >= size) ?? units.at(-1);
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.round(away / size), unit);
}

setInterval(() => {
  for (const shown of document.querySelectorAll("time[data-relative]"))
    shown.textContent = relative(Number(shown.dataset.relative));
}, 1000);
