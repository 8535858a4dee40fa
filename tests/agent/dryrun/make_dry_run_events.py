"""Prints what each pattern makes of the sample events, as JSON: by pattern and seed, moment by moment.

``python make_dry_run_events.py > dry_run_events.json`` makes the golden file anew. Runs on any Python of ours.
"""

import json
import random

from lifesign.agent.dryrun.patterns import pattern
from lifesign.agent.dryrun.samples import sample_events
from lifesign.parsing import DRY_RUN_PATTERNS

MOMENTS = 12


def moments(name, seed):
    rng, factories, index = random.Random(seed), sample_events(), 0
    for _ in range(MOMENTS):
        events = []
        for position in pattern(name, (3, 10))(rng, index, len(factories)):
            events.append(factories[position](rng, index))
            index += 1
        yield events


lists = []
for name in DRY_RUN_PATTERNS:
    for seed in (42, 7):
        lines = ",\n".join(json.dumps(events) for events in moments(name, seed))
        lists.append(f'"{name} {seed}": [\n{lines}\n]')
print("{\n" + ",\n".join(lists) + "\n}")
