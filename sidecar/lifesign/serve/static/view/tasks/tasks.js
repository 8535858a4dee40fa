// The newest task dump, to read: groups by the user's function and line, or as a tree of who awaits whom; what they wait
// for and who holds it, deadlocks in red, and what is different from the dump before. A newer one waits until somebody asks for it.

import { address, ApiError, ask, read } from "../../data/api.js";
import { button, element, list, setAttribute, setText } from "../../dom.js";
import { clock, count, duration, plural } from "../../words.js";
import { asMarkdown, save } from "./export.js";
import { createGroup } from "./group.js";
import { AwaitTree } from "./tree.js";

const RESPONSE_MS = 10000;
const PAGE = 50; // groups at a time
const VIEWS = ["groups", "await tree"];

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
    this.as = VIEWS[0];
    this.views = element("ul", "chips", ...VIEWS.map((name) => element("li", "", button(name, () => {
      this.as = name;
      this.draw();
    }, "small"))));
    this.views.setAttribute("aria-label", "how to show the tasks");
    this.tree = new AwaitTree();
    this.tools = element("div", "tools", this.views, this.filter,
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
    this.node = element("section", "dump", head, this.status, this.newer, this.tools, this.rings, this.held, this.tree.node, this.groups, this.more, this.gone, this.threadsTitle, this.threads, this.finished);
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
    const asTree = Boolean(dump) && this.as !== VIEWS[0];
    for (const chip of this.views.querySelectorAll("button")) setAttribute(chip, "aria-pressed", String(chip.textContent === this.as));
    // The tree has who waits for what, and who holds it.
    this.held.hidden = this.groups.hidden = asTree;
    this.tree.node.hidden = !asTree;
    if (asTree) this.tree.show(dump);
    this.filter.hidden = asTree;
    const wanted = this.filter.value.trim().toLowerCase();
    const of = (some) => (dump ? some.filter((group) => !wanted || JSON.stringify(group).toLowerCase().includes(wanted)) : []);
    const groups = of(dump?.groups ?? []);
    const known = new Map((dump?.groups ?? []).map((group) => [group.index, group]));
    list(this.rings, dump?.rings ?? [], (ring) => JSON.stringify(ring), createRing);
    list(this.held, dump?.primitives.filter(({ waiting }) => waiting.length) ?? [], (one) => JSON.stringify(one), createPrimitive);
    list(this.groups, groups.slice(0, this.most), ({ index }) => `${dump.id} ${index}`, (group) => createGroup(group, known, group.index === 0));
    this.more.hidden = asTree || groups.length <= this.most;
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
  const said = [state, `${plural(number, "task")} wait${number === 1 ? "s" : ""}`, held && `held by ${held}`].filter(Boolean).join(", ");
  return { node: element("li", "", element("span", "label", `${type} ${name}`.trim()), `: ${said}`), update() {} };
}
