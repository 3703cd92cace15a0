"""The published contract is the code's: schema, AsyncAPI page, kept samples."""

import json
import os
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import wire
from controller.actions import Action
from controller.commands import Command, CommandBase
from controller.event_base import Event
from controller.events import Record, decode_record, encode_record
from controller.inputs import CommandArrived, Input
from controller.policy import ExitSlip, Item, WorkOrder
from controller.wire_docs import asyncapi, bodies, json_schema
from tests.controller.generated import ROOT, assert_current
from tests.controller.shapes import example, values

SAMPLES = ROOT / "tests" / "vectors" / "wire" / "v1"


def concrete(base: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """All that derive from it, at whatever depth."""
    found = {entry for direct in base.__subclasses__() for entry in (direct, *concrete(direct))}
    return sorted(found, key=lambda entry: entry.__name__)


GOODS_OF_A_POLICY: tuple[type[msgspec.Struct], ...] = (Item, WorkOrder, ExitSlip)
"""What version 1's first sample of a delta had no lists for yet."""


def sample_values() -> dict[str, Any]:
    """File name → value, one for every type that crosses the wire."""
    record = example(Record, "record")
    found: dict[str, Any] = {f"body-{body.__name__}": example(body) for body in bodies()}
    for kind in concrete(Input):
        found[f"input-{kind.__name__}"] = msgspec.structs.replace(record, input=example(kind), events=())
    for kind in concrete(Event):
        found[f"event-{kind.__name__}"] = msgspec.structs.replace(record, events=(example(kind),))
    for kind in concrete(CommandBase):
        arrived = CommandArrived("command_id", example(kind), "operator")
        found[f"command-{kind.__name__}"] = msgspec.structs.replace(record, input=arrived, events=())
    for kind in GOODS_OF_A_POLICY:
        found[f"policy-{kind.__name__}"] = example(kind)
    return found


def write_missing_samples() -> None:
    """Samples are made once per version and never edited: a new type adds a file, nothing rewrites one."""
    SAMPLES.mkdir(parents=True, exist_ok=True)
    for name, value in sample_values().items():
        file = SAMPLES / f"{name}.json"
        if not file.exists():
            file.write_bytes(msgspec.json.encode(value))


if os.environ.get("MENJIN_WRITE_DOCS"):
    write_missing_samples()


def test_the_json_schema_in_docs_is_that_of_the_code() -> None:
    assert_current("docs/wire/schema.json", json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n")


def test_the_asyncapi_page_in_docs_is_that_of_the_code() -> None:
    assert_current("docs/wire/asyncapi.json", json.dumps(asyncapi(), indent=1, ensure_ascii=False) + "\n")


def test_the_asyncapi_page_names_every_body_and_topic() -> None:
    page = asyncapi()
    named = {name for channel in page["channels"].values() for name in channel["messages"]}
    carried_inside = {"ServerCertificate", "EdgeCertificate"}
    assert named == {body.__name__ for body in bodies()} - carried_inside
    topics = {*wire.UpTopic.__args__, *wire.DownTopic.__args__}
    assert set(page["channels"]) == topics
    assert page["channels"]["ack"]["address"] == "menjin/v1/{site}/{edge}/ack"
    text = json.dumps(page)
    for ref in {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}:
        assert ref in page["components"]["schemas"]


@pytest.mark.parametrize("name", sorted(sample_values()))
def test_every_type_on_the_wire_has_a_kept_sample(name: str) -> None:
    assert (SAMPLES / f"{name}.json").exists(), "MENJIN_WRITE_DOCS=1 pytest tests/controller makes missing samples"


@pytest.mark.parametrize("file", sorted(SAMPLES.glob("*.json")), ids=lambda file: file.stem)
def test_a_sample_of_version_1_is_read_and_still_means_the_same(file: Path) -> None:
    kept = file.read_bytes()
    kind, _, name = file.stem.partition("-")
    if kind == "body":
        body = next(entry for entry in bodies() if entry.__name__ == name)
        decoded = msgspec.json.decode(kept, type=body)
        again = json.loads(msgspec.json.encode(decoded))
    elif kind == "policy":
        entry = next(entry for entry in GOODS_OF_A_POLICY if entry.__name__ == name)
        again = json.loads(msgspec.json.encode(msgspec.json.decode(kept, type=entry)))
    else:
        record = decode_record(kept)
        part: object = record.events[0] if kind == "event" else record.input
        if kind == "command":
            assert isinstance(part, CommandArrived)
            part = part.command
        assert type(part).__name__ == name
        again = json.loads(encode_record(record))
    assert _says(again, json.loads(kept))


def _says(now: object, then: object) -> bool:
    """The same, but that an ``array_like`` entry may have grown at its end and an object by a field."""
    if isinstance(now, list) and isinstance(then, list):
        return len(now) >= len(then) and all(_says(*pair) for pair in zip(now, then, strict=False))
    if isinstance(now, dict) and isinstance(then, dict):
        return all(key in now and _says(now[key], value) for key, value in then.items())
    return now == then


@pytest.mark.parametrize("body", bodies(), ids=lambda body: body.__name__)
def test_a_body_survives_the_wire_and_satisfies_the_published_schema(body: type[wire.Body]) -> None:
    validator = _validator(body.__name__)

    @settings(max_examples=15, deadline=None)
    @given(values(body))
    def check(value: wire.Body) -> None:
        encoded = msgspec.json.encode(value)
        assert msgspec.json.decode(encoded, type=body) == value
        validator.validate(json.loads(encoded))

    check()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_record_survives_the_wire_and_satisfies_the_published_schema(data: st.DataObject) -> None:
    record = data.draw(values(Record))
    encoded = encode_record(record)
    assert decode_record(encoded) == record
    _validator("Record").validate(json.loads(encoded))


def test_every_input_event_and_action_is_in_its_union() -> None:
    from controller.actions import AnyAction
    from controller.events import AnyEvent
    from controller.inputs import AnyInput

    assert set(AnyInput.__args__) == set(concrete(Input))
    assert set(AnyEvent.__args__) == set(concrete(Event))
    assert set(AnyAction.__args__) == set(concrete(Action))
    assert set(get_args(Command)) == set(concrete(CommandBase))


def _validator(name: str) -> Any:
    schema = json_schema()
    return jsonschema.Draft202012Validator({"$defs": schema["$defs"], "$ref": f"#/$defs/{name}"})
