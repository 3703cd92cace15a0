"""Who waits for the guard at a door, and what the edge answered to a check that the console asked for (docs/goods.md)."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from controller.site import Site
from server.equipment.guarding import CHECKED, CONFIRMED
from server.fleet.models import EdgeCommand
from server.ledger.keyed_rows import table_of
from server.ledger.models import LedgerEvent
from server.personal.photos import photos_of

LOOKED_BACK = 5_000
"""Events behind the newest among which a command's answer is sought: it is asked for while it is fresh."""


def with_photos(session: Session, waiting: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each with ``asks``: ``confirmation``, ``check`` or None, and the id of the photo that the guard compares. Those who wait for the guard's word come first."""
    rows = [one | {"asks": _asks(one["because"]["reason"]), "photo": None} for one in waiting]
    wanted = [one["holder"] for one in rows if one["asks"] == "confirmation"]
    photos = photos_of(session, wanted)
    for one in rows:
        if one["asks"] == "confirmation":
            one["photo"] = photos.get(one["holder"])
    return sorted(rows, key=lambda one: (one["asks"] != "confirmation", one["asks"] != "check"))


def _asks(reason: str) -> str | None:
    return "confirmation" if reason == CONFIRMED else "check" if reason in CHECKED else None


def goods_points(site: Site) -> list[str]:
    """The access points at which the console may check equipment: those of goods doors, ways out first."""
    goods = {door.id for door in site.doors if door.goods}
    points = [point for point in site.access_points if point.door in goods]
    return [point.id for point in sorted(points, key=lambda point: not point.out)]


def check_lines(
    session: Session, command: EdgeCommand, remedy: Callable[[dict[str, Any]], str]
) -> list[dict[str, Any]]:
    """What the edge said to each device of a ``CheckEquipment`` that it did, in order: ``{serial, accepted, model, text}``."""
    events = _record_of(session, command)
    found = []
    for kind, detail in events:
        if kind == "ItemAccepted":
            model = detail["model"]
            serial = detail["item"][1] if len(detail["item"]) > 1 else ""
            found.append({"serial": serial or model, "accepted": True, "model": model, "text": ""})
        elif kind == "EquipmentRefused" and detail.get("serial"):
            text = remedy(detail["because"])
            found.append({"serial": detail["serial"], "accepted": False, "model": "", "text": text})
    return found


def _record_of(session: Session, command: EdgeCommand) -> list[tuple[str, dict[str, Any]]]:
    """All events of the record in which the edge answered."""
    table = table_of(LedgerEvent)
    connection = session.connection()
    last = connection.scalar(select(table.c.seq).order_by(table.c.seq.desc()).limit(1)) or 0
    done = select(table.c.record_seq, table.c.detail).where(
        table.c.seq > last - LOOKED_BACK, table.c.edge_id == command.edge_id, table.c.kind == "CommandDone"
    )
    for row in connection.execute(done.order_by(table.c.seq.desc())):
        if json.loads(row.detail).get("command_id") == command.public_id:
            of_record = select(table.c.kind, table.c.detail).where(
                table.c.seq > last - LOOKED_BACK,
                table.c.edge_id == command.edge_id,
                table.c.record_seq == row.record_seq,
            )
            return [(one.kind, json.loads(one.detail)) for one in connection.execute(of_record.order_by(table.c.seq))]
    return []
