// Where stalls and spins spend the event loop's time: a flame graph to click and to walk with the arrow keys, and the
// same stacks as a list.

import { address, ApiError, read } from "../../data/api.js";
import { placeOf, treeOf } from "../../data/stacks.js";
import { element, scrolls, setAttribute, setText } from "../../dom.js";
import { count, duration, plural } from "../../words.js";

const APART_MS = 2000; // between two requests
const ROW_REM = 1.7;
const NARROWEST = 0.002; // of the width: what is narrower is not drawn

export class FlameSection {
  constructor() {
    this.note = element("span", "note");
    this.whole = element("button", "", "show all");
    this.whole.type = "button";
    this.whole.addEventListener("click", () => this.zoom(this.root, this.root));
    this.graph = element("div", "flame");
    this.graph.setAttribute("role", "tree");
    this.graph.setAttribute("aria-label", "flame graph: stacks, outermost call on top");
    this.graph.addEventListener("keydown", (event) => this.move(event));
    this.text = element("ol");
    const scroll = element("div", "flames", this.text);
    scrolls(scroll, "stacks as a list");
    this.asList = element("details", "", element("summary", "note", "as a list"), scroll);
    this.status = element("p", "note status");
    this.status.setAttribute("role", "status");
    const head = element("div", "head", element("h3", "", "Where the loop's time went ", this.note), this.whole);
    this.hint = element("p", "note", "Your own frames are bold. Click a frame to zoom in; the arrow keys move, Escape shows all.");
    const body = element("div", "", this.graph, this.hint, this.status, this.asList);
    this.node = element("section", "time", head, body);
    this.seen = null; // what the drawing was made from
    this.asked = 0;
    this.timer = null;
    this.boxes = new Map(); // by node
  }

  forget() {
    this.seen = null;
    this.path = null;
    clearTimeout(this.timer);
    this.timer = null;
  }

  /** Asks for the stacks when there are new ones. */
  update({ process, row, versions }) {
    this.key = row.key;
    this.node.hidden = process.stalls.length + process.busy.length === 0;
    const newest = `${versions.stacks} ${process.busy.length}`;
    if (this.node.hidden || newest === this.seen || this.timer !== null) return;
    this.seen = newest;
    this.timer = setTimeout(() => this.load(), Math.max(0, this.asked + APART_MS - Date.now()));
  }

  async load() {
    this.timer = null;
    this.asked = Date.now();
    const key = this.key;
    try {
      const view = await read(address(key, "stacks"));
      if (key === this.key) this.show(view);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.seen = null;
      setText(this.status, error.message);
    }
  }

  show(view) {
    const before = this.path ?? [];
    const focused = this.boxes.size > 0 && this.graph.contains(document.activeElement) ? this.pathTo(this.current) : null;
    this.root = treeOf(view);
    const few = view.stacks.length === 0;
    setText(this.note, few ? "" : `${duration(this.root.time)} in ${plural(this.root.samples, "sample")}`);
    setText(this.status, few ? "no samples yet" : view.left_out > 0 ? `${duration(view.left_out)} in smaller stacks are not shown` : "");
    this.graph.hidden = few;
    this.asList.hidden = few;
    this.hint.hidden = few;
    this.zoom(this.find(before), focused && this.find(focused));
    this.write(view);
  }

  /** Draws `top` as wide as the graph, with those that lead to it above. */
  zoom(top, focus = null) {
    this.path = this.pathTo(top);
    this.whole.hidden = top === this.root;
    const drawn = []; // each before what it calls, as readers of the screen expect a tree
    this.boxes = new Map();
    const above = [];
    for (let at = this.root, rest = this.path.slice(1); ; at = at.children.find((one) => one.place === rest[0]), rest = rest.slice(1)) {
      above.push(at);
      if (at === top) break;
    }
    above.slice(0, -1).forEach((at, depth) => this.place(drawn, at, above[depth - 1] ?? null, depth, 0, 1, 1, 1));
    this.draw(drawn, top, above.at(-2) ?? null, above.length - 1, 0, 1, 1, 1);
    this.graph.replaceChildren(...drawn);
    this.graph.style.height = `${ROW_REM * (1 + Math.max(...[...this.boxes.values()].map(({ depth }) => depth)))}rem`;
    this.focus(focus && this.boxes.has(focus) ? focus : top, focus !== null);
  }

  draw(drawn, at, parent, depth, from, width, position, among) {
    this.place(drawn, at, parent, depth, from, width, position, among);
    const shown = at.children.filter((one) => (width * one.time) / (at.time || 1) >= NARROWEST);
    let left = from;
    shown.forEach((one, index) => {
      const share = (width * one.time) / (at.time || 1);
      this.draw(drawn, one, at, depth + 1, left, share, index + 1, shown.length);
      left += share;
    });
  }

  place(drawn, at, parent, depth, from, width, position, among) {
    const box = element("div", at.own ? "box own" : at.file ? "box library" : "box group");
    box.tabIndex = -1;
    box.style.top = `${ROW_REM * depth}rem`;
    box.style.left = `${100 * from}%`; // the policy forbids style attributes, not this
    box.style.width = `${100 * width}%`;
    const more = at.first ? `, the innermost of ${count(at.frames)} frames of libraries from ${at.first} on` : "";
    const where = at.file && at.own ? ` ${at.file.split("/").pop()}:${at.line}` : "";
    box.append(element("span", "", at.first ? `${at.first} … ${at.label}` : at.label), element("span", "where", where));
    const said = `${at.place}${more}: ${figures(at, this.root)}`;
    setAttribute(box, "title", said);
    box.setAttribute("role", "treeitem");
    setAttribute(box, "aria-label", said);
    box.setAttribute("aria-level", String(depth + 1));
    box.setAttribute("aria-posinset", String(position));
    box.setAttribute("aria-setsize", String(among));
    if (at.children.length) box.setAttribute("aria-expanded", "true");
    box.addEventListener("click", () => this.zoom(at, at));
    box.addEventListener("focus", () => this.focus(at, false));
    drawn.push(box);
    this.boxes.set(at, { box, parent, depth });
  }

  /** One box can be reached by Tab: the current one. */
  focus(at, really) {
    if (this.boxes.has(this.current)) this.boxes.get(this.current).box.tabIndex = -1;
    this.current = at;
    const { box } = this.boxes.get(at);
    box.tabIndex = 0;
    if (really) box.focus();
  }

  move(event) {
    const { parent } = this.boxes.get(this.current);
    const siblings = parent === null ? [this.current] : parent.children.filter((one) => this.boxes.has(one));
    const index = siblings.indexOf(this.current);
    const next = {
      ArrowUp: parent,
      ArrowDown: this.current.children.find((one) => this.boxes.has(one)),
      ArrowLeft: siblings[index - 1],
      ArrowRight: siblings[index + 1],
      Home: this.root,
    }[event.key];
    if (event.key === "Escape") this.zoom(this.root, this.current);
    else if (event.key === "Enter" || event.key === " ") this.zoom(this.current, this.current);
    else if (next) this.focus(next, true);
    else if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
  }

  /** The places from the root to a node, and back; the nearest one where it is not there any more. */
  pathTo(at) {
    const path = [];
    const search = (one) => {
      path.push(one.place);
      if (one === at || one.children.some(search)) return true;
      path.pop();
      return false;
    };
    search(this.root);
    return path;
  }

  find(path) {
    let at = this.root;
    for (const place of path.slice(1)) {
      const next = at.children.find((one) => one.place === place);
      if (!next) break;
      at = next;
    }
    return at;
  }

  write({ frames, stacks }) {
    this.text.replaceChildren(...stacks.map((stack) => {
      const calls = stack.frames.map((index) => {
        const [name, file, line, own] = frames[index];
        return element("li", own ? "label" : "note", placeOf({ function: name, file, line }));
      });
      const title = element("p", "", `${stack.group}: ${figures(stack, this.root)}`);
      return element("li", "", title, element("ol", "", ...calls));
    }));
  }
}

function figures({ time, computing, samples }, all) {
  const share = all.time ? Math.round((100 * time) / all.time) : 0;
  const busy = time ? Math.round((100 * computing) / time) : 0;
  const doing = busy >= 90 ? "computing" : busy <= 10 ? "waiting" : `computing ${busy} % of it`;
  return `${duration(time)}, ${share} %, ${plural(samples, "sample")}, ${doing}`;
}
