// Elements that open beside a control above everything else: menus and the emoji picker.

const GAP = 4;

// Opens `floating`, an element with the attribute `popover`, and keeps it beside `anchor` until it is closed.
export function open(floating, anchor) {
  const follow = ({ target }) => floating.contains(target) || place(floating, anchor);
  const stop = new AbortController();
  document.addEventListener("scroll", follow, { capture: true, signal: stop.signal });
  window.addEventListener("resize", follow, { signal: stop.signal });
  floating.addEventListener("toggle", ({ newState }) => newState === "closed" && stop.abort(), {
    signal: stop.signal,
  });
  floating.showPopover();
  place(floating, anchor);
}

export function close(floating) {
  if (isOpen(floating)) floating.hidePopover();
}

export function isOpen(floating) {
  return floating.matches(":popover-open");
}

// Below the control, or above it if there is more space.
function place(floating, anchor) {
  const { left, top, bottom, width } = anchor.getBoundingClientRect();
  const below = innerHeight - bottom;
  floating.style.maxHeight = "none";
  floating.style.minWidth = `${Math.min(width, innerWidth)}px`;
  const goesUp = below < floating.offsetHeight + GAP && top > below;
  floating.style.maxHeight = `${Math.max(0, (goesUp ? top : below) - 2 * GAP)}px`;
  floating.style.left = `${Math.max(GAP, Math.min(left, innerWidth - floating.offsetWidth - GAP))}px`;
  floating.style.top = `${goesUp ? top - GAP - floating.offsetHeight : bottom + GAP}px`;
}
