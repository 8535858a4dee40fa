// The page: reads the stream of states and shows one card per process.

import { Card } from "./card.js";
import { element, list, setClass, setText } from "./dom.js";

const RETRY_MS = 2000;
const STALE_MS = 5000;
const ORDER = ["frozen", "blocked", "dead", "silent", "degraded", "starting", "healthy", "idle", "stopped"];

const find = (id) => document.getElementById(id);
const announced = new Map(); // the last state of each process that was read out
let received = 0;

function show(state) {
  received = Date.now();
  const processes = state.processes;
  list(find("processes"), processes, (view) => view.process.key, (view) => new Card(view, processes.length));
  find("empty").hidden = processes.length > 0;
  find("hidden").hidden = state.hidden === 0;
  setText(find("hidden"), `${state.hidden} more processes are not shown; the unhealthy ones come first.`);
  showCounts(state.counts);
  announce(processes);
}

function showCounts(counts) {
  const present = ORDER.filter((name) => counts[name] > 0).map((name) => ({ name, number: counts[name] }));
  list(find("counts"), present, ({ name }) => name, ({ name }) => {
    const node = element("li", `state ${name}`);
    return { node, update: ({ number }) => setText(node, `${number} ${name}`) };
  });
  document.title = present.length ? `${present[0].number} ${present[0].name} · lifesign` : "lifesign";
}

function announce(processes) {
  const news = [];
  for (const { process } of processes) {
    const before = announced.get(process.key);
    if (before !== undefined && before !== process.state) {
      news.push(`${process.service || process.command}, process ${process.pid}, is ${process.state}: ${process.why}`);
    }
    announced.set(process.key, process.state);
  }
  if (news.length) find("announce").textContent = news.join(". ");
}

function connection(live) {
  setText(find("connection"), live ? "live" : "not connected");
  setClass(find("connection"), live ? "connection live" : "connection");
  find("lost").hidden = live;
  document.body.classList.toggle("stale", !live);
}

function lost() {
  connection(false);
  const since = received ? ` This page is from ${new Date(received).toLocaleTimeString([], { hour12: false })}.` : "";
  setText(find("lost"), `Connection lost, retrying: the sidecar does not respond.${since}`);
}

function connect() {
  const stream = new EventSource("api/events");
  stream.addEventListener("state", (event) => {
    connection(true);
    show(JSON.parse(event.data));
  });
  stream.addEventListener("error", () => {
    // EventSource gives up for good when the request is refused, so the retry is done here.
    stream.close();
    lost();
    setTimeout(connect, RETRY_MS);
  });
}

// The server may still respond while the watcher behind it is stuck: then no state arrives.
setInterval(() => {
  if (received && find("lost").hidden && Date.now() - received > STALE_MS) {
    setText(find("connection"), `no update for ${Math.round((Date.now() - received) / 1000)} s`);
    setClass(find("connection"), "connection old");
  }
}, 1000);

connect();
