// The await tree: below each group what it waits for, unfolded one by one, deadlocks in red. A screen reader hears nested lists.

import { awaitTree } from "../../data/awaits.js";
import { button, element, list, setText } from "../../dom.js";
import { count, plural } from "../../words.js";
import { inside, summaryOf } from "./group.js";

const PAGE = 50; // nodes at a time
const RING = 12; // levels of a deadlock that are unfolded at first,
const OPEN = 3; // and of anything else ...
const FEW = 12; // ... where they are no more than these

export class AwaitTree {
  constructor() {
    this.roots = element("ol", "tree");
    this.roots.setAttribute("aria-label", "who awaits whom");
    this.more = button("", () => {
      this.most += PAGE;
      this.draw();
    }, "more");
    this.node = element("div", "awaits", element("p", "note", "Below each group stands what it waits for."), this.roots, this.more);
    this.dump = null;
  }

  show(dump) {
    if (dump !== this.dump) {
      this.dump = dump;
      this.most = PAGE;
      this.tree = dump ? awaitTree(dump) : [];
      this.known = new Map((dump?.groups ?? []).map((group) => [group.index, group]));
    }
    this.draw();
  }

  draw() {
    const { id } = this.dump ?? {};
    list(this.roots, this.tree.slice(0, this.most), ({ key }) => `${id} ${key}`, (node) => branch(node, this.known, 1));
    this.more.hidden = this.tree.length <= this.most;
    setText(this.more, `show ${count(Math.min(PAGE, this.tree.length - this.most))} more of ${count(this.tree.length)}`);
  }
}

function branch(node, known, level) {
  const children = node.children();
  const said = line(node);
  const item = element("li", node.stuck ? "stuck" : "");
  if ((!node.group || node.again) && !children.length) {
    item.append(element("p", "leaf", ...said));
    return { node: item, update() {} };
  }
  const details = element("details", "", element("summary", "", ...said));
  // What is folded costs nothing.
  const fill = () => {
    if (details.childElementCount > 1) return;
    if (children.length) details.append(limb(children, known, level + 1));
    else if (node.group) details.append(element("div", "inside", ...inside(node.group, known)));
  };
  details.open = node.stuck ? level < RING : level < OPEN && children.length > 0 && children.length <= FEW;
  if (details.open) fill();
  details.addEventListener("toggle", () => details.open && fill());
  item.append(details);
  return { node: item, update() {} };
}

/** The nodes below one, a page of them. */
function limb(children, known, level) {
  const nodes = element("ol", "tree");
  const box = element("div", "", nodes);
  let most = PAGE;
  const more = button("", () => {
    most += PAGE;
    draw();
  }, "more");
  const draw = () => {
    list(nodes, children.slice(0, most), ({ key }) => key, (child) => branch(child, known, level));
    more.hidden = children.length <= most;
    setText(more, `show ${count(Math.min(PAGE, children.length - most))} more of ${count(children.length)}`);
  };
  draw();
  box.append(more);
  return box;
}

function line({ group, primitive, index, often, again, stuck }) {
  if (primitive) {
    const { type, name, state, holders, held_by: by } = primitive;
    const held = by?.length ? ", held by" : holders.length ? `, held by ${holders.map(([task, at]) => `${task || "a generator"} (${at})`).join(", ")}` : "";
    return [element("span", "label", `${type} ${name}`.trim()), " ", element("span", "note", `${state}${held}`)];
  }
  if (!group) return [element("span", "note", `group ${index}, which is not in the dump`)];
  if (again) return [element("strong", stuck ? "bad" : "note", stuck ? "deadlock: " : "again: "), element("span", "label", `${count(group.count)} × ${group.function || "no coroutine"}`), element("span", "note", ` ${names(group)}`)];
  const share = often !== null && often !== group.count ? element("span", "note", ` awaited ${plural(often, "time")}`) : "";
  return [...summaryOf(group), share];
}

function names({ names: some, count: number }) {
  return some.length && number <= 3 ? some.slice(0, 3).join(", ") : "";
}
