// The cause, first of all: one sentence, the culprit's place with its source, since when, and the stack unfolded.

import { element, list, setClass, setText } from "../dom.js";
import { age, clock } from "../words.js";
import { frames, parsed, place, stackNode } from "./stack.js";

const ENDED = ["dead", "stopped"];
const CURRENT_MS = 5000; // so long what was seen of tasks is said as if it were seen now
const INNERMOST = 3; // frames of the user's own beside the sentence

export class CauseSection {
  constructor() {
    this.since = element("span", "since");
    this.why = element("span", "why");
    this.looked = element("span", "since");
    this.causes = element("ol", "causes");
    this.stack = element("div", "evidence");
    this.node = element("section", "cause", this.causes, element("p", "verdict", this.why, " ", this.since, this.looked), this.stack);
    this.shown = null;
  }

  update({ row, process, causes, stack, looked_at: looked }, now) {
    const calm = row.tone === "good" && causes.length === 0;
    setClass(this.node, `cause ${calm ? "calm" : row.tone}`);
    // What a cause says already is not said again.
    setText(this.why, causes.some(({ sentence }) => sentence === process.why) ? "" : process.why);
    const lasted = age((now - row.since) / 1000);
    setText(this.since, ENDED.includes(row.state) ? `ended at ${clock(row.since)}, ${lasted} ago` : `${row.state} for ${lasted}, since ${clock(row.since)}`);
    const old = causes.length && process.alive && looked && now - looked >= CURRENT_MS;
    setText(this.looked, old ? ` · tasks looked at ${clock(looked)}` : "");
    this.causes.hidden = causes.length === 0;
    list(this.causes, causes, ({ word, sentence, excerpt }) => `${word} ${sentence} ${excerpt.length}`, createCause);
    if (stack !== this.shown) {
      this.shown = stack;
      const found = stack ? parsed(stack) : null;
      const own = found?.filter((frame) => frame.own) ?? [];
      const parts = [];
      if (own.length && own.length < found.length) parts.push(element("h3", "", "Your code"), frames(own.slice(-INNERMOST)));
      if (stack) {
        const whole = element("details", "", element("summary", "", "the whole stack"), stackNode(stack));
        whole.open = own.length === 0 || own.length === found.length;
        parts.push(whole);
      }
      this.stack.replaceChildren(...parts);
    }
    this.stack.hidden = !stack;
  }
}

function createCause({ sentence, evidence, file, line, excerpt }) {
  const node = element("li", "", element("p", "sentence", sentence));
  if (file) node.append(element("p", "where", place(file, line)));
  if (excerpt.length) {
    const shown = excerpt.map(([number, text]) => {
      const row = element("span", number === line ? "line here" : "line", element("span", "at", `${String(number).padStart(5)} `), `${text}\n`);
      return row;
    });
    const code = element("pre", "excerpt", ...shown);
    code.tabIndex = 0;
    code.setAttribute("role", "region");
    code.setAttribute("aria-label", "source");
    node.append(code);
  }
  if (evidence.length) node.append(element("ul", "note", ...evidence.map((text) => element("li", "", text))));
  return { node, update() {} };
}
