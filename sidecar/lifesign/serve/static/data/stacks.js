// Stacks as a tree of places: what a flame graph draws.

/** How a place is named in full. */
export function placeOf({ function: name, file, line }) {
  return file ? `${name} (${file}:${line})` : name;
}

/**
 * The tree of a view (see `serve/shown/flame.py`): a node has `label`, `place`, `own`, `time`, `computing`, `samples` and
 * `children`, those with the most time first. Calls between libraries without a branch are one node: the innermost, with
 * the name of the `first` and how many `frames` they are.
 */
export function treeOf({ frames, stacks }) {
  const places = frames.map(([name, file, line, own]) => ({ function: name, file, line, own }));
  const root = node("all", { own: false });
  for (const stack of stacks) {
    let at = child(root, stack.group, stack.group, { own: false });
    count(root, stack);
    count(at, stack);
    for (const index of stack.frames) {
      at = child(at, index, places[index].function, places[index]);
      count(at, stack);
    }
  }
  const groups = [...root.byKey.values()];
  const top = groups.length === 1 ? groups[0] : root;
  return finish(top);
}

function node(label, place) {
  return { label, place: placeOf({ function: label, ...place }), file: place.file ?? "", line: place.line ?? 0, own: place.own, time: 0, computing: 0, samples: 0, first: "", frames: 1, byKey: new Map() };
}

function child(parent, key, label, place) {
  if (!parent.byKey.has(key)) parent.byKey.set(key, node(label, place));
  return parent.byKey.get(key);
}

function count(at, { time, computing, samples }) {
  at.time += time;
  at.computing += computing;
  at.samples += samples;
}

function finish(at) {
  const children = [...at.byKey.values()].map(finish).sort((one, other) => other.time - one.time);
  const [only] = children;
  // A call between libraries without a second branch says nothing by itself.
  if (children.length === 1 && at.file && !at.own && !only.own && only.samples === at.samples) {
    return { ...only, first: at.label, frames: only.frames + 1 };
  }
  return { ...at, children };
}
