"""JSON Schema and an AsyncAPI page of the MQTT contract, made from the types that are the contract (DESIGN §2).

``docs/wire/`` holds what these functions return; a test compares. To write it anew: ``MENJIN_WRITE_DOCS=1 pytest
tests/controller/test_wire_docs.py``.
"""

from typing import Any

import msgspec

from controller import wire
from controller.events import Record

_UP: dict[str, tuple[type[wire.Body], ...]] = {
    "records": (wire.Records,),
    "status": (wire.Status,),
    "request": (wire.PolicyRequest,),
}
_DOWN: dict[str, tuple[type[wire.Body], ...]] = {
    "ack": (wire.Ack,),
    "policy": (wire.PolicyHead,),
    "chunk": (wire.PolicyChunk,),
    "delta": (wire.PolicyDelta,),
    "lease": (wire.PolicyLease,),
    "command": (wire.CommandOrder,),
}
_RETAINED = {"status", "policy"}
_SCHEMA_REF = "#/components/schemas/{name}"


def bodies() -> tuple[type[wire.Body], ...]:
    """Every body type of the contract."""
    return wire.AnyBody.__args__


def schemas() -> dict[str, Any]:
    """JSON Schema of every body, of the envelope around it and of the records within."""
    types = (wire.Envelope, Record, *bodies())
    _, components = msgspec.json.schema_components(types, ref_template=_SCHEMA_REF)
    return dict(sorted(components.items()))


def json_schema() -> dict[str, Any]:
    """One JSON Schema document; ``$defs`` holds all types."""
    types = (wire.Envelope, Record, *bodies())
    _, components = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"menjin wire types, version {wire.WIRE_VERSION}",
        "description": "Unknown fields are ignored. The body of an Envelope is one of the bodies in anyOf.",
        "anyOf": [{"$ref": f"#/$defs/{body.__name__}"} for body in bodies()],
        "$defs": dict(sorted(components.items())),
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 page: topics, who sends, which bodies."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for sends, topics in (("edge", _UP), ("server", _DOWN)):
        for leaf, types in topics.items():
            channels[leaf] = _channel(leaf, types)
            operations[f"{sends}-sends-{leaf}"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{leaf}"},
                "summary": _first_line(types[0]),
                "bindings": {"mqtt": {"qos": 1, "retain": leaf in _RETAINED}},
            }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "menjin: edges and server over MQTT",
            "version": f"{wire.WIRE_VERSION}.0.0",
            "description": (
                "Every payload is an Envelope: {alg, kid, sig, body}. sig is Ed25519 over `menjin/v1/` + type + newline + the raw bytes "
                f"of body. At most {wire.MAX_MESSAGE_BYTES} bytes. Operations are told from the sender's side."
            ),
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas()},
    }


def _channel(leaf: str, types: tuple[type[wire.Body], ...]) -> dict[str, Any]:
    return {
        "address": wire.topic("{site}", "{edge}", leaf),
        "parameters": {"site": {"description": "site id"}, "edge": {"description": "edge id"}},
        "messages": {
            body.__name__: {
                "summary": _first_line(body),
                "payload": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Envelope"},
                        {"properties": {"body": {"$ref": f"#/components/schemas/{body.__name__}"}}},
                    ]
                },
            }
            for body in types
        },
    }


def _first_line(body: type[wire.Body]) -> str:
    return (body.__doc__ or "").strip().splitlines()[0]
