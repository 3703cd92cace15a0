"""What an edge says of itself becomes its row, its receipt of the policy, and LINK_LOST when it is gone."""

import json
from typing import Any

import msgspec
from sqlalchemy import Select, insert, select, update
from sqlalchemy.engine import Connection

from controller.wire import Status
from server.fleet.models import Edge, EdgeReceipt, FleetState
from server.ledger.facts import SERVER, table_of
from server.ledger.models import LedgerAlarm
from server.ledger.writer import LedgerWriter

SILENT_US = 95_000_000
"""An edge repeats its status every 30 s; after three it counts as gone."""
PAST_SESSIONS = 16
MAX_INT = 2**63 - 1
MAX_CHARACTERS = 200
MAX_GUARANTEES = 32
MAX_EPOCHS_AHEAD = 1_000
"""A policy epoch rises once with each restored database: who is further ahead runs nothing of ours."""
LINK_LOST_RULE = "L2"


class StatusRefused(Exception):
    """An old status came again, or one that no edge sends. ``reason`` is counted."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


def take_status(writer: LedgerWriter, edge_id: int, status: Status, *, retained: bool) -> None:
    """Follow one verified status. Raises :class:`StatusRefused`.

    ``retained``: the broker kept it for an unknown time, so it says nothing about the clocks.
    """
    edges = table_of(Edge)
    edge = writer.connection.execute(select(edges).where(edges.c.id == edge_id)).one()
    _check_ranges(status)
    if status.policy_version is not None:
        epoch = writer.connection.scalar(select(table_of(FleetState).c.epoch)) or 0
        if status.policy_version.epoch > epoch + MAX_EPOCHS_AHEAD:
            raise StatusRefused("malformed", f"policy epoch {status.policy_version.epoch}, ours is {epoch}")
    past: list[str] = json.loads(edge.past_sessions)
    if status.seq < edge.status_seq and (status.session == edge.session or status.session in past):
        raise StatusRefused("replayed", f"status {status.seq} after {edge.status_seq}")
    values: dict[str, Any] = {
        "status_seq": status.seq,
        "session": status.session,
        "past_sessions": _with_past(edge) if edge.session != status.session else edge.past_sessions,
        "software": status.software,
        "boot_id": status.boot_id,
        "journal_id": status.journal_id,
        "last_seen_us": writer.now_us,
        "last_seq": status.last_seq,
        "acked_seq": status.acked_seq,
        "outbox": status.outbox,
        "hardware_digest": status.hardware_digest,
        "wall_trusted": status.wall_trusted,
        "status": _details(status),
    }
    if not retained:
        values["clock_offset_us"] = writer.now_us - status.issued_at_us
    values |= _receipt(writer, edge, status)
    writer.connection.execute(update(edges).where(edges.c.id == edge_id).values(**values))
    _set_online(writer, edge, status.online)
    if status.last_seq == writer.head_seq(edge_id, status.journal_id):
        facts = writer.facts(edge_id)
        for door, reported in status.doors.items():
            facts.door_reported(door, writer.now_us, reported)


def take_gone(writer: LedgerWriter, edge_id: int) -> None:
    """The broker says that the edge is gone."""
    edges = table_of(Edge)
    edge = writer.connection.execute(select(edges).where(edges.c.id == edge_id)).one()
    _set_online(writer, edge, False)


def any_silent(connection: Connection, now_us: int) -> bool:
    """Whether :func:`take_silent` has something to do."""
    edges = table_of(Edge)
    silent = (edges.c.online.is_(True), edges.c.last_seen_us < now_us - SILENT_US)
    return connection.execute(select(edges.c.id).where(*silent).limit(1)).first() is not None


def take_silent(writer: LedgerWriter) -> None:
    """Edges that said nothing for :data:`SILENT_US` are gone, whatever the broker believes."""
    edges = table_of(Edge)
    silent = (edges.c.online.is_(True), edges.c.last_seen_us < writer.now_us - SILENT_US)
    for edge in writer.connection.execute(select(edges).where(*silent)).all():
        _set_online(writer, edge, False)


def any_revoked_missed(connection: Connection) -> bool:
    """Whether :func:`settle_revoked` has something to do."""
    return connection.execute(_revoked_missed().limit(1)).first() is not None


def settle_revoked(writer: LedgerWriter) -> None:
    """Nobody misses an edge that is believed no more."""
    for edge in writer.connection.execute(_revoked_missed()).all():
        writer.clear_alarm(edge.id, "LINK_LOST", edge.name)


def _revoked_missed() -> Select[Any]:
    edges, alarms = table_of(Edge), table_of(LedgerAlarm)
    return (
        select(edges.c.id, edges.c.name)
        .join(alarms, alarms.c.edge_id == edges.c.id)
        .where(
            edges.c.revoked_at.is_not(None),
            alarms.c.alarm == "LINK_LOST",
            alarms.c.source == SERVER,
            alarms.c.cleared_us.is_(None),
        )
    )


def _set_online(writer: LedgerWriter, edge: Any, online: bool) -> None:
    edges = table_of(Edge)
    if edge.online != online:
        values: dict[str, Any] = {"online": online, "online_changed_us": writer.now_us}
        if not online:
            values |= {"session": None, "past_sessions": _with_past(edge)}
        writer.connection.execute(update(edges).where(edges.c.id == edge.id).values(**values))
    if online:
        writer.clear_alarm(edge.id, "LINK_LOST", edge.name)
    elif edge.online or edge.online_changed_us is None:
        writer.raise_alarm(edge.id, "LINK_LOST", edge.name, LINK_LOST_RULE, {"edge": edge.name})


def _with_past(edge: Any) -> str:
    """The past sessions and the one that ends now."""
    past: list[str] = json.loads(edge.past_sessions)
    if edge.session and edge.session not in past:
        past.append(edge.session)
    return json.dumps(past[-PAST_SESSIONS:])


def _receipt(writer: LedgerWriter, edge: Any, status: Status) -> dict[str, Any]:
    version = status.policy_version
    if version is None:
        return {"received_policy_epoch": 0, "received_policy_n": 0, "received_policy_digest": ""}
    same = (version.epoch, version.n, status.policy_digest) == (
        edge.received_policy_epoch,
        edge.received_policy_n,
        edge.received_policy_digest,
    )
    if same:
        return {}
    receipts = table_of(EdgeReceipt)
    key = {"edge_id": edge.id, "epoch": version.epoch, "n": version.n}
    where = [receipts.c[name] == value for name, value in key.items()]
    if writer.connection.execute(select(receipts.c.n).where(*where)).first() is None:
        writer.connection.execute(insert(receipts).values(**key, digest=status.policy_digest, at_us=writer.now_us))
    return {
        "received_policy_epoch": version.epoch,
        "received_policy_n": version.n,
        "received_policy_digest": status.policy_digest,
        "received_policy_at_us": writer.now_us,
    }


def _details(status: Status) -> str:
    """The parts without a column, as JSON."""
    details = {
        "lease": status.lease,
        "lease_left_s": status.lease_left_s,
        "readers": status.readers,
        "boards": status.boards,
        "doors": status.doors,
        "refused_messages": status.refused_messages,
        "warnings": status.warnings,
        "guarantees": {
            code[:MAX_CHARACTERS]: said.replace("\x00", "?")[:MAX_CHARACTERS]
            for code, said in list(status.guarantees.items())[:MAX_GUARANTEES]
            if "\x00" not in code
        },
    }
    return msgspec.json.encode(details).decode()


def _check_ranges(status: Status) -> None:
    version = status.policy_version
    numbers = [status.seq, status.issued_at_us, status.last_seq, status.acked_seq]
    small = [status.outbox, *((version.epoch, version.n) if version is not None else ())]
    texts = [
        status.session,
        status.software,
        status.boot_id,
        status.journal_id,
        status.hardware_digest,
        status.policy_digest,
    ]
    if any(not 0 <= number <= MAX_INT for number in numbers) or any(not 0 <= number < 2**31 for number in small):
        raise StatusRefused("malformed", "a number is out of range")
    for door, facts in status.doors.items():
        texts += [door, *facts.values()]
    if any("\x00" in text or len(text) > MAX_CHARACTERS for text in texts):
        raise StatusRefused("malformed", "a text is out of range")
