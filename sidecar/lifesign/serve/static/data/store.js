// What is known: a row for each process, and one verdict on all of them.

const SPARK = 60;

export class Store {
  constructor() {
    this.rows = new Map(); // by id
    this.verdict = null;
    this.sidecar = [];
    this.age = null; // of the sidecar's newest poll, seconds
    this.at = 0; // wall clock of the sidecar, milliseconds ...
    this.received = 0; // ... at this moment of our own clock
    this.why = ""; // why nothing comes
  }

  /** Takes an event in; returns whether it tells the state of things. */
  apply(event) {
    if (event.type === "lost") {
      this.why = event.why;
      return false;
    }
    this.why = "";
    this.at = event.at;
    this.received = performance.now();
    if (event.verdict) this.verdict = event.verdict;
    if (event.age !== undefined) this.age = event.age;
    if (event.type === "rows") this.take(event);
    if (event.type === "beat") this.beat(event);
    return true;
  }

  take({ whole, rows, gone }) {
    if (whole) this.rows.clear();
    for (const row of rows) this.rows.set(row.id, filled(row));
    const keys = new Set(gone);
    if (keys.size) for (const [id, { key }] of this.rows) if (keys.has(key)) this.rows.delete(id);
  }

  /** One character for each sparkline, by the rows' ids; of other rows than ours it says nothing. */
  beat({ bars = "", tasks = [], sidecar = [] }) {
    this.sidecar = sidecar;
    if (bars.length === this.rows.size) {
      const ids = [...this.rows.keys()].sort((one, other) => one - other);
      ids.forEach((id, place) => {
        const row = this.rows.get(id);
        row.spark = (row.spark + bars[place]).slice(-SPARK);
      });
    }
    for (const [id, number] of tasks) if (this.rows.has(id)) this.rows.get(id).tasks = number;
  }

  /** Everything as one event, for a tab that is new. */
  whole() {
    return { type: "rows", at: this.now(), age: this.age, whole: true, rows: [...this.rows.values()], gone: [], verdict: this.verdict };
  }

  /** The sidecar's wall clock, milliseconds. */
  now() {
    return this.at + (performance.now() - this.received);
  }

  find(key) {
    for (const row of this.rows.values()) if (row.key === key || String(row.pid) === key) return row;
    return null;
  }
}

/** A row with what is left out of it on the way. */
export function filled(row) {
  return { watched: true, ready: true, spark: "", tasks: 0, failing: [], conditions: [], cause: "", place: "", ...row };
}
