// The heartbeat strip: one bar a poll, as high as the worst event loop delay since the previous one.

import { element, setAttribute, setClass, setText, svg } from "../../dom.js";
import { duration } from "../../words.js";

const BARS = 120;
const HEIGHT = 40;
const STILL = ["blocked", "frozen", "dead"]; // no beat comes: the bar is full
const OVERDUE_S = 1; // a beat comes ten times a second: whatever is later than this is late before any verdict

export class Strip {
  constructor() {
    this.bars = [];
    for (let place = 0; place < BARS; place++) {
      this.bars.push(svg("rect", { x: place * 5, width: 4, y: HEIGHT, height: 0, rx: 1 }));
    }
    this.picture = svg("svg", { role: "img", viewBox: `0 0 ${BARS * 5} ${HEIGHT}`, preserveAspectRatio: "none" }, ...this.bars);
    this.caption = element("figcaption", "note");
    this.node = element("figure", "strip", this.picture, this.caption);
  }

  update(strip) {
    const worst = Math.max(0, ...strip.map(([delay]) => delay ?? 0));
    const text = `event loop delay of the last ${BARS} polls, worst ${duration(worst)}, newest at the right`;
    setText(this.caption, text);
    setAttribute(this.picture, "aria-label", text);
    this.bars.forEach((bar, place) => {
      const shown = strip[place - BARS + strip.length];
      const height = shown ? barHeight(...shown) : 0;
      setClass(bar, shown ? colour(...shown) : "");
      bar.setAttribute("height", height);
      bar.setAttribute("y", HEIGHT - height);
    });
  }
}

/** The state; a beat that is overdue looks like it before the verdict has been passed. */
function colour(delay, state) {
  return delay !== null && delay >= OVERDUE_S && ["healthy", "starting", "degraded", "silent"].includes(state) ? "overdue" : state;
}

/** 1 ms and less is a low bar, 1 s and more a full one, logarithmic between. */
function barHeight(delay, state) {
  if (STILL.includes(state)) return HEIGHT;
  if (delay === null) return 2;
  const share = (Math.log10(Math.max(delay, 0.001)) + 3) / 3;
  return 5 + (HEIGHT - 5) * Math.min(1, share);
}
