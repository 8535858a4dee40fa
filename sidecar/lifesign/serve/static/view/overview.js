// A process at a glance: why, its beats, its vital signs, what it promised, what it checks, how it booted, its dry runs.

import { ask, ApiError } from "../data/api.js";
import { button, element, list, section, setClass, setText, svg } from "../dom.js";
import { age, bytes, count, duration, plural } from "../words.js";
import { Boot } from "./boot.js";
import { CauseSection } from "./cause.js";
import { Strip } from "./charts/strip.js";

const ENDED = ["dead", "stopped"];
const NOTED_MS = 5000;

export class Overview {
  constructor() {
    this.cause = new CauseSection();
    this.strip = new Strip();
    this.vitals = element("dl", "vitals");
    this.events = section("Events", "events");
    this.checks = section("Post-conditions", "checks");
    this.run = button("run now", () => this.runChecks(), "small");
    this.said = element("span", "note");
    this.said.setAttribute("role", "status");
    this.checks.node.firstChild.append(" ", this.run, " ", this.said);
    this.boot = new Boot();
    this.dry = element("section", "dry");
    this.usage = element("dl", "usage");
    this.usageSection = element("section", "", element("h3", "", "What it uses"), this.usage);
    this.node = element(
      "div", "overview", this.cause.node, this.strip.node, this.vitals,
      element("div", "grid", element("div", "stack", this.events.node, this.checks.node, this.dry), element("div", "stack", this.boot.node, this.usageSection)),
    );
  }

  update(data, now) {
    const { process, row, strip } = data;
    this.key = row.key;
    this.cause.update(data, now);
    this.strip.update(strip);
    terms(this.vitals, vitals(process));
    this.updateEvents(process);
    this.updateChecks(process, row);
    this.boot.update(process);
    this.updateDryRun(process);
    const used = usage(process.usage, process.uptime);
    this.usageSection.hidden = used.length === 0;
    terms(this.usage, used);
  }

  updateEvents({ events, state }) {
    this.events.show(events, "none expected, none seen");
    const ended = ENDED.includes(state);
    list(this.events.list, events.map((event) => ({ ...event, ended })), ({ name }) => name, createEvent);
  }

  updateChecks({ postconditions }, row) {
    this.checks.show(postconditions, "none declared");
    this.run.hidden = postconditions.length === 0 || ENDED.includes(row.state) || !row.watched;
    const failing = [...postconditions].sort((one, other) => one.passed - other.passed);
    list(this.checks.list, failing, ({ name }) => name, createCheck);
  }

  async runChecks() {
    setText(this.said, "asking");
    try {
      await ask(this.key, "checks");
      setText(this.said, "they run in its event loop");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setText(this.said, error.message);
    }
    setTimeout(() => setText(this.said, ""), NOTED_MS);
  }

  updateDryRun({ dry_run: dry, synthetic_postconditions: checks }) {
    this.dry.hidden = !dry && checks.length === 0;
    if (this.dry.hidden) return;
    const lines = Object.entries(dry?.types ?? {}).map(([type, [handled, failed]]) => ({ text: `${type}: ${count(handled)} handled${failed ? `, ${count(failed)} failed` : ""}`, bad: failed > 0 }));
    if (dry?.skipped) lines.push({ text: `${plural(dry.skipped, "event")} skipped: the handler takes too long`, bad: true });
    if (dry?.lag > 1) lines.push({ text: `${duration(dry.lag)} behind its schedule`, bad: true });
    for (const { name, passed, reason } of checks) lines.push({ text: `check ${name} ${passed ? "holds" : `fails: ${reason}`}`, bad: !passed });
    if (!this.dry.firstChild) {
      this.dryLines = element("ul");
      this.dry.append(element("h3", "", "Dry run ", element("span", "synthetic", "synthetic")), this.dryLines);
    }
    list(this.dryLines, lines, ({ text }) => text, ({ text, bad }) => ({ node: element("li", bad ? "bad" : "", text), update() {} }));
  }
}


function vitals(process) {
  const dropped = Object.values(process.dropped).reduce((sum, number) => sum + number, 0);
  const late = process.alive && process.expected && process.beat_age > process.heartbeat_timeout;
  const found = [
    ["uptime", age(process.uptime)],
    ["beats", count(process.beats)],
    ["last beat", `${age(process.beat_age)} ago`, late],
    ["tasks", count(process.tasks)],
  ];
  if (process.utilization !== null) found.push(["event loop at work", `${Math.round(100 * process.utilization)} %`]);
  if (process.loops > 1) found.push(["loops", count(process.loops)]);
  if (process.unwatched_loops > 0) found.push(["loops not watched", count(process.unwatched_loops)]);
  if (dropped) found.push(["records dropped", count(dropped), true]);
  return found;
}

function usage(used, uptime) {
  if (!used) return [];
  const found = [];
  if (used.memory !== null) found.push(["memory", bytes(used.memory)]);
  if (used.container) found.push(["container", `${bytes(used.container.used)} of ${bytes(used.container.limit)}`, used.container.used > 0.9 * used.container.limit]);
  found.push(["processor time", `${duration(used.user + used.system)}${uptime > 1 ? `, ${((100 * (used.user + used.system)) / uptime).toFixed(1)} % of a core` : ""}`]);
  if (used.threads !== null) found.push(["threads", count(used.threads)]);
  if (used.descriptors !== null) found.push(["open files", count(used.descriptors)]);
  if (used.garbage.length) found.push(["gc", `${used.garbage.map(([collections]) => count(collections)).join(" / ")} collections`]);
  if (used.involuntary !== null) found.push(["preempted", count(used.involuntary)]);
  if (used.major_faults) found.push(["read from disk", plural(used.major_faults, "page fault")]);
  return found;
}

function terms(node, items) {
  list(node, items, ([name]) => name, ([name]) => {
    const value = element("dd");
    return {
      node: element("div", "", element("dt", "", name), value),
      update([, text, bad]) {
        setText(value, text);
        setClass(value, bad ? "bad" : "");
      },
    };
  });
}

function createEvent({ name: title }) {
  const name = element("span", "label", title);
  const number = element("span", "number");
  const since = element("span", "note");
  const bar = svg("rect", { height: 4, rx: 2, y: 0, x: 0 });
  const meter = svg("svg", { class: "meter", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" }, bar);
  return {
    node: element("li", "", name, number, meter, since),
    update({ count: real, synthetic, age: seconds, deadline, ended: over, stand_in: standIn }) {
      const overdue = deadline !== null && seconds > deadline && !over;
      setText(number, count(real) + (synthetic ? ` + ${count(synthetic)} synthetic` : ""));
      const when = real ? `last ${age(seconds)} ago` : standIn ? `last synthetic ${age(seconds)} ago` : `none in ${age(seconds)}`;
      setText(since, deadline === null ? when : `${when}, expected every ${age(deadline)}`);
      setClass(since, overdue ? "note bad" : "note");
      meter.toggleAttribute("hidden", deadline === null);
      setClass(bar, overdue ? "bad" : "");
      bar.setAttribute("width", deadline === null ? 0 : Math.min(100, (100 * seconds) / deadline));
    },
  };
}

function createCheck(check) {
  const mark = element("span", "mark");
  const kind = element("span", "note", check.critical ? "" : "not critical");
  const reason = element("span", "note reason");
  return {
    node: element("li", "", mark, element("span", "label", check.name), kind, reason),
    update({ passed, reason: why, critical }) {
      setText(mark, passed ? "holds" : "fails");
      setClass(mark, passed ? "mark good" : critical ? "mark bad" : "mark warn");
      setText(reason, passed ? "" : why);
    },
  };
}
