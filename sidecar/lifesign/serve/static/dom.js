// DOM helpers. What the page shows comes from the watched process and is untrusted, so text only ever goes
// through textContent and attributes: nothing here parses HTML, and no text arrives that cannot be seen.

import { visible } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element with a class, text and children. */
export function element(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children.map((child) => (typeof child === "string" ? visible(child) : child)));
  return node;
}

/** An SVG element with attributes. */
export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, visible(value));
  node.append(...children);
  return node;
}

export function button(text, onclick, className = "") {
  const node = element("button", className, text);
  node.type = "button";
  node.addEventListener("click", onclick);
  return node;
}

export function link(text, href, className = "") {
  const node = element("a", className, text);
  node.href = href;
  return node;
}

/** Text as it is written, which scrolls where it is too wide or too long: so the keyboard must reach it. */
export function preformatted(text, label = "") {
  const node = element("pre", "", text);
  scrolls(node, label);
  return node;
}

/** What scrolls is reached by the keyboard, and has a name. */
export function scrolls(node, label) {
  node.tabIndex = 0;
  if (label) setAttribute(node, "aria-label", label);
  if (label) node.setAttribute("role", "region");
}

/** Set text only where it changes, so that selections and screen readers are not disturbed. */
export function setText(node, text) {
  const shown = visible(text);
  if (node.textContent !== shown) node.textContent = shown;
}

export function setAttribute(node, name, text) {
  const shown = visible(text);
  if (node.getAttribute(name) !== shown) node.setAttribute(name, shown);
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

/** For `list`, where an item with this key never changes. */
export function fixed(node) {
  return { node, update() {} };
}

/** A titled list that says so when it is empty. */
export function section(title, className) {
  const note = element("span", "note");
  const items = element("ul");
  const nothing = element("p", "note nothing");
  const node = element("section", className, element("h3", "", `${title} `, note), items, nothing);
  return {
    node,
    note,
    list: items,
    show(entries, empty) {
      items.hidden = entries.length === 0;
      nothing.hidden = entries.length > 0;
      setText(nothing, empty);
    },
  };
}
