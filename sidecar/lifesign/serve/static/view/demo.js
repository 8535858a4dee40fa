// The buttons of the sample service: each makes it ill, and says what happens now and what to look at.

import { ApiError, press, read } from "../data/api.js";
import { button, element, link, list, setClass, setText } from "../dom.js";

const PARTS = { overview: "Overview", tasks: "Tasks", stalls: "Stalls", history: "History" };
const RECOVER = "r";

export class Demo {
  constructor(node) {
    this.node = node;
    this.buttons = element("ul", "illnesses");
    this.buttons.setAttribute("aria-label", "illnesses");
    this.what = element("span");
    this.look = element("span");
    this.where = link("", "#/");
    this.said = element("div", "look", element("p", "", this.what), element("p", "note", element("b", "", "Look at: "), this.look, " ", this.where));
    this.said.setAttribute("role", "status");
    this.hint = element("span", "note", "press a button, and see what lifesign makes of it");
    this.fold = element("details", "", element("summary", "", element("span", "h3", "An order desk, to be made ill"), " ", this.hint), this.buttons, this.said);
    this.fold.open = true;
    this.said.hidden = true;
    this.pressed = null;
    this.items = [];
    node.append(this.fold);
  }

  /** Asks whether there is a sample service here. */
  async load() {
    try {
      this.items = await read("api/v1/demo");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    this.draw();
  }

  /** The process that is shown, so that what to look at is a click away. */
  show(row) {
    this.key = row?.key ?? null;
    this.follow();
  }

  draw() {
    this.node.hidden = this.items.length === 0;
    list(this.buttons, this.items, ({ letter }) => letter, (item) => {
      const node = button(item.title, () => this.press(item), item.letter === RECOVER ? "small recover" : "small");
      return { node: element("li", "", node), update: () => node.setAttribute("aria-pressed", String(this.pressed === item)) };
    });
  }

  async press(item) {
    this.pressed = item;
    this.draw();
    try {
      await press(item.letter);
      this.say(item.what, item.look);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.say(error.message, "");
    }
  }

  say(what, look) {
    this.said.hidden = false;
    setText(this.what, `${what[0].toUpperCase()}${what.slice(1)}.`);
    setText(this.look, look && `${look}.`);
    setClass(this.said, look ? "look" : "look failed");
    this.said.lastChild.hidden = !look;
    this.follow();
  }

  follow() {
    const part = this.pressed?.part ?? "overview";
    this.where.hidden = this.key === null;
    if (this.where.hidden) return;
    setText(this.where, `Show ${PARTS[part]}`);
    this.where.setAttribute("href", `#/process/${encodeURIComponent(this.key)}/${part}`);
  }
}
