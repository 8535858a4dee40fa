// What stalls the event loops of a process: one row for each culprit, the worst first, with its stack.

import { element, list, setText, svg } from "../dom.js";
import { clock, count, duration } from "../words.js";
import { FlameSection } from "./charts/flame.js";
import { stackNode } from "./stack.js";

// What is said where no function is to blame.
const WITHOUT_PLACE = {
  call: "code without a Python frame",
  callbacks: "many callbacks in one turn",
  gc: "garbage collection",
  quota: "the CPU quota was used up",
  starved: "too little CPU time",
  paging: "memory was read from the disk",
  steal: "the hypervisor gave the processor to others",
  stopped: "the process was stopped (SIGSTOP)",
  other: "others",
};
const NUMBERS = ["Count", "Total", "Worst"];
const WITH_PLACE = { callbacks: "many callbacks in one turn", gc: "garbage collection began there" };

export class StallsSection {
  constructor() {
    this.note = element("span", "note");
    this.rows = element("tbody");
    const heads = ["What", ...NUMBERS].map((name, at) => cell("th", at ? "number" : "", "columnheader", name));
    const head = element("thead", "", element("tr", "", ...heads));
    // On a small screen the rows are laid out otherwise; without these roles they would be no table any more.
    const table = role("table", element("table", "", role("rowgroup", head), role("rowgroup", this.rows)));
    role("row", head.firstChild);
    this.table = element("section", "stalls", element("h3", "", "What stalls the event loop ", this.note), table);
    this.flame = new FlameSection();
    this.nothing = element("p", "note none", "nothing has stalled its event loop");
    this.node = element("div", "", this.nothing, this.table, this.flame.node);
    this.path = "stacks";
  }

  forget() {
    this.flame.forget();
  }

  update(data) {
    const { stalls, busy } = data.process;
    this.nothing.hidden = stalls.length + busy.length > 0;
    this.table.hidden = stalls.length === 0;
    this.flame.update(data);
    const all = stalls.reduce((sum, { total }) => sum + total, 0);
    setText(this.note, `${duration(all)} since the start`);
    list(this.rows, stalls.map((stall) => ({ ...stall, share: all ? stall.total / all : 0 })), ({ id }) => id, createRow);
  }
}

function createRow({ id }) {
  const title = element("span", "label");
  const place = element("span", "note");
  const how = element("p", "note");
  const bar = svg("rect", { height: 4, x: 0, y: 0, width: 0 });
  const meter = svg("svg", { class: "meter", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" }, bar);
  const details = element("details", "", element("summary", "", "stack"));
  const numbers = NUMBERS.map((name) => {
    const node = cell("td", "number", "cell");
    node.dataset.name = name.toLowerCase();
    return node;
  });
  const head = cell("th", "", "rowheader", title, " ", place, how, meter, details);
  let shown = "";
  return {
    node: role("row", element("tr", "", head, ...numbers)),
    update(stall) {
      const { what, function: name, file, line, stacks, share } = stall;
      setText(title, name || WITHOUT_PLACE[what] || what);
      setText(place, file ? `${file.split("/").pop()}:${line}` : "");
      setText(how, describe(stall));
      bar.setAttribute("width", Math.max(1, Math.round(100 * share)));
      setText(numbers[0], count(stall.count));
      setText(numbers[1], duration(stall.total));
      setText(numbers[2], id ? duration(stall.worst) : "");
      const stack = stacks.length ? stacks[0].stack.map(frameText).join("\n") : "";
      details.hidden = !stack;
      if (stack !== shown) {
        shown = stack;
        details.replaceChildren(details.firstChild, stackNode(stack));
      }
    },
  };
}

function cell(tag, className, name, ...children) {
  return role(name, element(tag, className, ...children));
}

function role(name, node) {
  node.setAttribute("role", name);
  return node;
}

/** How it stalled the loop, when it did so last, and what ran. */
function describe({ id, what, function: name, thread, computing, total, last, task, coroutine }) {
  const parts = [];
  if (name && WITH_PLACE[what]) parts.push(WITH_PLACE[what]);
  if (thread) parts.push(`thread ${thread} holds the GIL`);
  if (id && what === "call" && total > 0) parts.push(`${Math.round((100 * computing) / total)} % computing`);
  if (last) parts.push(`last ${clock(last / 1e6)}`);
  if (task) parts.push(`task ${task}${coroutine ? ` (${coroutine})` : ""}`);
  return parts.join(" · ");
}

function frameText({ function: name, file, line }) {
  return file ? `File "${file}", line ${line}, in ${name}` : name;
}
