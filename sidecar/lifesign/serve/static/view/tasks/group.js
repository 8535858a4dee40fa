// A group of tasks, or of threads, that stand at the same lines: one line, and inside it what is known of them.

import { element } from "../../dom.js";
import { age, count, duration } from "../../words.js";
import { frames } from "../stack.js";

const NAMES = 10;
const FEW = 3; // whose names are said beside the function

export function createGroup(group, known, open) {
  const title = element("summary", "", ...summaryOf(group));
  if (group.stuck) title.append(" ", element("span", "change deadlock", "deadlock"));
  const change = difference(group);
  if (change) title.append(" ", element("span", `change ${change.kind}`, change.text));
  const details = element("details", "", title);
  details.open = open;
  // What is folded costs nothing.
  const fill = () => details.childElementCount > 1 || details.append(...inside(group, known));
  if (open) fill();
  details.addEventListener("toggle", () => details.open && fill());
  return { node: element("li", "", details), update() {} };
}

/** How many, where they stand, and what they do. */
export function summaryOf({ count: number, function: name, place, waits_for: waits, thread, states, names }) {
  const doing = states?.running ? "running" : waits && !waits.startsWith("nothing") ? `waits for ${waits}` : thread ? "" : "ready to run";
  const who = !thread && number <= FEW && names.length ? ` ${names.slice(0, FEW).join(", ")}` : "";
  return [element("span", "number", `${count(number)} ×`), " ", element("span", "label", name || (thread ? "no Python frame" : "no coroutine")),
    who && element("span", "tasks", who), place ? element("span", "note", ` ${place} `) : " ", element("span", "doing", doing)];
}

/** Names, times, edges and the stack of one. */
export function inside(group, known) {
  const { names, count: tasks, waited, oldest, looked, time_left: left, awaits = [], origin = [] } = group;
  const parts = names.length ? [`${names.slice(0, NAMES).join(", ")}${tasks > names.length ? ` and ${count(tasks - names.length)} more` : ""}`] : [];
  if (waited >= 1) parts.push(`for ${age(waited)}`);
  if (left != null) parts.push(`${duration(left)} left`);
  if (oldest != null) parts.push(`up to ${age(oldest)} old`);
  if (looked) parts.push(`the lines are those of ${count(looked)} that were looked at`);
  const nodes = [element("p", "note", parts.join(" · "))];
  const edges = awaits.map(([index, number]) => `${count(number)} × ${known.get(index)?.function ?? `group ${index}`}`);
  if (edges.length) nodes.push(element("p", "note", `awaits ${edges.join(", ")}`));
  const by = [...known.values()].filter(({ awaits: some = [] }) => some.some(([index]) => index === group.index && !group.thread));
  if (by.length) nodes.push(element("p", "note", `awaited by ${by.map(({ count: number, function: name }) => `${count(number)} × ${name}`).join(", ")}`));
  nodes.push(group.stack.length ? frames(group.stack) : element("p", "note", "no stack"));
  if (origin.length) nodes.push(element("p", "note", "created at"), frames(origin));
  return nodes;
}

function difference({ before = -1, count: number, waited }) {
  if (before < 0) return null;
  if (before === 0) return { kind: "new", text: "new" };
  if (number > before) return { kind: "grown", text: `+${count(number - before)}` };
  if (number < before) return { kind: "less", text: `−${count(before - number)}` };
  return waited >= 5 ? { kind: "same", text: "unchanged" } : null;
}
