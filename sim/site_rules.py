"""A site as a scenario wants it: settings and rules put in by name, and written as a site file again."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from controller.site import Closure, Site
from controller.site_checks import SiteError, check_site

Rules = Mapping[str, Mapping[str, Any]]
"""The id of an area, door, access point or interlock → the fields that it shall have; a new id with ``closes``: a closure."""
_KINDS = ("areas", "doors", "access_points", "interlocks", "schedules")


def changed_site(site: Site, settings: Mapping[str, float], rules: Rules) -> Site:
    """The site with these settings and rules. Raises :class:`SiteError` in one line: an id or a field that it has not, or a
    site that could not be used."""
    document: dict[str, Any] = msgspec.to_builtins(site)
    document["settings"] = {**document.get("settings", {}), **settings}
    for name, fields in rules.items():
        _change(document, name, dict(fields))
    try:
        changed = msgspec.convert(document, Site)
    except msgspec.ValidationError as error:
        raise SiteError(f"rules: {error}") from error
    faults = check_site(changed)
    if faults:
        raise SiteError(f"rules: {faults[0]}")
    return changed


def _change(document: dict[str, Any], name: str, fields: dict[str, Any]) -> None:
    if "closes" in fields:
        closure = {"id": name, "area": fields.pop("closes"), **fields}
        document["closures"] = [*document.get("closures", ()), closure]
        return
    for kind in _KINDS:
        for entry in document.get(kind, ()):
            if entry["id"] == name:
                entry.update(fields)
                return
    known = [entry["id"] for kind in _KINDS for entry in document.get(kind, ())]
    fields_of_closure = ", ".join(Closure.__struct_fields__[2:])
    raise SiteError(
        f"rules: nothing is called {name!r} here; there are {', '.join(known)}; a closure has closes, {fields_of_closure}"
    )


def site_toml(site: Site) -> str:
    """The site file that reads as this site."""
    document: dict[str, Any] = msgspec.to_builtins(site)
    return "".join(f"{key} = {_toml(value)}\n" for key, value in document.items())


def _toml(value: Any) -> str:
    """A value as TOML writes it in one line; JSON's strings and numbers are TOML's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
