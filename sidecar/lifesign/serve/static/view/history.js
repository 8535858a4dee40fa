// What happened to a process: the last hours as a timeline, and below it one entry for each happening in plain words.

import { address, ApiError, read } from "../data/api.js";
import { button, element, list, setAttribute, setClass, setText } from "../dom.js";
import { clock, count, duration } from "../words.js";
import { stackNode } from "./stack.js";
import { Timeline } from "./charts/timeline.js";

const LEVELS = { errors: 17, warnings: 13, everything: 0 };
const PAGE = 60;

export class HistorySection {
  constructor() {
    this.path = "history";
    this.timeline = new Timeline((at) => this.jump(at));
    this.level = "everything";
    this.chips = element("ul", "chips", ...Object.keys(LEVELS).map((name) => {
      const chip = button(name, () => {
        this.level = name;
        this.draw();
      }, "small");
      chip.dataset.level = name;
      return element("li", "", chip);
    }));
    this.chips.setAttribute("aria-label", "how severe");
    this.nothing = element("p", "note none", "nothing has happened yet");
    this.list = element("ol", "past");
    this.more = button("", () => {
      this.most += PAGE;
      this.draw();
    }, "more");
    this.status = element("p", "note status");
    this.node = element("div", "history", this.timeline.node, element("div", "head", element("h3", "", "What happened"), this.chips), this.status, this.nothing, this.list, this.more);
    this.forget();
  }

  forget() {
    this.entries = [];
    this.version = null;
    this.most = PAGE;
    this.timeline.forget();
    this.draw();
  }

  update({ row, versions }, now) {
    this.key = row.key;
    this.timeline.update(row.key, now);
    if (versions.history !== this.version && !this.loading) this.load(versions.history);
  }

  async load(version) {
    this.loading = true;
    const key = this.key;
    try {
      const entries = await read(address(key, "history"));
      if (key !== this.key) return;
      this.version = version;
      this.entries = entries;
      setText(this.status, "");
      this.timeline.mark(entries);
      this.draw();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setText(this.status, error.message);
    } finally {
      this.loading = false;
    }
  }

  draw() {
    for (const chip of this.chips.querySelectorAll("button")) setAttribute(chip, "aria-pressed", String(chip.dataset.level === this.level));
    const some = this.entries.filter(({ severity }) => severity >= LEVELS[this.level]);
    this.nothing.hidden = some.length > 0;
    setText(this.nothing, this.entries.length ? `no ${this.level}` : "nothing has happened yet");
    this.more.hidden = some.length <= this.most;
    setText(this.more, `show ${count(Math.min(PAGE, some.length - this.most))} older`);
    list(this.list, some.slice(0, this.most), ({ id }) => id, createEntry);
  }

  /** Shows what is known of a moment: the entry next to it. */
  jump(at) {
    this.level = "everything";
    this.most = Math.max(this.most, this.entries.length);
    this.draw();
    let nearest = null;
    for (const entry of this.entries) if (nearest === null || Math.abs(entry.at - at) < Math.abs(nearest.at - at)) nearest = entry;
    const node = nearest && this.list.parts.get(nearest.id)?.node;
    if (!node) return;
    for (const details of node.querySelectorAll("details")) details.open = true;
    node.scrollIntoView({ block: "center" });
    node.querySelector("[tabindex]")?.focus({ preventScroll: true });
  }
}

function createEntry({ event, stack }) {
  const time = element("time", "number");
  const title = element("span", "label");
  const times = element("span", "note");
  const text = element("p", "note");
  title.tabIndex = -1;
  const body = element("div", "", title, " ", times, text);
  if (stack) {
    const details = element("details", "", element("summary", "", "stack"));
    details.addEventListener("toggle", () => details.childElementCount > 1 || details.append(stackNode(stack)));
    body.append(details);
  }
  const node = element("li", "", time, body);
  setAttribute(node, "data-event", event);
  return {
    node,
    update({ at, severity, title: said, text: more, times: often, seconds }) {
      setText(time, clock(at));
      time.dateTime = new Date(at).toISOString();
      setText(title, said);
      setClass(title, `label ${severity >= 17 ? "bad" : severity >= 13 ? "warn" : ""}`);
      setText(times, often > 1 ? `${count(often)} times in a row` : "");
      // What the title says already is not said again.
      setText(text, seconds !== null && more.endsWith(duration(seconds)) ? "" : more);
      text.hidden = text.textContent === "";
    },
  };
}
