// What opens beside a control and floats above everything else: menus and the emoji picker.

const GAP = 4;

// Opens `floating`, an element with the attribute `popover`, below `anchor`, or above it where there is more room.
export function open(floating, anchor) {
  floating.showPopover();
  const { left, top, bottom, width } = anchor.getBoundingClientRect();
  const below = innerHeight - bottom;
  const goesUp = below < floating.offsetHeight + GAP && top > below;
  floating.style.minWidth = `${Math.min(width, innerWidth)}px`;
  floating.style.maxHeight = `${(goesUp ? top : below) - 2 * GAP}px`;
  floating.style.left = `${Math.max(GAP, Math.min(left, innerWidth - floating.offsetWidth - GAP))}px`;
  floating.style.top = `${goesUp ? top - GAP - floating.offsetHeight : bottom + GAP}px`;
}

export function close(floating) {
  if (isOpen(floating)) floating.hidePopover();
}

export function isOpen(floating) {
  return floating.matches(":popover-open");
}
