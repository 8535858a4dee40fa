// The card of one process: its elements are created once and then updated in place.

import { age, clock, count, duration, element, list, preformatted, setClass, setText, svg } from "./dom.js";
import { Strip } from "./strip.js";
import { DumpSection } from "./dump.js";
import { StallsSection } from "./stalls.js";
import { FlameSection } from "./flame.js";

const ENDED = ["dead", "stopped"];
const QUIET = ["healthy", "idle", "stopped", "starting"];
const OPEN_UP_TO = 3; // processes; with more of them only the unhealthy ones are unfolded

export class Card {
  constructor(view, processes) {
    this.wasQuiet = true;
    this.state = element("span", "state");
    this.conditions = element("span", "conditions");
    this.name = element("span", "name");
    this.who = element("span", "who");
    this.why = element("p", "why");
    this.causes = element("ul", "causes");
    this.vitals = element("dl", "vitals");
    this.strip = new Strip();
    this.events = section("Events", "events");
    this.checks = section("Post-conditions", "checks");
    this.boot = section("Boot", "boot");
    this.timeline = section("Timeline", "past");
    this.flame = new FlameSection();
    this.dump = new DumpSection();
    this.stalls = new StallsSection();
    this.more = element("details", "more");
    this.more.open = processes <= OPEN_UP_TO;
    this.more.append(
      element("summary", "", "details"),
      element("div", "grid", element("div", "stack", this.events.node, this.checks.node), this.boot.node),
      this.stalls.node,
      this.flame.node,
      this.dump.node,
      this.timeline.node,
    );
    const title = element("h2", "", this.state, " ", this.conditions, " ", this.name, " ", this.who);
    this.node = element("article", "card", title, this.why, this.causes, this.strip.node, this.vitals, this.more);
  }

  update(view) {
    const process = view.process;
    const quiet = QUIET.includes(process.state);
    if (this.wasQuiet && !quiet) this.more.open = true;
    this.wasQuiet = quiet;
    setClass(this.node, `card ${process.state}${view.watched ? "" : " gone"}`);
    setClass(this.state, `state ${process.state}`);
    setText(this.state, process.state);
    this.updateConditions(process);
    setText(this.name, process.service || process.command);
    setText(this.who, `pid ${process.pid} · ${process.command}`);
    setText(this.why, process.why + (view.watched ? "" : " (no longer watched)"));
    this.updateCauses(process);
    this.strip.update(view);
    this.stalls.update(process);
    this.updateVitals(process);
    this.updateEvents(process);
    this.updateChecks(process);
    this.updateBoot(process);
    this.updateTimeline(view.timeline);
    this.flame.update(view, this.more.open);
    this.dump.update(view);
  }

  updateConditions({ conditions }) {
    this.conditions.hidden = conditions.length === 0;
    list(this.conditions, conditions, (name) => name, (name) => ({ node: element("span", "condition", name), update() {} }));
  }

  updateCauses({ causes }) {
    this.causes.hidden = causes.length === 0;
    list(this.causes, causes, ({ word, sentence }) => `${word} ${sentence}`, ({ sentence, evidence, file, line }) => {
      const seen = element("ul", "note", ...evidence.map((text) => element("li", "", text)));
      seen.hidden = evidence.length === 0;
      const place = file ? element("p", "note", `${file}:${line}`) : "";
      return { node: element("li", "", element("p", "label", sentence), place, seen), update() {} };
    });
  }

  updateVitals(process) {
    const dropped = Object.values(process.dropped).reduce((sum, number) => sum + number, 0);
    const late = process.alive && process.expected && process.beat_age > process.heartbeat_timeout;
    const vitals = [
      ["uptime", duration(Math.floor(process.uptime)).replace(".0 s", " s")],
      ["beats", count(process.beats)],
      ["last beat", `${age(process.beat_age)} ago`, late],
      ["tasks", count(process.tasks)],
    ];
    if (process.utilization !== null) vitals.push(["event loop at work", `${Math.round(100 * process.utilization)} %`]);
    if (process.loops > 1) vitals.push(["loops", count(process.loops)]);
    if (process.unwatched_loops > 0) vitals.push(["loops not watched", count(process.unwatched_loops)]);
    if (dropped) vitals.push(["records dropped", count(dropped), true]);
    list(this.vitals, vitals, ([name]) => name, ([name]) => {
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

  updateEvents({ events, state }) {
    this.events.show(events, "none expected, none seen");
    const ended = ENDED.includes(state);
    const readings = events.map((event) => ({ ...event, ended }));
    list(this.events.list, readings, ({ name }) => name, (event) => {
      const name = element("span", "label", event.name);
      const number = element("span", "number");
      const since = element("span", "note");
      const bar = svg("rect", { height: 4, rx: 2, y: 0, x: 0 });
      const meter = svg("svg", { class: "meter", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" }, bar);
      return {
        node: element("li", "", name, number, meter, since),
        update({ count: real, synthetic, age: seconds, deadline, ended: over }) {
          const overdue = deadline !== null && seconds > deadline && !over;
          setText(number, count(real) + (synthetic ? ` + ${count(synthetic)} synthetic` : ""));
          const when = real ? `last ${age(seconds)} ago` : `none in ${age(seconds)}`;
          setText(since, deadline === null ? when : `${when}, expected every ${duration(deadline).replace(".0", "")}`);
          setClass(since, overdue ? "note bad" : "note");
          meter.toggleAttribute("hidden", deadline === null);
          setClass(bar, overdue ? "bad" : "");
          bar.setAttribute("width", deadline === null ? 0 : Math.min(100, (100 * seconds) / deadline));
        },
      };
    });
  }

  updateChecks({ postconditions }) {
    this.checks.show(postconditions, "none declared");
    list(this.checks.list, postconditions, (check) => check.name, (check) => {
      const mark = element("span", "mark");
      const kind = element("span", "note", check.critical ? "" : "not critical");
      const reason = element("span", "note reason");
      return {
        node: element("li", "", mark, element("span", "label", check.name), kind, reason),
        update({ passed, reason: why }) {
          setText(mark, passed ? "holds" : "fails");
          setClass(mark, passed ? "mark good" : "mark bad");
          setText(reason, passed ? "" : why);
        },
      };
    });
  }

  updateBoot(process) {
    const checkpoints = process.checkpoints;
    const outcome = { starting: "still booting", complete: "complete", failed: "failed", timed_out: "timed out" }[process.boot];
    const took = process.boot_duration === null ? "" : ` after ${duration(process.boot_duration)}`;
    setText(this.boot.note, checkpoints.length || process.boot !== "starting" ? `${outcome}${took}` : "");
    setClass(this.boot.note, ["failed", "timed_out"].includes(process.boot) ? "note bad" : "note");
    this.boot.show(checkpoints, "no checkpoint yet");
    const begin = Math.min(...checkpoints.map(({ start }) => start));
    const length = Math.max(
      process.boot_duration ?? process.uptime,
      ...checkpoints.map(({ start, end }) => ((end ?? start) - begin) / 1e9),
      1e-9,
    );
    const bars = checkpoints.map(({ name, start, end, error }) => {
      const from = (start - begin) / 1e9;
      return { name, start, error, open: end === null, from, to: end === null ? length : (end - begin) / 1e9, length };
    });
    list(this.boot.list, bars, ({ name, start }) => `${start} ${name}`, ({ name }) => {
      const bar = svg("rect", { height: 6, y: 0, rx: 1 });
      const time = element("span", "number");
      const error = element("span", "note bad reason");
      const fall = svg("svg", { class: "fall", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" }, bar);
      return {
        node: element("li", "", element("span", "label", name), time, fall, error),
        update({ from, to, open, error: why, length: all }) {
          setText(time, open ? "open" : duration(to - from));
          setText(error, why ?? "");
          setClass(bar, why ? "bad" : open ? "open" : "");
          bar.setAttribute("x", Math.min(99, (100 * from) / all));
          bar.setAttribute("width", Math.max(1, (100 * (to - from)) / all));
        },
      };
    });
  }

  updateTimeline(entries) {
    this.timeline.node.hidden = entries.length === 0;
    this.timeline.show(entries, "");
    // A blocked period is reported when it is over, and listed at its start.
    const byTime = [...entries].sort((one, other) => other.at - one.at);
    list(this.timeline.list, byTime, ({ at, times, name, text }) => `${at} ${times} ${name} ${text}`, (entry) => {
      const { at, severity, name, text, stack, seconds, times } = entry;
      const level = severity >= 17 ? "bad" : severity >= 13 ? "warn" : "";
      const time = element("time", "number", clock(at));
      time.dateTime = new Date(at / 1e6).toISOString();
      const line = element("span", "", element("span", `label ${level}`, name), seconds === null ? "" : ` ${duration(seconds)}`, text ? " " : "", text);
      const node = element("li", "", time, line);
      if (times > 1) line.append(element("span", "note", ` ${count(times)} times in a row`));
      if (stack) line.append(element("details", "", element("summary", "", "stack"), preformatted(stack)));
      return { node, update() {} };
    });
  }
}

/** A titled list that says so when it is empty. */
function section(title, className) {
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
