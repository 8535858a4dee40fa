"""Profiles as OTLP: one request, whose tables hold what its profiles share.

The signal is in development (``v1development``), and nothing here is loaded where it is off. The rules for the tables
are the protocol's: the first entry of each is the zero value, which stands for "none", no entry stands there twice, and
each of the others is referred to.
"""

from __future__ import annotations

import hashlib
from typing import Any, Iterable, NamedTuple, Sequence

from opentelemetry.exporter.otlp.proto.common import _internal as common
from opentelemetry.proto.collector.profiles.v1development.profiles_service_pb2 import ExportProfilesServiceRequest
from opentelemetry.proto.profiles.v1development import profiles_pb2 as pb
from opentelemetry.sdk.resources import Resource as SdkResource

from lifesign import semconv
from lifesign.export.otlp.encode import SCOPE
from lifesign.watch.telemetry import Profile
from lifesign.wire.frames import Frame
from lifesign.wire.stalls import StackTime


class ProfileOfResource(NamedTuple):
    """A profile and whose it is."""

    profile: Profile
    resource: SdkResource


def encode_profiles(items: Iterable[ProfileOfResource]) -> ExportProfilesServiceRequest:
    """A request with all of `items`.

    A profile has values of one type, so that each of ours becomes up to three: how often a stack was seen, for how long
    in all, and for how long of that it used the processor.

    Raises:
        ValueError: an id is not hex or not of the right length, or a number is out of range.
    """
    request = ExportProfilesServiceRequest()
    tables = _Tables(request.dictionary)
    scopes: dict[SdkResource, Any] = {}
    for profile, resource in items:
        if resource not in scopes:
            of_resource = request.resource_profiles.add(
                resource=common._encode_resource(resource), schema_url=resource.schema_url
            )
            scopes[resource] = of_resource.scope_profiles.add(
                scope=common._encode_instrumentation_scope(SCOPE), schema_url=SCOPE.schema_url
            )
        scopes[resource].profiles.extend(_profiles(profile, tables))
    return request


def _profiles(profile: Profile, tables: _Tables) -> Iterable[pb.Profile]:
    for type_, unit, values in (
        ("samples", "count", [stack["samples"] for stack in profile.stacks]),
        ("wall", "nanoseconds", [stack["time"] for stack in profile.stacks]),
        ("cpu", "nanoseconds", [stack["computing"] for stack in profile.stacks]),
    ):
        if not any(values):
            continue
        yield pb.Profile(
            sample_type=pb.ValueType(type_strindex=tables.text(type_), unit_strindex=tables.text(unit)),
            samples=_samples(profile, values, tables),
            time_unix_nano=profile.start,
            duration_nano=profile.end - profile.start,
            profile_id=hashlib.blake2b(f"{profile.id}-{type_}".encode(), digest_size=16).digest(),
            attribute_indices=[tables.attribute(name, value) for name, value in profile.attributes.items()],
        )


def _samples(profile: Profile, values: Sequence[int], tables: _Tables) -> Iterable[pb.Sample]:
    # What is the same in all of this stands there once.
    added: dict[tuple[int, tuple[int, ...], int], int] = {}
    for stack, value in zip(profile.stacks, values):
        if value:
            thread = (tables.attribute(semconv.THREAD_NAME, profile.thread),) if profile.thread else ()
            sample = (tables.stack(stack), thread, tables.link(profile.trace, profile.span))
            added[sample] = added.get(sample, 0) + value
    for (stack_index, attributes, link), value in added.items():
        yield pb.Sample(stack_index=stack_index, attribute_indices=attributes, link_index=link, values=[value])


class _Tables:
    """The dictionary of one request. What is the zero value of a table has index 0 in it."""

    def __init__(self, dictionary: pb.ProfilesDictionary) -> None:
        self._dictionary = dictionary
        self._strings = {"": 0}
        self._known: dict[str, dict[bytes, int]] = {}
        dictionary.string_table.append("")
        for table in ("mapping", "location", "function", "link", "attribute", "stack"):
            getattr(dictionary, f"{table}_table").add()
            self._known[table] = {b"": 0}

    def text(self, text: str) -> int:
        index = self._strings.setdefault(text, len(self._strings))
        if index == len(self._dictionary.string_table):
            self._dictionary.string_table.append(text)
        return index

    def attribute(self, name: str, value: Any) -> int:
        return self._index(
            "attribute", pb.KeyValueAndUnit(key_strindex=self.text(name), value=common._encode_value(value))
        )

    def link(self, trace: str | None, span: str | None) -> int:
        if trace is None or span is None:
            return 0
        link = pb.Link(trace_id=bytes.fromhex(trace), span_id=bytes.fromhex(span))
        if (len(link.trace_id), len(link.span_id)) != (16, 8):
            raise ValueError(f"{trace!r} and {span!r} are no ids of a span")
        return self._index("link", link)

    def stack(self, stack: StackTime) -> int:
        locations = [self._location(frame) for frame in reversed(stack["stack"])]  # the innermost comes first
        return self._index("stack", pb.Stack(location_indices=locations))

    def _location(self, frame: Frame) -> int:
        function = pb.Function(name_strindex=self.text(frame["function"]), filename_strindex=self.text(frame["file"]))
        line = pb.Line(function_index=self._index("function", function), line=frame["line"])
        kind = self.attribute(semconv.FRAME_TYPE, semconv.FRAME_PYTHON)
        return self._index("location", pb.Location(lines=[line], attribute_indices=[kind]))

    def _index(self, table: str, entry: Any) -> int:
        known = self._known[table]
        index = known.setdefault(entry.SerializeToString(deterministic=True), len(known))
        entries = getattr(self._dictionary, f"{table}_table")
        if index == len(entries):
            entries.append(entry)
        return index
