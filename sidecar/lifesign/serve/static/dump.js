// The newest task dump of a process, and the button that requests another.

import { age, clock, count, element, list, preformatted, setText } from "./dom.js";

const RESPONSE_MS = 10000;

export class DumpSection {
  constructor() {
    this.note = element("span", "note");
    this.button = element("button", "", "dump tasks");
    this.button.type = "button";
    this.button.addEventListener("click", () => this.request());
    this.status = element("p", "note status");
    this.status.setAttribute("role", "status");
    this.groups = element("ol", "groups");
    const head = element("div", "head", element("h3", "", "Task dump ", this.note), this.button);
    this.node = element("section", "dump", head, this.status, this.groups);
    this.shown = null;
    this.timer = null;
  }

  update({ process, watched, dump }) {
    this.key = process.key;
    this.button.disabled = !process.alive || !watched;
    if ((dump?.id ?? null) !== this.shown && this.timer !== null) this.say("");
    this.shown = dump?.id ?? null;
    setText(this.note, dump ? describe(dump) : "none yet");
    list(this.groups, dump?.groups ?? [], ({ index }) => `${dump.id} ${index}`, createGroup);
  }

  async request() {
    this.say("requesting");
    try {
      const response = await fetch(`api/processes/${encodeURIComponent(this.key)}/dump`, {
        method: "POST",
        headers: { "X-Lifesign": "1" },
      });
      if (response.ok) {
        this.say("requested; the process responds at its next watchdog beat");
        this.timer = setTimeout(() => this.say("no response yet: no dump can be taken while no Python code runs"), RESPONSE_MS);
      } else {
        this.say(await refusal(response));
      }
    } catch {
      this.say("the sidecar does not respond");
    }
  }

  say(text) {
    clearTimeout(this.timer);
    this.timer = null;
    setText(this.status, text);
  }
}

async function refusal(response) {
  try {
    const { what, hint } = await response.json();
    return hint ? `${what}; try: ${hint}` : what;
  } catch {
    return `refused (${response.status})`;
  }
}

function describe({ at, reason, tasks, groups, groups_total: total }) {
  const parts = [clock(at)];
  const shown = groups.filter(({ threads }) => !threads).length;
  if (tasks !== null) parts.unshift(`${count(tasks)} tasks in ${count(total ?? shown)} groups`);
  if (reason) parts.push(reason);
  if (total !== null && total > shown) parts.push(`largest ${shown} shown`);
  if (shown < groups.length) parts.push("threads below");
  return parts.join(" · ");
}

function threadState(names, waits) {
  const who = names.length === 1 ? `thread ${names[0]}` : "threads";
  return waits ? `${who} waits for ${waits}` : who;
}

function createGroup(group) {
  const number = element("span", "number");
  const { names, function: name, place, waits_for: waits, stack, index } = group;
  const title = name || "no coroutine";
  const doing = group.threads ? threadState(names, waits) : waits.startsWith("nothing") ? "running" : waits ? `waits for ${waits}` : "running or ready";
  const summary = element("summary", "", number, " ", element("span", "label", title), element("span", "note", ` ${place} `), doing);
  const some = element("p", "note");
  const details = element("details", "", summary, some, ...stackParts(stack || "no stack"));
  details.open = index === 0;
  return {
    node: element("li", "", details),
    update({ count: tasks }) {
      setText(number, `${count(tasks)} ×`);
      const more = tasks > names.length ? ` and ${count(tasks - names.length)} more` : "";
      const parts = names.length ? [`${names.join(", ")}${more}`] : [];
      if (group.waited >= 1) parts.push(`for ${age(group.waited)}`);
      if (group.looked) parts.push(`the lines are those of ${count(group.looked)} that were looked at`);
      setText(some, parts.join(" · "));
    },
  };
}

/** A stack with each run of frames that are not the user's own folded; whole where there are none of the user's. */
export function stackParts(stack) {
  const frames = stack.split(/\n(?=File ")/);
  if (frames.every((frame) => isLibrary(frame))) return [preformatted(stack)];
  const runs = [];
  for (const frame of frames) {
    const library = isLibrary(frame);
    if (runs.at(-1)?.library !== library) runs.push({ library, frames: [] });
    runs.at(-1).frames.push(frame);
  }
  return runs.map(({ library, frames: some }) => {
    const text = preformatted(some.join("\n"));
    if (!library) return text;
    const innermost = some.at(-1).split("\n")[0].split(", in ").pop();
    const title = `${count(some.length)} ${some.length === 1 ? "frame" : "frames"} of libraries: ${innermost}`;
    return element("details", "note", element("summary", "", title), text);
  });
}

function isLibrary(frame) {
  return /^File "(<frozen |(?![^"]*\/lifesign\/demo\/)[^"]*\/(site-packages|dist-packages|lib\/python3|lib64\/python3))/.test(frame);
}
