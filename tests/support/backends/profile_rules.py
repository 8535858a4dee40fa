"""What OTLP asks of profiles, as far as ours can break it; see profiles.proto of its ``v1development``."""

from __future__ import annotations

from typing import Any, Iterator

TABLES = ("mapping", "location", "function", "link", "string", "attribute", "stack")


def broken_rules(request: Any) -> list[str]:
    """The rules that an ``ExportProfilesServiceRequest`` breaks, each with where."""
    dictionary = request.dictionary
    tables = {name: list(getattr(dictionary, f"{name}_table")) for name in TABLES}
    broken = []
    for name, entries in tables.items():
        values = [entry if isinstance(entry, str) else entry.SerializeToString(deterministic=True) for entry in entries]
        if not entries or values[0] not in ("", b""):
            broken.append(f"{name}_table[0] is not the zero value")
        if len(set(values)) != len(values):
            broken.append(f"{name}_table has an entry twice")
    used: dict[str, set[int]] = {name: {0} for name in TABLES}
    for name, index in _references(request, tables):
        if not 0 <= index < len(tables[name]):
            broken.append(f"{name}_table has no entry {index}")
        used[name].add(index)
    broken += [f"{name}_table[{n}] is an orphan" for name in TABLES for n in set(range(len(tables[name]))) - used[name]]
    for link in tables["link"][1:]:
        if (len(link.trace_id), len(link.span_id)) != (16, 8):
            broken.append("a link has an id of another length")
    ids = [profile.profile_id for profile in _profiles(request)]
    if len(set(ids)) != len(ids) or any(len(id_) != 16 or not any(id_) for id_ in ids):
        broken.append("a profile_id is not 16 bytes, all zero, or there twice")
    for profile in _profiles(request):
        broken += _broken_in(profile, tables)
    return broken


def _broken_in(profile: Any, tables: dict[str, list[Any]]) -> Iterator[str]:
    if not (profile.sample_type.type_strindex and profile.sample_type.unit_strindex):
        yield "a profile without a type"
    if bool(profile.original_payload) != bool(profile.original_payload_format):
        yield "a payload without a format"
    shapes = {(len(s.values), len(s.timestamps_unix_nano)) for s in profile.samples}
    if len(shapes) != 1 or (0, 0) in shapes or any(values and times and values != times for values, times in shapes):
        yield f"samples of the shapes {shapes}"
    identities = [(s.stack_index, frozenset(s.attribute_indices), s.link_index) for s in profile.samples]
    if len(set(identities)) != len(identities):
        yield "two samples with one identity"
    attributes = [profile, *profile.samples, *tables["location"], *tables["mapping"]]
    for one in attributes:
        keys = [tables["attribute"][index].key_strindex for index in one.attribute_indices]
        if len(set(keys)) != len(keys) or 0 in keys:
            yield "an attribute twice, or without a key"


def _profiles(request: Any) -> Iterator[Any]:
    for resource in request.resource_profiles:
        for scope in resource.scope_profiles:
            yield from scope.profiles


def _references(request: Any, tables: dict[str, list[Any]]) -> Iterator[tuple[str, int]]:
    for resource in request.resource_profiles:  # a Collector makes references of these
        for attribute in resource.resource.attributes:
            yield "string", attribute.key_strindex
            yield "string", attribute.value.string_value_strindex
    for profile in _profiles(request):
        for type_ in (profile.sample_type, profile.period_type):
            yield "string", type_.type_strindex
            yield "string", type_.unit_strindex
        for index in profile.attribute_indices:
            yield "attribute", index
        for sample in profile.samples:
            yield "stack", sample.stack_index
            yield "link", sample.link_index
            for index in sample.attribute_indices:
                yield "attribute", index
    for stack in tables["stack"]:
        for index in stack.location_indices:
            yield "location", index
    for location in tables["location"]:
        yield "mapping", location.mapping_index
        for line in location.lines:
            yield "function", line.function_index
        for index in location.attribute_indices:
            yield "attribute", index
    for function in tables["function"]:
        for name in ("name", "system_name", "filename"):
            yield "string", getattr(function, f"{name}_strindex")
    for mapping in tables["mapping"]:
        yield "string", mapping.filename_strindex
    for attribute in tables["attribute"]:
        yield "string", attribute.key_strindex
        yield "string", attribute.unit_strindex
