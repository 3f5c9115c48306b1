// Creates elements and keeps lists of them in sync with data. Text is always inserted as text nodes.

// Creates an element from a shape such as "button.reaction". Attributes that are null or false are omitted, functions are
// listeners, and children that are null or false are skipped.
export function h(shape, attributes = {}, ...children) {
  const [tag, ...classes] = shape.split(".");
  const made = document.createElement(tag);
  if (classes.length > 0) made.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else set(made, name, value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

// Sets or removes an attribute. For ARIA states, false is a value.
export function set(made, name, value) {
  const isState = name.startsWith("aria-") && typeof value === "boolean";
  if (isState) made.setAttribute(name, value);
  else if (value == null || value === false) made.removeAttribute(name);
  else made.setAttribute(name, value === true ? "" : value);
}

const views = new WeakMap();

// Makes `parent` contain one view for each item, in order. Views with the same key are kept and
// updated, so that they keep focus, scroll position and unfinished input.
export function sync(parent, items, key, make) {
  const before = views.get(parent) ?? new Map();
  const now = new Map(items.map((item) => [key(item), before.get(key(item)) ?? make(item)]));
  for (const [id, view] of before) if (!now.has(id)) view.element.remove();
  let place = parent.firstElementChild;
  for (const item of items) {
    const view = now.get(key(item));
    view.update(item);
    if (view.element === place) place = place.nextElementSibling;
    else parent.insertBefore(view.element, place);
  }
  views.set(parent, now);
}

const drawn = new WeakMap();

// Draws `value` into `slot` with `draw`, unless it is already shown. If nothing is drawn, the slot is hidden.
export function fill(slot, value, draw) {
  const text = JSON.stringify(value) ?? "";
  if (drawn.get(slot) === text) return;
  drawn.set(slot, text);
  slot.replaceChildren(...[draw(value)].flat().filter(Boolean));
  slot.hidden = !slot.firstChild;
}

let last = 0;

// A unique element id.
export function unique(name) {
  last += 1;
  return `${name}-${last}`;
}
