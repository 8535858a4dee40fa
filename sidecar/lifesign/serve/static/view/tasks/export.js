// A task dump to take away: as Markdown for an issue, or as a file.

import { plural } from "../../words.js";

export function asMarkdown({ at, reason, tasks, groups_total: total, groups, rings, threads }) {
  const lines = [`## Task dump of ${new Date(at).toISOString()}`, "", `${plural(tasks, "task")} in ${plural(total, "group")} (${reason})`, ""];
  for (const ring of rings) lines.push(`- **deadlock**: ${ring.map(([task, what]) => `${task} waits for ${what}`).join(", ")}`, "");
  for (const [title, some] of [["", groups], ["### Threads", threads]]) {
    if (title && some.length) lines.push(title, "");
    for (const { count: number, function: name, place, waits_for: waits, stack, names } of some) {
      lines.push(`### ${number} × ${name || "?"} ${place}${waits ? `, waits for ${waits}` : ""}`, "", names.join(", "), "", "```");
      for (const { function: called, file, line, text } of stack) {
        lines.push(file ? `File "${file}", line ${line}, in ${called}` : called);
        if (text) lines.push(`  ${text}`);
      }
      lines.push("```", "");
    }
  }
  return lines.join("\n");
}

/** Offers `text` as a download. */
export function save(name, text) {
  const node = document.createElement("a");
  node.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  node.download = name;
  node.click();
  setTimeout(() => URL.revokeObjectURL(node.href), 1000);
}
