"""What is to be tested: made from the site's doors and the edges, then kept by the supervisor (L5)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from sqlmodel import Session, col, select

from controller.site import Site
from server.duty.models import DutyItem
from server.fleet.models import Edge
from server.ids import new_id
from server.operators.actor import SYSTEM, Actor
from server.operators.audit import record
from server.problems import Problem, not_found
from server.registry.validation import refused

Kind = Literal["exit", "rex", "manual_release", "fire_release", "battery"]
OF_DOORS: tuple[Kind, ...] = ("exit", "rex", "manual_release", "fire_release")
INTERVAL_DAYS = 31
"""Each month, as docs/install.md says, until somebody changes it."""


def missing_items(session: Session, site: Site) -> list[tuple[str, Kind]]:
    """(subject, kind) of what the site has and no item stands for, retired ones included."""
    known = set(session.exec(select(DutyItem.subject, DutyItem.kind)).all())
    return [wanted for wanted in _of_site(session, site) if wanted not in known]


def make_missing(session: Session, site: Site, now: datetime, by: Actor = SYSTEM) -> int:
    """Make the items that are missing; how many."""
    missing = missing_items(session, site)
    for subject, kind in missing:
        session.add(_item(subject, kind, INTERVAL_DAYS, "", now, by))
    return len(missing)


def make_item(
    session: Session, site: Site, actor: Actor, now: datetime, subject: str, kind: Kind, interval_days: int, note: str
) -> DutyItem:
    """One more item. Raises :class:`Problem`."""
    if kind in ("exit", "rex", "manual_release") and subject not in {door.id for door in site.doors}:
        raise refused("subject", f"subject: the site has no door {subject!r}.", f"subject：场地没有门 {subject}。")
    same = select(DutyItem).where(DutyItem.subject == subject, DutyItem.kind == kind)
    if session.exec(same).first() is not None:
        raise Problem(
            409,
            "item_exists",
            f"There is an item {kind} of {subject!r} already; a retired one is taken up again by PATCH.",
            "该对象已有同类测试项目：如已停用，请在其页面点“重新纳入测试”。",
            field="subject",
        )
    item = _item(subject, kind, interval_days, note, now, actor)
    session.add(item)
    record(
        session,
        actor,
        now,
        "duty.item",
        item.public_id,
        after={"subject": subject, "kind": kind, "interval_days": interval_days},
    )
    return item


def change_item(
    session: Session,
    actor: Actor,
    now: datetime,
    item: DutyItem,
    *,
    interval_days: int | None,
    note: str | None,
    retired: bool | None,
) -> None:
    """Change what is named; the audit keeps what it was before."""
    before = _state(item)
    if interval_days is not None:
        item.interval_days = interval_days
    if note is not None:
        item.note = note
    if retired is not None and retired != (item.retired_at is not None):
        if retired and not item.note:
            raise refused("note", "note: say why this is not tested any more.", "note：请说明为何不再测试。")
        item.retired_at = now if retired else None
    if _state(item) != before:
        item.version += 1
        session.add(item)
        record(session, actor, now, "duty.change", item.public_id, before=before, after=_state(item))


def find_item(session: Session, name: str, *, lock: bool = False) -> DutyItem:
    """By public id. Raises :class:`Problem` 404."""
    query = select(DutyItem).where(DutyItem.public_id == name)
    item = session.exec(query.with_for_update() if lock else query).first()
    if item is None:
        raise not_found("duty item", "测试项目", name[:64])
    return item


def _of_site(session: Session, site: Site) -> Iterator[tuple[str, Kind]]:
    for door in site.doors:
        if door.kind == "passage":
            for kind in OF_DOORS:
                yield door.id, kind
    enrolled = session.exec(select(Edge.name).where(Edge.role == "door", col(Edge.revoked_at).is_(None))).all()
    for edge in sorted({door.edge for door in site.doors if door.edge}.union(enrolled)):
        yield edge, "battery"


def _item(subject: str, kind: Kind, interval_days: int, note: str, now: datetime, by: Actor) -> DutyItem:
    return DutyItem(
        public_id=new_id("dut", now),
        subject=subject,
        kind=kind,
        interval_days=interval_days,
        note=note,
        made_at=now,
        made_by=by.public_id,
    )


def _state(item: DutyItem) -> dict[str, object]:
    return {"interval_days": item.interval_days, "note": item.note, "retired": item.retired_at is not None}
