// The page: hears what changes, and shows the list, the process that is open, and one verdict on all.

import { listen } from "./data/feed.js";
import { Store } from "./data/store.js";
import { element, fixed, list, setText } from "./dom.js";
import { Demo } from "./view/demo.js";
import { Detail } from "./view/detail.js";
import { List } from "./view/list.js";
import { Verdict } from "./view/verdict.js";

const find = (id) => document.getElementById(id);

const store = new Store();
const verdict = new Verdict(find("verdict"), find("connection"), find("lost"), find("announce"), find("icon"));
const rows = new List(find("list"));
const detail = new Detail(find("detail"));
const demo = new Demo(find("demo"));
let drawing = false;
let known = false;

/** ``#/process/4242/tasks``: the key or the pid of a process, and what of it. */
const NOWHERE = { key: null, part: null };

function route() {
  try {
    const [, word, key, part] = location.hash.split("/").map(decodeURIComponent);
    return word === "process" && key ? { key, part: part || "overview" } : NOWHERE;
  } catch {
    return NOWHERE; // a % that is no escape
  }
}

function opened() {
  const asked = route();
  // One process needs no list to choose from.
  if (asked.key === null && store.rows.size === 1) return { key: [...store.rows.values()][0].key, part: "overview", only: true };
  return { ...asked, only: store.rows.size === 1 };
}

function draw() {
  drawing = false;
  const { key, part, only } = opened();
  const row = key === null ? null : store.find(key);
  document.body.classList.toggle("opened", row !== null);
  document.body.classList.toggle("only", Boolean(only));
  find("list").hidden = store.rows.size === 0 || Boolean(only);
  find("empty").hidden = store.rows.size > 0 || store.received === 0 || key !== null;
  rows.update(store, row?.key ?? null);
  detail.show(row, part, store, known);
  demo.show(row);
  find("missing").hidden = key === null || row !== null || store.rows.size === 0;
  setText(find("missing"), find("missing").hidden ? "" : `There is no process ${key} here.`);
  list(find("sidecar"), store.sidecar, (text) => text, (text) => fixed(element("li", "", text)));
}

function redraw() {
  if (!drawing) requestAnimationFrame(draw);
  drawing = true;
}

listen((event) => {
  // The sidecar, or all that it watches, may be another one.
  const fresh = event.type === "rows" && (event.whole || store.rows.size === 0);
  const heard = store.apply(event);
  if (fresh) demo.load();
  known = verdict.show(store, heard);
  if (document.visibilityState === "visible") redraw();
});

setInterval(() => {
  known = verdict.show(store, false);
  if (document.visibilityState === "visible") redraw();
}, 1000);

addEventListener("hashchange", () => {
  redraw();
  if (route().key !== null) find("detail").focus({ preventScroll: true });
});

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea, [role=tree]");
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if (typing) event.target.blur();
    else if (route().key !== null) location.hash = "#/";
  } else if (!typing && rows.press(event.key)) {
    event.preventDefault();
  }
});
