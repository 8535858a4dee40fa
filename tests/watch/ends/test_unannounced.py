"""Ends of which nothing is known but that the pod ends with them, or goes on."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from lifesign.watch import judgement
from lifesign.watch.telemetry import SEVERITY_WARN, Log

from .test_asked import ends

Make = Callable[..., Any]
OWNED = {"OTEL_RESOURCE_ATTRIBUTES": "k8s.deployment.name=shop,k8s.replicaset.name=shop-58d9"}
BY_A_JOB = {"OTEL_RESOURCE_ATTRIBUTES": "k8s.job.name=shop-28"}
UNEXPLAINED = "gone without a tombstone: killed, or ended by os._exit"


@pytest.mark.parametrize("gone_first", [True, False])
async def test_who_goes_with_its_pod_without_a_word_was_killed_as_asked(
    main: Make, sidecar: Make, gone_first: bool
) -> None:
    service, watching = main(), sidecar(**OWNED)
    await watching.poll()
    if gone_first:
        service.die()
        assert ends(await watching.poll()) == [], "its sidecar may be asked to end, too"
    watching.watcher.leave()
    reported = await watching.poll()
    if not gone_first:
        service.die()
        reported += await watching.poll()

    (log,) = (one for one in reported if isinstance(one, Log) and one.event == "lifesign.process.died")
    assert (log.body, log.severity) == (
        "gone as its pod ended: probably killed after its grace period",
        SEVERITY_WARN,
    )


@pytest.mark.parametrize(("owner", "waits"), [(OWNED, 0), (BY_A_JOB, None), ({}, None)], ids=["pod", "job", "laptop"])
async def test_who_goes_without_a_word_while_its_pod_goes_on_has_died(
    main: Make, sidecar: Make, monkeypatch: pytest.MonkeyPatch, owner: dict[str, str], waits: int | None
) -> None:
    """A Job's pod ends because its process does: there nobody waits for what that says."""
    if waits is not None:
        monkeypatch.setattr(judgement, "_POD_NS", waits)
    service, watching = main(), sidecar(**owner)
    await watching.poll()
    service.die()
    assert ends(await watching.poll()) == [("lifesign.process.died", UNEXPLAINED)]
