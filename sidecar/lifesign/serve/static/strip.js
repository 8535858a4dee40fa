// The heartbeat strip: the worst event loop delay of each of the newest looks, newest at the right.

import { duration, element, setClass, setText, svg } from "./dom.js";

const LOOKS = 120;
const HEIGHT = 40;
const STILL = ["blocked", "frozen", "dead"]; // no beat comes: the bar is full

export class Strip {
  constructor() {
    this.bars = [];
    for (let place = 0; place < LOOKS; place++) {
      this.bars.push(svg("rect", { x: place * 5, width: 4, y: HEIGHT, height: 0, rx: 1 }));
    }
    this.picture = svg("svg", { role: "img", viewBox: `0 0 ${LOOKS * 5} ${HEIGHT}`, preserveAspectRatio: "none" }, ...this.bars);
    this.caption = element("figcaption", "note");
    this.node = element("figure", "strip", this.picture, this.caption);
  }

  update({ looks }) {
    const worst = Math.max(0, ...looks.map(([delay]) => delay ?? 0));
    const text = `event loop delay, worst ${duration(worst)}, newest at the right`;
    setText(this.caption, text);
    this.picture.setAttribute("aria-label", text);
    this.bars.forEach((bar, place) => {
      const look = looks[place - LOOKS + looks.length];
      const height = look ? barHeight(...look) : 0;
      setClass(bar, look ? look[1] : "");
      bar.setAttribute("height", height);
      bar.setAttribute("y", HEIGHT - height);
    });
  }
}

/** 1 ms and less is a low bar, 1 s and more a full one, by the logarithm between. */
function barHeight(delay, state) {
  if (STILL.includes(state)) return HEIGHT;
  if (delay === null) return 2;
  const share = (Math.log10(Math.max(delay, 0.001)) + 3) / 3;
  return 5 + (HEIGHT - 5) * Math.min(1, share);
}
