// Stacks as one reads them: the user's own frames plain, those of libraries dimmed and folded; and a link into the editor.

import { element, link, preformatted, setAttribute } from "../dom.js";
import { count } from "../words.js";

const EDITORS = {
  "VS Code": (file, line) => `vscode://file${encodeURI(file)}:${line}`,
  Cursor: (file, line) => `cursor://file${encodeURI(file)}:${line}`,
  PyCharm: (file, line) => `pycharm://open?file=${encodeURIComponent(file)}&line=${line}`,
  Zed: (file, line) => `zed://file${encodeURI(file)}:${line}`,
};
const CHOSEN = "lifesign.editor";

export const editors = () => Object.keys(EDITORS);
export const editor = () => (localStorage.getItem(CHOSEN) in EDITORS ? localStorage.getItem(CHOSEN) : "VS Code");
export const chooseEditor = (name) => localStorage.setItem(CHOSEN, name);

/** ``service.py:148``, which opens the editor where it names a file of this machine. */
export function place(file, line) {
  const text = `${file.split("/").pop()}:${line}`;
  if (!file.startsWith("/") || file.includes("\n")) return element("span", "place", text);
  const node = link(text, EDITORS[editor()](file, line), "place");
  setAttribute(node, "title", `${file}:${line}, opens in ${editor()}`);
  return node;
}

/** A stack of frames `{function, file, line, own, text}`, outermost first; whole where none is the user's own. */
export function frames(stack) {
  const runs = [];
  for (const frame of stack) {
    const own = Boolean(frame.own);
    if (runs.at(-1)?.own !== own) runs.push({ own, frames: [] });
    runs.at(-1).frames.push(frame);
  }
  const folds = runs.length > 1;
  return element("ol", "frames", ...runs.flatMap(({ own, frames: some }) => {
    if (own || !folds) return some.map((frame) => element("li", own ? "own" : "library", ...line(frame)));
    const inner = element("ol", "frames", ...some.map((frame) => element("li", "library", ...line(frame))));
    const title = `${count(some.length)} ${some.length === 1 ? "frame" : "frames"} of libraries: ${some.at(-1).function}`;
    return [element("li", "library", element("details", "", element("summary", "", title), inner))];
  }));
}

function line({ function: name, file, line: number, text }) {
  const parts = [element("span", "function", name)];
  if (file) parts.push(" ", place(file, number));
  if (text) parts.push(element("code", "source", text));
  return parts;
}

/** The same of a stack that came as text, as Python writes one. */
export function parsed(text) {
  const found = [];
  for (const part of text.split(/\n(?=\s*File ")/)) {
    const [, file, number, name] = /^\s*File "([^"]*)", line (\d+)(?:, in (.*))?/.exec(part) ?? [];
    if (!file) return null; // it is something else
    const source = part.split("\n").slice(1).map((one) => one.trim()).filter((one) => one && !/^[~^]+$/.test(one)).join("\n");
    found.push({ function: (name ?? "").trim(), file, line: Number(number), own: !isLibrary(file), text: source });
  }
  return found;
}

export function stackNode(text) {
  const found = parsed(text);
  return found === null ? preformatted(text, "stack") : frames(found);
}

function isLibrary(file) {
  if (file.startsWith("<frozen ") || /\.(pyx|pxi)$/.test(file)) return true;
  return /\/(site-packages|dist-packages|lib\/python3|lib64\/python3)/.test(file) && !file.includes("/lifesign/demo/");
}
