// A worker that all tabs share: one connection to the sidecar, however many tabs there are, since a browser has six for
// all of them. Tabs that nobody looks at are sent the verdict when it changes, and no more.

import { Store } from "./store.js";
import { Stream } from "./stream.js";

const SILENT_MS = 45000; // a visible tab says every few seconds that it is there; one that crashed does not

const tabs = new Map(); // by port: whether it is visible, and when it was last heard
const store = new Store();
let fresh = false; // whether the rows in the store are those of now

const stream = new Stream((event) => {
  fresh = (event.type === "rows" || fresh) && event.type !== "lost" && event.type !== "verdict";
  const verdict = JSON.stringify(store.verdict);
  store.apply(event);
  const changed = verdict !== JSON.stringify(store.verdict) || event.type === "lost";
  for (const [port, { visible }] of tabs) {
    if (visible) port.postMessage(event);
    else if (changed || event.type === "verdict") port.postMessage(event.type === "lost" ? event : quiet());
  }
});

function quiet() {
  return { type: "verdict", at: store.now(), age: store.age, verdict: store.verdict };
}

function choose() {
  const looked = [...tabs.values()].some(({ visible }) => visible);
  stream.open(looked ? "all" : tabs.size ? "verdict" : null);
}

self.addEventListener("connect", ({ ports: [port] }) => {
  port.addEventListener("message", ({ data }) => {
    const before = tabs.get(port);
    if (data === "gone") tabs.delete(port);
    else tabs.set(port, { visible: data === "visible", heard: Date.now() });
    if (data === "visible" && !before?.visible && fresh) port.postMessage(store.whole());
    choose();
  });
  port.start();
});

setInterval(() => {
  for (const [port, { visible, heard }] of tabs) if (visible && Date.now() - heard > SILENT_MS) tabs.delete(port);
  choose();
}, SILENT_MS / 3);
