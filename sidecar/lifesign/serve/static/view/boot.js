// The boot: one line once it is complete, which unfolds; while it goes on or where it failed, its checkpoints.

import { element, list, setClass, setText, svg } from "../dom.js";
import { age, count, duration } from "../words.js";

const OUTCOMES = { starting: "still booting", complete: "complete", failed: "failed", timed_out: "timed out" };

export class Boot {
  constructor() {
    this.outcome = element("span", "note");
    this.late = element("span", "note warn late");
    this.list = element("ul");
    this.why = element("p", "note bad");
    this.missing = element("p", "note warn");
    this.fold = element("details", "", element("summary", "", element("span", "h3", "Boot"), " ", this.outcome, " ", this.late), this.why, this.missing, this.list);
    this.node = element("section", "boot", this.fold);
    this.was = null;
  }

  update(process) {
    const { boot, checkpoints, boot_duration: took, boot_usual: usual } = process;
    // It unfolds by itself where there is something to see, and is not folded under somebody's eyes.
    if (boot !== this.was) {
      this.fold.open = boot !== "complete";
      this.was = boot;
    }
    const number = checkpoints.length ? `, ${count(checkpoints.length)} checkpoints` : "";
    setText(this.outcome, `${OUTCOMES[boot] ?? boot}${took === null ? "" : ` after ${duration(took)}${usual == null ? "" : `, usually ${duration(usual)}`}`}${number}`);
    setClass(this.outcome, ["failed", "timed_out", "died"].includes(boot) ? "note bad" : "note");
    setText(this.why, process.boot_diagnostic);
    this.why.hidden = !process.boot_diagnostic;
    this.missing.hidden = boot === "complete" || process.boot_missing.length === 0;
    setText(this.missing, `not reached: ${process.boot_missing.join(", ")}`);
    setText(this.late, summary(checkpoints.filter(({ late }) => late)));
    const begin = Math.min(...checkpoints.map(({ start }) => start));
    const length = Math.max(took ?? 0, ...checkpoints.map(({ start, end }) => ((end ?? start) - begin) / 1e9), boot === "starting" ? process.uptime : 0, 1e-9);
    const bars = checkpoints.map(({ name, start, end, error, took: lasted, usual: before, late }) => {
      const from = (start - begin) / 1e9;
      const to = end === null ? length : (end - begin) / 1e9;
      return { name, start, error, open: end === null, from, to, length, lasted, before, late };
    });
    const slowest = Math.max(0, ...bars.map(({ from, to }) => to - from));
    list(this.list, bars.map((bar) => ({ ...bar, slow: bars.length > 2 && bar.to - bar.from === slowest })), ({ name, start }) => `${start} ${name}`, createBar);
  }
}

/** ``database: 4.1 s, usually 0.3 s`` */
function summary(late) {
  if (!late.length) return "";
  const [{ name, took, usual }] = [...late].sort((one, other) => (other.took ?? Infinity) - (one.took ?? Infinity));
  const more = late.length > 1 ? `, and ${count(late.length - 1)} more late` : "";
  return `${name}: ${took == null ? "still open" : duration(took)}, usually ${duration(usual)}${more}`;
}

function createBar({ name }) {
  const bar = svg("rect", { height: 6, y: 0, rx: 1 });
  const time = element("span", "number");
  const error = element("span", "note bad reason");
  const fall = svg("svg", { class: "fall", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" }, bar);
  return {
    node: element("li", "", element("span", "label", name), time, fall, error),
    update({ from, to, open, error: why, length: all, slow, lasted, before, late }) {
      const said = late ? `, usually ${duration(before)}` : slow ? ", the longest" : "";
      const passed = late && from === to; // it is the way to it that took so long
      setText(time, open ? `open for ${age(to - from)}${said}` : `${duration(passed ? lasted : to - from)}${passed ? " after the one before" : ""}${said}`);
      setClass(time, late ? "number warn" : "number");
      setText(error, why ?? "");
      setClass(bar, why ? "bad" : late ? "late" : open ? "open" : "");
      bar.setAttribute("x", Math.min(99, (100 * from) / all));
      bar.setAttribute("width", Math.max(1, (100 * (to - from)) / all));
    },
  };
}
