// Making elements, and keeping lists of them in step with data. Text only ever becomes text nodes.

// An element of a shape such as "button.reaction". An attribute that is null or false is left out, a function is
// a listener, and children that are null or false are none.
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

// Sets an attribute, or takes it off. ARIA's states are words, so there false is a value.
export function set(made, name, value) {
  const isState = name.startsWith("aria-") && typeof value === "boolean";
  if (isState) made.setAttribute(name, value);
  else if (value == null || value === false) made.removeAttribute(name);
  else made.setAttribute(name, value === true ? "" : value);
}

const views = new WeakMap();

// Makes `parent` hold one view for each item, in order. What was there for the same key stays where it is and is
// updated, so that it keeps its focus, its scroll position and whatever is open or half typed in it.
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

// Draws into `slot` what `draw` makes of `value`, unless it shows that already. Nothing drawn hides it.
export function fill(slot, value, draw) {
  const text = JSON.stringify(value) ?? "";
  if (drawn.get(slot) === text) return;
  drawn.set(slot, text);
  slot.replaceChildren(...[draw(value)].flat().filter(Boolean));
  slot.hidden = !slot.firstChild;
}

let last = 0;

// An id that no other element has.
export function unique(name) {
  last += 1;
  return `${name}-${last}`;
}
