"""The accounts of a fault: what was written, what arrived, what was counted as dropped."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToDict

from support.otlp_server import HttpServer

ENTRY = tuple[str, int]  # the name of a main process and the index of its record
_REPORT = "lifesign.records.dropped"


class Account(NamedTuple):
    """One row, in records. `unread` lie in no ledger: the writer was killed before it noted them."""

    written: int
    delivered: int
    duplicated: int
    dropped: int
    missing: int
    unread: int

    @property
    def lost(self) -> int:
        """What is neither there nor counted."""
        return max(0, self.missing - self.dropped)

    def __str__(self) -> str:
        return (
            f"{self.written:>8} written {self.delivered:>8} delivered {self.duplicated:>6} duplicated "
            f"{self.dropped:>6} dropped {self.lost:>4} lost"
        )


class Books:
    """What arrived at a Collector's `file`, or at a scripted server, read on from where the last read stopped."""

    def __init__(self, source: Path | HttpServer) -> None:
        self._source = source
        self._offset = 0
        self.arrived: defaultdict[str, Counter[ENTRY]] = defaultdict(Counter)  # by service
        self._reported: defaultdict[str, dict[str, int]] = defaultdict(dict)  # by service and uid
        self._counted: defaultdict[str, Counter[str]] = defaultdict(Counter)  # by service and reason
        self.beats: Counter[str] = Counter()  # by service, the newest count

    def account(self, service: str, ledger: Path) -> Account:
        """The books of one service, whose main processes noted in `ledger` what they wrote."""
        for document, refused in self._new():
            self._enter(document, refused)
        arrived = self.arrived[service]
        noted = {file.name: int(file.read_text() or 0) for file in ledger.iterdir()}
        unread = sum(index >= noted.get(name, 0) for name, index in arrived)
        missing = sum((name, index) not in arrived for name, count in noted.items() for index in range(count))
        return Account(
            written=sum(noted.values()),
            delivered=len(arrived) - unread,
            duplicated=sum(arrived.values()) - len(arrived),
            dropped=sum(self._reported[service].values()) + sum(self._counted[service].values()),
            missing=missing,
            unread=unread,
        )

    def _new(self) -> Iterator[tuple[dict[str, Any], int]]:
        if isinstance(self._source, HttpServer):
            new = self._source.taken[self._offset :]
            self._offset += len(new)
            yield from ((MessageToDict(message), refused) for _, message, refused in new)
            return
        if not self._source.exists():
            return
        with open(self._source, "rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is being written
                self._offset += len(line)
                yield json.loads(line), 0

    def _enter(self, document: dict[str, Any], refused: int) -> None:
        for of_resource in document.get("resourceSpans", ()):
            spans = [span for scope in of_resource["scopeSpans"] for span in scope["spans"]]
            for span in spans[refused:]:
                found = _attributes(span)
                if "lifesign.dry_run.index" in found:
                    entry = (found["lifesign.dry_run.type"], int(found["lifesign.dry_run.index"]))
                    self.arrived[_service(of_resource)][entry] += 1
            refused = max(0, refused - len(spans))
        for of_resource in document.get("resourceLogs", ()):
            for record in (record for scope in of_resource["scopeLogs"] for record in scope["logRecords"]):
                found = _attributes(record)
                if record.get("eventName") == _REPORT:
                    # The same loss, reported again, has the same uid and a count that is not smaller.
                    reported = self._reported[_service(of_resource)]
                    uid, count = found["log.record.uid"], int(found["lifesign.records.dropped.count"])
                    reported[uid] = max(count, reported.get(uid, 0))
        for of_resource in document.get("resourceMetrics", ()):
            for metric in (metric for scope in of_resource["scopeMetrics"] for metric in scope["metrics"]):
                self._enter_metric(_service(of_resource), metric)

    def _enter_metric(self, service: str, metric: dict[str, Any]) -> None:
        """What the sidecar counts by itself; its logs tell of the rest."""
        points = metric.get("sum", {}).get("dataPoints", ())
        values = {_attributes(point).get("lifesign.reason", ""): int(point.get("asInt", 0)) for point in points}
        counted = self._counted[service]
        if metric["name"] == _REPORT:
            # Of the spool's own reasons: lines that cannot be read are counted with the pulse's, which logs tell of.
            emitted = sum(self._reported[service].values())
            counted["spool"] = max(counted["spool"], values["spool"])
            counted["invalid"] = max(counted["invalid"], values["invalid"] - emitted)
        elif metric["name"] == "lifesign.export.rejected":
            counted["rejected"] = max(counted["rejected"], values[""])
        elif metric["name"] == "lifesign.heartbeats":
            self.beats[service] = values[""]


def _service(of_resource: dict[str, Any]) -> str:
    return str(_attributes(of_resource["resource"])["service.name"])


def _attributes(holder: dict[str, Any]) -> dict[str, Any]:
    return {one["key"]: next(iter(one["value"].values())) for one in holder.get("attributes", ())}
