// Small icons. They repeat the label beside them, so they are hidden from screen readers.

const NAMESPACE = "http://www.w3.org/2000/svg";

const paths = {
  close: ["M6 6l12 12M18 6L6 18"],
  columns: ["M4 5h16v14H4z", "M12 5v14"],
  down: ["M6 9l6 6 6-6"],
  eye: [
    "M2 12s4-6.5 10-6.5S22 12 22 12s-4 6.5-10 6.5S2 12 2 12z",
    "M12 9.5a2.5 2.5 0 100 5 2.5 2.5 0 000-5z",
  ],
  moon: ["M20 14.5A8.5 8.5 0 119.5 4 7 7 0 0020 14.5z"],
  react: [
    "M20 12.5A8.5 8.5 0 1111.5 4",
    "M8 14.2c.8 1.3 2 2 3.5 2s2.7-.7 3.5-2",
    "M9 9.6v.8M14 9.6v.8",
    "M18.5 2.5v7M15 6h7",
  ],
  reply: ["M10 6L4 12l6 6", "M4 12h9a7 7 0 017 7"],
  send: ["M4 12l16-8-5.5 16-3-6.5z", "M11.5 13.5L20 4"],
  sun: [
    "M12 8a4 4 0 100 8 4 4 0 000-8z",
    "M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
  ],
  trash: ["M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13"],
  warning: ["M12 3L2 20h20z", "M12 9.5v5M12 17v.4"],
};

export function icon(name) {
  const drawing = document.createElementNS(NAMESPACE, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  for (const d of paths[name]) {
    const path = document.createElementNS(NAMESPACE, "path");
    path.setAttribute("d", d);
    drawing.append(path);
  }
  return drawing;
}
