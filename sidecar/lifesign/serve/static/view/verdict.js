// One verdict in four places: badge, title, favicon, and what is read out. Grey where nothing was seen for too long.

import { setAttribute, setClass, setText } from "../dom.js";
import { age, clock, count } from "../words.js";

const HEARD_MS = 6000; // a visible tab hears every two seconds
const HIDDEN_MS = 30000;
const POLL_S = 6; // the sidecar polls several times a second

const COLOURS = { good: "#166f41", warn: "#b7791f", bad: "#c2334d", neutral: "#5b6472", unknown: "#8a93a3" };

export class Verdict {
  constructor(badge, connection, lost, announcer, icon) {
    Object.assign(this, { badge, connection, lost, announcer, icon });
    this.said = null;
    this.heard = performance.now(); // the page has just come
    this.tone = "";
  }

  /** Shows what is known of `store`; returns whether that is the state of now. */
  show(store, heard) {
    if (heard) this.heard = performance.now();
    const silence = performance.now() - this.heard;
    const limit = document.visibilityState === "visible" ? HEARD_MS : HIDDEN_MS;
    const old = store.age !== null && store.age > POLL_S;
    const known = store.verdict !== null && !store.why && !old && silence < limit;
    const { text, tone } = known ? words(store.verdict) : { text: "unknown", tone: "unknown" };
    setText(this.badge, text);
    setClass(this.badge, `badge ${tone}`);
    document.title = `${text} · lifesign`;
    if (tone !== this.tone) setAttribute(this.icon, "href", picture(COLOURS[tone]));
    this.tone = tone;
    this.tell(store, known, old, silence);
    this.read(known ? text : null);
    return known;
  }

  tell(store, known, old, silence) {
    setClass(this.connection, known ? "connection live" : "connection");
    setText(this.connection, known ? "live" : store.verdict === null && !store.why && silence < HEARD_MS ? "connecting" : "not live");
    this.lost.hidden = known || (store.verdict === null && !store.why && silence < HEARD_MS);
    setText(this.lost, this.lost.hidden ? "" : missing(store, old));
    document.body.classList.toggle("stale", !known && store.received > 0);
  }

  /** Only a change is read out. */
  read(text) {
    if (this.said !== null && text !== this.said) setText(this.announcer, text ?? "connection to the sidecar lost");
    this.said = text ?? this.said;
  }
}

/** Why the state of now is not known, and how old that is which is shown. */
function missing(store, old) {
  if (!store.why && old) return `The sidecar answers, but has not polled its processes for ${age(store.age)}: what you see is from then.`;
  const since = store.received ? ` What you see is from ${clock(store.at)}.` : "";
  return `Connection lost, retrying: ${store.why || "nothing has come from the sidecar"}.${since}`;
}

/** ``healthy``, ``2 of 5 blocked``, ``healthy, not ready``. */
export function words({ word, tone, count: number, of, ready }) {
  if (of === 0) return { text: "no process yet", tone: "neutral" };
  const many = of > 1 ? `${number === of ? "all" : count(number)}${number === of ? "" : ` of ${count(of)}`} ${word}` : word;
  const calm = tone === "good" || word === "healthy";
  return { text: calm && !ready ? `${many}, not ready` : many, tone };
}

function picture(colour) {
  const path = "M2 17h7l3-9 6 17 4-11 2 3h6";
  const drawn = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'><rect width='32' height='32' rx='7' fill='${colour}'/><path d='${path}' fill='none' stroke='white' stroke-width='3.4' stroke-linejoin='round' stroke-linecap='round'/></svg>`;
  return `data:image/svg+xml,${encodeURIComponent(drawn)}`;
}
