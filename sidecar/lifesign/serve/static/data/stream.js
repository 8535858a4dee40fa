// The event stream of the sidecar, opened again whenever it ends. It runs in the worker that all tabs share, or in a tab.

const RETRY_MS = 2000;

export class Stream {
  /** `heard(event)` is called with each event; one of type "lost" says why there are none. */
  constructor(heard) {
    this.heard = heard;
    this.source = null;
    this.view = null; // "all", "verdict", or null while nobody listens
    this.timer = null;
  }

  /** Listens to everything, to the verdict alone, or to nothing. */
  open(view) {
    if (view === this.view) return;
    this.view = view;
    this.connect();
  }

  connect() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    if (this.view === null) return;
    const source = new EventSource(new URL(`../api/v1/stream${this.view === "verdict" ? "?view=verdict" : ""}`, import.meta.url));
    this.source = source;
    for (const type of ["rows", "beat", "verdict"]) {
      source.addEventListener(type, ({ data }) => this.heard({ type, ...JSON.parse(data) }));
    }
    source.addEventListener("error", () => {
      // EventSource gives up for good when the request is refused, so the retry is done here.
      source.close();
      if (source === this.source) this.lost();
    });
  }

  async lost() {
    this.timer = setTimeout(() => this.connect(), RETRY_MS);
    this.heard({ type: "lost", why: await reason() });
  }
}

/** A refused stream has no words: what the sidecar says of itself has them. */
async function reason() {
  try {
    const response = await fetch(new URL("../api/v1", import.meta.url), { signal: AbortSignal.timeout?.(RETRY_MS) });
    const { data: { streams, streams_max: most } } = await response.json();
    if (streams >= most) return `${most} browsers have this page open already: close one of them`;
  } catch {
    // Then it does not answer at all.
  }
  return "the sidecar does not answer";
}
