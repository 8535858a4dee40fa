// What this tab hears: through the worker that all tabs share, or by a stream of its own where there are no such workers.

import { Stream } from "./stream.js";

const HERE_MS = 10000;

/** Calls `heard(event)` for each event as long as the tab lives. */
export function listen(heard) {
  const visible = () => (document.visibilityState === "visible" ? "visible" : "hidden");
  let say;
  if ("SharedWorker" in globalThis) {
    const { port } = new SharedWorker(new URL("hub.js", import.meta.url), { type: "module", name: "lifesign" });
    port.addEventListener("message", ({ data }) => heard(data));
    port.start();
    say = (what) => port.postMessage(what);
  } else {
    const stream = new Stream(heard);
    say = (what) => stream.open({ visible: "all", hidden: "verdict" }[what] ?? null);
  }
  say(visible());
  document.addEventListener("visibilitychange", () => say(visible()));
  addEventListener("pagehide", () => say("gone"));
  addEventListener("pageshow", () => say(visible()));
  setInterval(() => say(visible()), HERE_MS);
}
