// Who awaits whom in a task dump: groups that await groups, directly, through gather, a TaskGroup or a shield, and groups
// that wait for a primitive, such as a lock, which others hold.

/** The roots of the tree: those that nobody waits for, and of rings without one their biggest group. Deadlocks come first. */
export function awaitTree({ groups, primitives }) {
  const tree = new Tree(groups, primitives);
  const roots = groups.filter(({ index }) => !tree.awaited.has(index)).map(({ index }) => tree.group(index));
  const reached = new Set();
  for (const root of roots) tree.reach(root, reached);
  for (const { index } of groups) {
    if (reached.has(index)) continue;
    const root = tree.group(index);
    roots.push(root);
    tree.reach(root, reached);
  }
  return roots.sort((one, other) => tree.rank(other) - tree.rank(one) || other.group.count - one.group.count);
}

class Tree {
  constructor(groups, primitives) {
    this.groups = new Map(groups.map((group) => [group.index, group]));
    this.waits = new Map(); // by the index of a group: the primitives that some of it wait for, and how many
    this.awaited = new Set(); // indexes of groups
    for (const group of groups) for (const [other] of group.awaits ?? []) if (other !== group.index) this.awaited.add(other);
    // What nobody holds leads no further: who waits for it says so.
    for (const primitive of primitives.filter(({ holders }) => holders.length)) {
      for (const [index, number] of primitive.waiting) {
        if (!this.waits.has(index)) this.waits.set(index, []);
        this.waits.get(index).push([primitive, number]);
      }
      const waiting = primitive.waiting.map(([index]) => index);
      for (const index of primitive.held_by ?? []) if (waiting.some((other) => other !== index)) this.awaited.add(index);
    }
  }

  /** A node: `children` are made when they are asked for; `often` is how many of it the one above waits for. */
  group(index, path = [], often = null) {
    const group = this.groups.get(index);
    const again = path.includes(index);
    return { key: `g${index}`, group, index, often, again, stuck: Boolean(group?.stuck), children: () => (again || !group ? [] : this.below(group, [...path, index])) };
  }

  below(group, path) {
    const held = (this.waits.get(group.index) ?? []).map(([primitive, often]) => ({
      key: `p${primitive.index}`, primitive, often, stuck: Boolean(primitive.stuck), children: () => (primitive.held_by ?? []).map((index) => this.group(index, path)),
    }));
    return [...held, ...(group.awaits ?? []).map(([index, often]) => this.group(index, path, often))];
  }

  /** Notes every group that is somewhere below a node. */
  reach({ index }, reached) {
    const open = [index];
    while (open.length) {
      const next = open.pop();
      if (reached.has(next) || !this.groups.has(next)) continue;
      reached.add(next);
      for (const [other] of this.groups.get(next).awaits ?? []) open.push(other);
      for (const [{ held_by: by = [] }] of this.waits.get(next) ?? []) open.push(...by);
    }
  }

  /** Deadlocks first, then what waits for something that is here. */
  rank({ index, stuck }) {
    return stuck ? 2 : this.waits.has(index) || this.groups.get(index).awaits?.length ? 1 : 0;
  }
}
