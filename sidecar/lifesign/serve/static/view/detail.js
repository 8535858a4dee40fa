// The process that is open: its head, and below it the part that its address names. Only what is shown is asked for.

import { address, ApiError, read } from "../data/api.js";
import { filled } from "../data/store.js";
import { button, element, link, list, setAttribute, setClass, setText } from "../dom.js";
import { HistorySection } from "./history.js";
import { Overview } from "./overview.js";
import { StallsSection } from "./stalls.js";
import { TasksSection } from "./tasks/tasks.js";
import { visible } from "../words.js";

const EVERY_MS = 1000;
const PARTS = { overview: "Overview", tasks: "Tasks", stalls: "Stalls", history: "History" };

export class Detail {
  constructor(node) {
    this.node = node;
    this.state = element("span", "state");
    this.name = element("span", "name");
    this.who = element("span", "who");
    this.badges = element("span", "conditions");
    this.back = link("all processes", "#/", "back");
    this.nav = element("ul", "");
    this.status = element("p", "note status");
    this.status.setAttribute("role", "status");
    this.api = link("JSON", "#", "json");
    this.curl = button("copy as curl", () => this.copy(), "small");
    this.parts = { overview: new Overview(), tasks: new TasksSection(), stalls: new StallsSection(), history: new HistorySection() };
    const nav = element("nav", "parts", this.nav);
    nav.setAttribute("aria-label", "parts of this process");
    node.append(
      this.back,
      element("h2", "title", this.state, " ", this.name, " ", this.who, " ", this.badges),
      nav,
      this.status,
      ...Object.values(this.parts).map((part) => part.node),
      element("p", "addresses", this.api, " ", this.curl),
    );
    this.key = null;
    this.asked = 0;
    this.asking = false;
  }

  /** Shows this part of the process of a row; nothing where that is null. */
  show(row, part, store, live) {
    this.node.hidden = row === null;
    if (row === null) return;
    if (row.key !== this.key) {
      this.key = row.key;
      this.data = null;
      this.asked = 0;
      for (const one of Object.values(this.parts)) one.forget?.();
    }
    this.part = part in PARTS ? part : "overview";
    this.now = store.now();
    this.head(row);
    for (const [name, one] of Object.entries(this.parts)) one.node.hidden = name !== this.part || !this.data;
    const changed = this.row && (row.state !== this.row.state || row.why !== this.row.why);
    this.row = { ...row };
    if ((live || !this.data) && (changed || performance.now() - this.asked >= EVERY_MS)) this.load();
    this.draw();
  }

  head(row) {
    setClass(this.state, `state ${row.state}`);
    setText(this.state, row.state);
    setText(this.name, row.service || row.command);
    setText(this.who, `pid ${row.pid} · ${row.command}`);
    setAttribute(this.node, "aria-label", `process ${row.pid}`);
    const badges = [...(row.ready || !["healthy", "idle"].includes(row.state) ? [] : ["not ready"]), ...row.failing.map((name) => `check ${name} fails`), ...row.conditions, ...(row.watched ? [] : ["no longer watched"])];
    this.badges.hidden = badges.length === 0;
    list(this.badges, badges, (text) => text, (text) => ({ node: element("span", "condition", text), update() {} }));
    const key = encodeURIComponent(row.key);
    list(this.nav, Object.entries(PARTS).map(([name, title]) => ({ name, title })), ({ name }) => `${key} ${name}`, ({ name, title }) => {
      const node = link(title, `#/process/${key}/${name}`);
      return {
        node: element("li", "", node),
        update: () => (name === this.part ? node.setAttribute("aria-current", "page") : node.removeAttribute("aria-current")),
      };
    });
  }

  async load() {
    if (this.asking) return;
    const key = this.key;
    this.asking = true;
    this.asked = performance.now();
    try {
      const data = await read(address(key));
      if (key === this.key) this.data = data && { ...data, row: filled(data.row) };
      setText(this.status, "");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setText(this.status, error.message);
    } finally {
      this.asking = false;
    }
    this.draw();
  }

  draw() {
    if (!this.data) return;
    const part = this.parts[this.part];
    part.node.hidden = false;
    part.update(this.data, this.now);
    this.path = part.path ? address(this.data.row.key, part.path) : address(this.data.row.key);
    setAttribute(this.api, "href", this.path);
  }

  async copy() {
    const url = new URL(this.path, document.baseURI);
    await navigator.clipboard?.writeText(`curl -s '${url}'`);
    setText(this.status, visible(`copied: curl -s '${url}'`));
  }
}
