"""What a process uses is exported by the names, units and kinds of the semantic conventions, with their schema URL."""

from __future__ import annotations

from typing import Any, Callable

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.semconv._incubating.attributes import (
    cpu_attributes,
    cpython_attributes,
    process_attributes,
    system_attributes,
)
from opentelemetry.semconv._incubating.metrics import container_metrics, cpython_metrics, process_metrics
from opentelemetry.semconv.schemas import Schemas

from lifesign import semconv
from lifesign.export.otlp import encode
from lifesign.watch.telemetry import MemoryReading, Resource, Snapshot, UsageReading
from support.made.points import made, named, points, values

USED = UsageReading(
    user=2.5,
    system=0.5,
    voluntary=30,
    involuntary=4,
    minor_faults=500,
    major_faults=6,
    memory=7000,
    threads=8,
    descriptors=9,
    garbage=((10, 11, 0), (12, 13, 0), (14, 15, 1)),
    container=MemoryReading(16000, 32000),
)
GENERATION = cpython_attributes.CPYTHON_GC_GENERATION


def collected(snapshot: Callable[..., Snapshot], resource: Resource, usage: UsageReading | None) -> Any:
    store = made()
    store.observe([snapshot(usage=usage, uptime=100.0)], {"7-abc": resource})
    return store.collect().data


def test_every_number_by_its_name(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    data = collected(snapshot, resource, USED)

    def found(name: str, attribute: str = "") -> dict[Any, Any]:
        return {dict(key).get(attribute): value for key, value in values(data, name).items()}

    assert found(process_metrics.PROCESS_CPU_TIME, cpu_attributes.CPU_MODE) == {"user": 2.5, "system": 0.5}
    assert found(process_metrics.PROCESS_MEMORY_USAGE) == {None: 7000}
    assert found(process_metrics.PROCESS_THREAD_COUNT) == {None: 8}
    assert found(process_metrics.PROCESS_UNIX_FILE_DESCRIPTOR_COUNT) == {None: 9}
    switches = found(process_metrics.PROCESS_CONTEXT_SWITCHES, process_attributes.PROCESS_CONTEXT_SWITCH_TYPE)
    assert switches == {"voluntary": 30, "involuntary": 4}
    faults = found(process_metrics.PROCESS_PAGING_FAULTS, system_attributes.SYSTEM_PAGING_FAULT_TYPE)
    assert faults == {"minor": 500, "major": 6}
    assert found(cpython_metrics.CPYTHON_GC_COLLECTIONS, GENERATION) == {0: 10, 1: 12, 2: 14}
    assert found(cpython_metrics.CPYTHON_GC_COLLECTED_OBJECTS, GENERATION) == {0: 11, 1: 13, 2: 15}
    assert found(cpython_metrics.CPYTHON_GC_UNCOLLECTABLE_OBJECTS, GENERATION) == {0: 0, 1: 0, 2: 1}
    assert found(container_metrics.CONTAINER_MEMORY_USAGE) == {None: 16000}
    assert found("lifesign.container.memory.limit") == {None: 32000}


def test_what_is_not_known_is_not_exported(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    data = collected(snapshot, resource, UsageReading(user=1.0))
    assert values(data, process_metrics.PROCESS_CPU_TIME) == {
        named(cpu__mode="user"): 1.0,
        named(cpu__mode="system"): 0,
    }
    for name in (process_metrics.PROCESS_MEMORY_USAGE, process_metrics.PROCESS_CONTEXT_SWITCHES):
        assert values(data, name) == {}
    assert values(data, container_metrics.CONTAINER_MEMORY_USAGE) == {}
    assert values(collected(snapshot, resource, None), process_metrics.PROCESS_CPU_TIME) == {}


def test_counters_count_from_the_start_of_the_process(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    data = collected(snapshot, resource, USED)
    for name in (process_metrics.PROCESS_CPU_TIME, cpython_metrics.CPYTHON_GC_COLLECTIONS):
        for point in points(data, name).values():
            assert 99e9 < point.time_unix_nano - point.start_time_unix_nano < 101e9 + 60e9


def test_units_and_kinds_are_those_of_the_conventions(resource: Resource, snapshot: Callable[..., Snapshot]) -> None:
    data = collected(snapshot, resource, USED)
    ours = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    for module in (process_metrics, cpython_metrics, container_metrics):
        for key, name in vars(module).items():
            if key.isupper() and name in ours and name != semconv.PROCESS_UPTIME:
                conventional = getattr(module, f"create_{key.lower()}")(_Recorder())
                monotonic = getattr(ours[name].data, "is_monotonic", None)
                assert (ours[name].unit, monotonic) == conventional, name


class _Recorder:
    """A meter that says which instrument it was asked for: its unit, and whether it only grows."""

    def create_counter(self, name: str, description: str, unit: str) -> tuple[str, bool]:
        return unit, True

    def create_up_down_counter(self, name: str, description: str, unit: str) -> tuple[str, bool]:
        return unit, False


def test_the_schema_is_the_newest_that_the_conventions_have(
    resource: Resource, snapshot: Callable[..., Snapshot]
) -> None:
    newest = [schema.value for schema in Schemas][-1]
    assert newest == semconv.SCHEMA_URL == encode.SCOPE.schema_url == encode.resource(resource).schema_url
    (sent,) = encode_metrics(collected(snapshot, resource, USED)).resource_metrics
    assert (sent.schema_url, sent.scope_metrics[0].schema_url) == (newest, newest)
