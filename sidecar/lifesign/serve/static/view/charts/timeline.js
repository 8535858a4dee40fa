// The last hours: a lane of states, one of delays on a logarithmic scale, an axis, and marks for what happened.
// Drawn by hand: five hundred columns and a few marks need no charting library, and each part has a name to read out.

import { address, ApiError, read } from "../../data/api.js";
import { button, element, list, setAttribute, setText, svg } from "../../dom.js";
import { clock, duration } from "../../words.js";

const EVERY_MS = 10000;
const WIDTH = 720;
const COLUMNS = 360;
const DELAYS = { top: 26, height: 74 };
const SPANS = { "15 min": 900e3, "1 h": 3600e3, "6 h": 21600e3 };
const STEPS = [60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3]; // of the axis
const WORST = ["frozen", "blocked", "dead", "silent", "degraded", "starting", "healthy", "idle", "stopped"];
const MARKED = ["lifesign.eventloop.blocked", "lifesign.process.frozen", "lifesign.process.died", "lifesign.process.stopped", "lifesign.silence", "lifesign.task_dump", "lifesign.eventloop.stall", "lifesign.postcondition.failed", "lifesign.postcondition.recovered", "lifesign.boot.failed", "lifesign.process.degraded", "lifesign.task.died"];

export class Timeline {
  /** `jump(at)` is called where a moment is chosen, wall clock milliseconds. */
  constructor(jump) {
    this.jump = jump;
    this.span = "15 min";
    this.chips = element("ul", "chips", ...Object.keys(SPANS).map((name) => {
      const chip = button(name, () => {
        this.span = name;
        this.draw();
      }, "small");
      chip.dataset.span = name;
      return element("li", "", chip);
    }));
    this.chips.setAttribute("aria-label", "how much time");
    this.picture = svg("svg", { role: "img", viewBox: `0 0 ${WIDTH} 122`, preserveAspectRatio: "none" });
    this.picture.addEventListener("pointermove", (event) => this.hover(event));
    this.picture.addEventListener("click", (event) => this.jump(this.timeAt(event)));
    this.axis = element("ol", "axis");
    this.axis.setAttribute("aria-hidden", "true");
    this.marks = element("ol", "marks");
    this.said = element("p", "note said");
    this.node = element("section", "timeline", element("div", "head", element("h3", "", "Event loop delay and state"), this.chips), element("div", "chart", this.picture, this.marks, this.axis), this.said);
    this.forget();
  }

  forget() {
    this.view = null;
    this.entries = [];
    this.asked = -EVERY_MS;
    this.node.hidden = true;
  }

  async update(key, now) {
    this.now = now;
    if (performance.now() - this.asked < EVERY_MS) return;
    this.asked = performance.now();
    try {
      const after = this.view && key === this.key ? this.view.start + (this.view.states.length - 1) * this.view.step : 0;
      const newer = await read(`${address(key, "timeline")}?after=${after}`);
      this.view = after ? joined(this.view, newer) : newer;
      this.key = key;
      this.draw();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  mark(entries) {
    this.entries = entries.filter(({ event }) => MARKED.includes(event));
    this.draw();
  }

  draw() {
    for (const chip of this.chips.querySelectorAll("button")) setAttribute(chip, "aria-pressed", String(chip.dataset.span === this.span));
    this.node.hidden = !this.view?.states;
    if (this.node.hidden) return;
    const { start, step, states, delays, letters } = this.view;
    const length = SPANS[this.span];
    this.until = start + states.length * step;
    this.from = this.until - length;
    const columns = Math.min(COLUMNS, length / step);
    const bars = Array.from({ length: columns }, () => ({ delay: -1, state: "" }));
    for (let index = 0; index < states.length; index++) {
      const column = Math.floor(((start + index * step - this.from) / length) * columns);
      if (column < 0 || states[index] === ".") continue;
      const bar = bars[column];
      bar.delay = Math.max(bar.delay, delays[index]);
      const state = letters[states[index]];
      if (!bar.state || WORST.indexOf(state) < WORST.indexOf(bar.state)) bar.state = state;
    }
    this.bars = bars;
    const wide = WIDTH / columns;
    const drawn = [svg("rect", { class: "lane", x: 0, y: 0, width: WIDTH, height: 14 }), svg("rect", { class: "lane", x: 0, y: DELAYS.top, width: WIDTH, height: DELAYS.height })];
    for (const level of [0.01, 0.1, 1]) drawn.push(svg("line", { class: "rule", x1: 0, x2: WIDTH, y1: heightOf(level * 1000), y2: heightOf(level * 1000) }));
    bars.forEach(({ delay, state }, column) => {
      if (!state) return;
      const x = column * wide;
      drawn.push(svg("rect", { class: state, x, y: 0, width: wide + 0.3, height: 14 }));
      if (delay >= 0) drawn.push(svg("rect", { class: `delay ${state}`, x, y: heightOf(delay), width: Math.max(0.8, wide - 0.4), height: DELAYS.top + DELAYS.height - heightOf(delay) }));
    });
    this.picture.replaceChildren(...drawn);
    const worst = Math.max(0, ...bars.map(({ delay }) => delay));
    const ill = [...new Set(bars.map(({ state }) => state).filter((state) => state && state !== "healthy"))];
    setAttribute(this.picture, "aria-label", `the last ${this.span}: worst delay ${duration(worst / 1000)}${ill.length ? `, ${ill.join(", ")}` : ", healthy"}`);
    this.drawAxis(length);
    this.drawMarks(length);
  }

  drawAxis(length) {
    const step = STEPS.find((one) => length / one <= 8) ?? STEPS.at(-1);
    const zone = new Date(this.until).getTimezoneOffset() * 60e3;
    const first = Math.ceil((this.from - zone) / step) * step + zone;
    const ticks = [];
    // Half of one at an edge would be another time.
    for (let at = first; at < this.until; at += step) if (at - this.from > 0.03 * length && this.until - at > 0.03 * length) ticks.push(at);
    list(this.axis, ticks.map((at) => ({ at, share: (at - this.from) / length })), ({ at }) => at, ({ at }) => {
      const node = element("li", "note", clock(at).slice(0, 5));
      return { node, update: ({ share }) => { node.style.left = `${100 * share}%`; } };
    });
  }

  drawMarks(length) {
    const inside = this.entries.filter(({ at }) => at >= this.from && at <= this.until).slice(0, 60);
    list(this.marks, inside.map((entry) => ({ ...entry, share: (entry.at - this.from) / length })), ({ id }) => id, (entry) => {
      const node = button("", () => this.jump(entry.at), entry.severity >= 17 ? "bad" : entry.severity >= 13 ? "warn" : "");
      const item = element("li", "", node);
      return {
        node: item,
        update: ({ share, title, at }) => {
          item.style.left = `${100 * share}%`;
          setAttribute(node, "aria-label", `${clock(at)} ${title}`);
          setAttribute(node, "title", `${clock(at)} ${title}`);
        },
      };
    });
  }

  timeAt(event) {
    const box = this.picture.getBoundingClientRect();
    return this.from + ((event.clientX - box.left) / box.width) * (this.until - this.from);
  }

  hover(event) {
    if (!this.bars) return;
    const at = this.timeAt(event);
    const { delay, state } = this.bars[Math.min(this.bars.length - 1, Math.max(0, Math.floor(((at - this.from) / (this.until - this.from)) * this.bars.length)))];
    setText(this.said, `${clock(at)}: ${state || "not seen"}${delay >= 0 ? `, worst delay ${duration(delay / 1000)}` : ""}`);
  }
}

/** Milliseconds on the scale: 1 ms at the bottom, 10 s at the top, logarithmic. */
function heightOf(delay) {
  const share = Math.min(1, Math.max(0.02, Math.log10(Math.max(delay, 1)) / 4));
  return DELAYS.top + DELAYS.height * (1 - share);
}

function joined(old, newer) {
  const kept = Math.max(0, Math.round((newer.start - old.start) / newer.step));
  const most = SPANS["6 h"] / newer.step;
  const delays = [...old.delays.slice(0, kept), ...newer.delays].slice(-most);
  const states = (old.states.slice(0, kept) + newer.states).slice(-most);
  return { ...newer, start: newer.start + newer.states.length * newer.step - states.length * newer.step, delays, states };
}
