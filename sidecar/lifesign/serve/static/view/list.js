// The list: one dense row for each process, those that need somebody first, grouped by service.

import { button, element, list, setAttribute, setClass, setText, svg } from "../dom.js";
import { age, count, plural } from "../words.js";

const ORDER = ["frozen", "blocked", "dead", "silent", "degraded", "starting", "healthy", "idle", "stopped"];
const SHOWN = 200; // rows at first
const SPARK = 60;
const STEP = 3;
const HEIGHT = 18;
const CALM = ORDER.indexOf("healthy"); // in the order of need

export class List {
  constructor(node) {
    this.filter = element("input", "filter");
    this.filter.type = "search";
    this.filter.placeholder = "filter: name, pid, reason";
    this.filter.setAttribute("aria-label", "filter processes");
    this.filter.addEventListener("input", () => this.again());
    this.chips = element("ul", "chips");
    this.chips.setAttribute("aria-label", "show only the processes in a state");
    this.groups = element("div", "groups");
    this.nothing = element("p", "note none", "no process matches");
    this.more = button("", () => {
      this.most = Infinity;
      this.again();
    }, "more");
    this.most = SHOWN;
    this.states = new Set(); // chosen; none is all
    node.append(element("div", "bar", this.filter, this.chips), this.groups, this.nothing, this.more);
  }

  update(store, open) {
    this.last = [store, open];
    const rows = [...store.rows.values()].sort(compare);
    this.updateChips(rows);
    const wanted = this.filter.value.trim().toLowerCase();
    const matching = rows.filter((row) => (this.states.size === 0 || this.states.has(row.state)) && matches(row, wanted));
    this.nothing.hidden = matching.length > 0;
    this.more.hidden = matching.length <= this.most;
    setText(this.more, `show ${count(Math.max(0, matching.length - this.most))} more`);
    const groups = new Map();
    for (const row of matching.slice(0, this.most)) {
      const name = need(row) < CALM ? "" : row.service || row.command;
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(row);
    }
    const now = store.now();
    list(this.groups, [...groups].map(([name, some]) => ({ name, some, now, open })), ({ name }) => name, createGroup);
  }

  updateChips(rows) {
    const counts = new Map();
    for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
    for (const state of this.states) if (!counts.has(state)) counts.set(state, 0);
    const present = ORDER.filter((state) => counts.has(state)).map((state) => ({ state, number: counts.get(state) }));
    list(this.chips, present, ({ state }) => state, ({ state }) => {
      const chip = button("", () => {
        if (!this.states.delete(state)) this.states.add(state);
        this.again();
      }, `state ${state}`);
      return {
        node: element("li", "", chip),
        update: ({ number }) => {
          setText(chip, `${count(number)} ${state}`);
          chip.setAttribute("aria-pressed", String(this.states.has(state)));
        },
      };
    });
  }

  again() {
    if (this.last) this.update(...this.last);
  }

  /** A key that was pressed anywhere; whether it meant something here. */
  press(key) {
    if (key === "/") {
      this.filter.focus();
      return true;
    }
    const step = { j: 1, k: -1 }[key];
    if (step === undefined) return false;
    const links = [...this.groups.querySelectorAll("a.row")];
    const at = links.indexOf(document.activeElement);
    const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
    next?.focus();
    return true;
  }
}

function compare(one, other) {
  if (one.service !== other.service && need(one) === need(other)) return one.service < other.service ? -1 : 1;
  return need(one) - need(other) || other.since - one.since || one.id - other.id;
}

/** Those that need somebody first; a healthy one that is not ready before those that are. */
function need({ state, ready, conditions, watched }) {
  const rank = ORDER.indexOf(state);
  const nearly = state === "healthy" && (!ready || conditions.length > 0) ? -1.5 : 0;
  return rank + nearly + (watched ? 0 : 0.25);
}

function matches({ service, command, pid, why, state, cause, place }, wanted) {
  return !wanted || `${service} ${command} ${pid} ${state} ${why} ${cause} ${place}`.toLowerCase().includes(wanted);
}

function createGroup({ name }) {
  const number = element("span", "note");
  const rows = element("ul", "rows");
  return {
    node: element("section", name ? "" : "needs", element("h2", "", name || "Needs attention", " ", number), rows),
    update({ some, now, open }) {
      setText(number, some.length > 1 ? count(some.length) : "");
      list(rows, some.map((row) => ({ row, now, open })), ({ row }) => row.id, createRow);
    },
  };
}

function createRow({ row: { key, pid, command, service } }) {
  const state = element("span", "");
  const who = element("span", "who", element("span", "service", service), ` ${pid} `, element("span", "command", command === service ? "" : command));
  const why = element("span", "reason");
  const extra = element("span", "extra");
  const path = svg("path", { d: "" });
  const spark = svg("svg", { class: "spark", viewBox: `0 0 ${SPARK * STEP} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, path);
  const tasks = element("span", "number tasks");
  const since = element("span", "number since");
  const node = element("a", "", state, who, element("span", "why", why, extra), spark, tasks, since);
  node.href = `#/process/${encodeURIComponent(key)}`;
  let drawn = null;
  let began = null;
  return {
    node: element("li", "", node),
    update({ row, now, open }) {
      setClass(node, `row ${row.tone}${row.watched ? "" : " gone"}${open === row.key ? " current" : ""}`);
      if (open === row.key) node.setAttribute("aria-current", "true");
      else node.removeAttribute("aria-current");
      setClass(state, `state ${row.state}`);
      setText(state, row.state);
      setText(why, row.cause || (row.state === "healthy" ? "" : row.why));
      setText(extra, [...(row.state === "degraded" ? [] : row.failing.map((name) => `check ${name} fails`)), ...row.conditions].join(" · "));
      setText(tasks, row.state === "dead" || row.state === "stopped" ? "" : plural(row.tasks, "task"));
      setText(since, age((now - row.since) / 1000));
      if (row.since !== began) setAttribute(since, "title", `${row.state} since ${new Date(row.since).toLocaleString()}`);
      began = row.since;
      if (row.spark !== drawn) {
        drawn = row.spark;
        path.setAttribute("d", outline(drawn));
      }
      setClass(spark, `spark ${row.state}`);
    },
  };
}

/** Bars as one path: a digit is a delay, 9 for a second and more; a letter is a state in which no beat comes. */
export function outline(spark) {
  let path = "";
  [...spark].forEach((mark, place) => {
    const level = "BFD".includes(mark) ? 9 : mark === "-" || mark === "." ? 0 : Number(mark);
    const height = mark === "." ? 1 : 2 + (HEIGHT - 2) * (level / 9);
    path += `M${(SPARK - spark.length + place) * STEP} ${HEIGHT}v${-height.toFixed(1)}h${STEP - 1}v${height.toFixed(1)}z`;
  });
  return path;
}
