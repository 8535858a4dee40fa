"""Sends so many records through the SDK's batch processors. usage: sdk_records.py spans|logs NUMBER; says what it took.

The processor seconds are those of the whole process, without its start.
"""

from __future__ import annotations

import sys
import time

import in_process_sdk

BATCH = 1000  # of a queue of 2048, which drops what is too much
ATTRIBUTES = {
    "user_agent.synthetic.type": "test",
    "lifesign.dry_run.type": "order",
    "lifesign.dry_run.index": 7,
    "lifesign.dry_run.adjusted_count": 1,
}
tracing, logging, metering = in_process_sdk.over_http()
tracer, logger = tracing.get_tracer("app"), logging.get_logger("app")
kind, number = sys.argv[1], int(sys.argv[2])
used = time.process_time()
for start in range(0, number, BATCH):
    for _ in range(min(BATCH, number - start)):
        if kind == "spans":
            tracer.start_span("dry_run order", attributes=ATTRIBUTES).end()
        else:
            logger.emit(body="order", event_name="order", attributes=ATTRIBUTES)
    tracing.force_flush()
    logging.force_flush()
print(time.process_time() - used, flush=True)
