// DOM helpers. What the page shows comes from the watched process and is untrusted, so text only ever goes
// through textContent and attributes: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with a class, text and children. */
export function element(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

/** An SVG element with attributes. */
export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Text as it is written, which scrolls where it is too wide or too long: so the keyboard must reach it. */
export function preformatted(text) {
  const node = element("pre", "", text);
  node.tabIndex = 0;
  return node;
}

/** Set text only where it changes, so that selections and screen readers are not disturbed. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, className) {
  if (node.getAttribute("class") !== className) node.setAttribute("class", className);
}

/**
 * Make the children of `parent` show `items`, one element each, reusing elements by key so that
 * focus and open details stay.
 * `create(item)` returns `{node, update(item)}`.
 */
export function list(parent, items, keyOf, create) {
  const before = parent.parts ?? new Map();
  const after = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    if (after.has(key)) continue;
    const part = before.get(key) ?? create(item);
    part.update(item);
    after.set(key, part);
    before.delete(key);
    if (part.node === place) place = place.nextSibling;
    else parent.insertBefore(part.node, place);
  }
  for (const part of before.values()) part.node.remove();
  parent.parts = after;
}

/** Human-readable seconds: 4 ms, 1.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds < 0.0005) return "0 ms";
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => whole >= size);
  const [unit, size] = units[first];
  const rest = first + 1 < units.length ? Math.floor((whole % size) / units[first + 1][1]) : 0;
  return `${Math.floor(whole / size)} ${unit}${rest ? ` ${rest} ${units[first + 1][0]}` : ""}`;
}

/** An age that may be seconds or days, steady to read: no digit that changes at every update. */
export function age(seconds) {
  if (seconds !== null && seconds < 1) return "< 1 s";
  return duration(seconds !== null && seconds < 60 ? Math.floor(seconds) : seconds).replace(".0 s", " s");
}

/** Wall clock nanoseconds as local time of day. */
export function clock(nanoseconds) {
  return new Date(nanoseconds / 1e6).toLocaleTimeString([], { hour12: false });
}

export function count(number) {
  return number.toLocaleString("en").replaceAll(",", " ");
}
