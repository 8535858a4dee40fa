// The newest task dump, to read: groups by the user's function and line, what they wait for and who holds it, deadlocks
// in red, and what is different from the dump before. A newer one waits until somebody asks for it.

import { address, ApiError, ask, read } from "../../data/api.js";
import { button, element, list, setText } from "../../dom.js";
import { age, clock, count, duration, plural } from "../../words.js";
import { asMarkdown, save } from "./export.js";
import { frames } from "../stack.js";

const RESPONSE_MS = 10000;
const PAGE = 50; // groups at a time
const NAMES = 10;

export class TasksSection {
  constructor() {
    this.path = "tasks";
    this.note = element("span", "note");
    this.request = button("dump tasks", () => this.ask());
    this.status = element("p", "note status");
    this.status.setAttribute("role", "status");
    this.newer = button("", () => this.take(), "newer");
    this.newer.hidden = true;
    this.filter = element("input", "filter");
    this.filter.type = "search";
    this.filter.placeholder = "search: function, name, file, lock";
    this.filter.setAttribute("aria-label", "search the task dump");
    this.filter.addEventListener("input", () => this.draw());
    this.tools = element("div", "tools", this.filter,
      button("copy as Markdown", () => this.copy(), "small"),
      button("Markdown", () => this.save("md"), "small"), button("JSON", () => this.save("json"), "small"));
    this.rings = element("ul", "rings");
    this.held = element("ul", "primitives");
    this.groups = element("ol", "groups");
    this.more = button("", () => {
      this.most += PAGE;
      this.draw();
    }, "more");
    this.gone = element("p", "note");
    this.threads = element("ol", "groups");
    this.threadsTitle = element("h3", "", "Threads");
    this.finished = element("ul", "note");
    const head = element("div", "head", element("h3", "", "Task dump ", this.note), this.request);
    this.node = element("section", "dump", head, this.status, this.newer, this.tools, this.rings, this.held, this.groups, this.more, this.gone, this.threadsTitle, this.threads, this.finished);
    this.forget();
  }

  forget() {
    this.dump = this.waiting = null;
    this.version = 0;
    this.most = PAGE;
    this.wanted = true;
    this.say("");
    this.draw();
  }

  update({ row, process, versions }) {
    this.key = row.key;
    this.request.disabled = !process.alive || !row.watched;
    if (versions.tasks !== this.version && !this.loading) this.load(versions.tasks);
  }

  async load(version) {
    this.loading = true;
    const key = this.key;
    try {
      const dump = await read(address(key, "tasks"));
      if (key !== this.key) return;
      this.version = version;
      this.waiting = dump;
      // Who reads a dump keeps it: a newer one that nobody asked for here is announced.
      if (this.dump === null || this.wanted) this.take();
      else {
        this.newer.hidden = false;
        setText(this.newer, `a newer dump has come, ${clock(dump.at)}: ${dump.reason}. Show it`);
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setText(this.status, error.message);
    } finally {
      this.loading = false;
    }
  }

  take() {
    this.dump = this.waiting;
    this.wanted = false;
    this.newer.hidden = true;
    this.most = PAGE;
    if (this.timer) this.say("");
    this.draw();
  }

  async ask() {
    this.say("requesting");
    try {
      await ask(this.key, "dump");
      this.wanted = true;
      this.say("requested; the process answers at its next watchdog beat");
      this.timer = setTimeout(() => this.say("no answer yet: no dump can be taken while no Python code runs"), RESPONSE_MS);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.say(error.message);
    }
  }

  say(text) {
    clearTimeout(this.timer);
    this.timer = null;
    setText(this.status, text);
  }

  draw() {
    const dump = this.dump;
    setText(this.note, dump ? describe(dump) : "none yet");
    this.tools.hidden = !dump;
    const wanted = this.filter.value.trim().toLowerCase();
    const of = (some) => (dump ? some.filter((group) => !wanted || JSON.stringify(group).toLowerCase().includes(wanted)) : []);
    const groups = of(dump?.groups ?? []);
    const known = new Map((dump?.groups ?? []).map((group) => [group.index, group]));
    list(this.rings, dump?.rings ?? [], (ring) => JSON.stringify(ring), createRing);
    list(this.held, dump?.primitives.filter(({ waiting }) => waiting.length) ?? [], (one) => JSON.stringify(one), createPrimitive);
    list(this.groups, groups.slice(0, this.most), ({ index }) => `${dump.id} ${index}`, (group) => createGroup(group, known, group.index === 0));
    this.more.hidden = groups.length <= this.most;
    setText(this.more, `show ${count(Math.min(PAGE, groups.length - this.most))} more of ${count(groups.length)} groups`);
    const gone = dump?.gone ?? [];
    this.gone.hidden = gone.length === 0;
    setText(this.gone, `gone since the dump before: ${gone.map(({ count: number, function: name, place: at }) => `${count(number)} × ${name} ${at}`).join(", ")}`);
    const threads = of(dump?.threads ?? []);
    this.threadsTitle.hidden = threads.length === 0;
    list(this.threads, threads, ({ index }) => `${dump.id} ${index}`, (group) => createGroup({ ...group, thread: true }, known, false));
    list(this.finished, dump?.finished ?? [], (text) => text, (text) => ({ node: element("li", "", `finished: ${text}`), update() {} }));
  }

  async copy() {
    if (this.dump) await navigator.clipboard?.writeText(asMarkdown(this.dump));
    this.say("copied");
  }

  save(kind) {
    if (this.dump) save(`tasks-${this.key}.${kind}`, kind === "md" ? asMarkdown(this.dump) : JSON.stringify(this.dump, null, 2));
  }
}

function describe({ at, reason, tasks, groups, groups_total: total, took, same }) {
  const parts = [`${plural(tasks, "task")} in ${plural(total, "group")}`, clock(at), reason, `took ${duration(took)}`];
  if (total > groups.length) parts.push(`largest ${count(groups.length)} kept`);
  if (same) parts.push("the same groups as before");
  return parts.join(" · ");
}

function createRing(ring) {
  const steps = ring.map(([task, what]) => `${task}${what ? ` waits for ${what}` : ""}`);
  return { node: element("li", "bad", element("strong", "", "Deadlock: "), `${steps.join(" → ")} → ${ring[0]?.[0] ?? ""}`), update() {} };
}

function createPrimitive({ type, name, state, waiting, holders }) {
  const number = waiting.reduce((sum, [, some]) => sum + some, 0);
  const held = holders.map(([task, at]) => `${task || "a generator"} (${at})`).join(", ");
  const text = `${type} ${name}`.trim();
  return { node: element("li", "", element("span", "label", text), ` ${state}, ${plural(number, "task")} wait${number === 1 ? "s" : ""}`, held ? `, held by ${held}` : ""), update() {} };
}

function createGroup(group, known, open) {
  const { names, function: name, waits_for: waits, stack, thread } = group;
  const doing = group.states?.running ? "running" : waits && !waits.startsWith("nothing") ? `waits for ${waits}` : thread ? "" : "ready to run";
  const title = element("summary", "", element("span", "number", `${count(group.count)} ×`), " ", element("span", "label", name || (thread ? "no Python frame" : "no coroutine")),
    group.place ? element("span", "note", ` ${group.place} `) : " ", element("span", "doing", doing));
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

function inside(group, known) {
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
  return waited >= 5 ? { kind: "stuck", text: "stuck" } : null;
}

