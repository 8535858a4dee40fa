// Lengths, times and numbers in words, and text that cannot disguise itself.

/** Text with what nobody would see, such as a mark that turns the direction of writing, written out. */
export function visible(text) {
  return String(text).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) =>
    character === "\n" || character === "\t" ? character : `\\u${character.codePointAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Human-readable seconds: 4 ms, 1.2 s, 3 min 20 s, 2 h 5 min, 3 d 4 h. */
export function duration(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds < 0.0005) return "0 ms";
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => whole >= size);
  const [unit, size] = units[first];
  const rest = first + 1 < units.length ? Math.floor((whole % size) / units[first + 1][1]) : 0;
  return `${Math.floor(whole / size)} ${unit}${rest ? ` ${rest} ${units[first + 1][0]}` : ""}`;
}

/** An age that may be seconds or days, steady to read: no digit that changes at every update. */
export function age(seconds) {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds < 1) return "< 1 s";
  return duration(seconds < 60 ? Math.floor(seconds) : seconds).replace(".0 s", " s");
}

/** Wall clock milliseconds as local time of day. */
export function clock(milliseconds) {
  return new Date(milliseconds).toLocaleTimeString([], { hour12: false });
}

export function count(number) {
  return number.toLocaleString("en").replaceAll(",", "\u202f");
}

/** Bytes: 512 B, 4.0 KiB, 118 MiB. */
export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; number >= 1024 && unit + 1 < units.length; unit++) number /= 1024;
  return `${unit && number < 10 ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
