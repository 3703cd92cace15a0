"""The register of mechanical keys: where each is, who had it and why. Movements are only added (B9)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlmodel import Session, col, select

from controller.site import Site
from server.duty.models import KeyMovement, MechanicalKey
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem, not_found
from server.registry.lookup import deleted, find_holder, taken
from server.registry.models import Holder
from server.registry.validation import refused

Act = Literal["made", "taken", "returned", "lost", "found", "used"]
STATES = {"in_cabinet": "在柜中", "out": "已领出", "lost": "已挂失"}


def key_in_use(session: Session, number: str) -> bool:
    """Whether there is a key of this number that is not lost: only such a one explains a forced door."""
    key = _of_number(session, number)
    return key is not None and key.state != "lost"


def note_use(session: Session, actor: Actor, now: datetime, number: str, alarm_id: int, reason: str) -> None:
    """Note that a key explains an alarm (``key_used``), in the transaction that asks the edge to end the alarm. Raises :class:`Problem` 422 when
    there is no such key, or it is lost."""
    if not key_in_use(session, number):
        raise Problem(
            422,
            "no_such_key",
            f"key: there is no key {number!r} in use; see GET /api/v1/mechanical-keys.",
            f"key：没有在用的钥匙 {number}：请核对钢印编号。",
            field="key",
        )
    key = find_key(session, number)
    _move(session, actor, now, key, "used", reason, key.holder_id, alarm_id)


def find_key(session: Session, name: str, *, lock: bool = False) -> MechanicalKey:
    """By number, else by public id. Raises :class:`Problem` 404."""
    key = _of_number(session, name)
    if key is None:
        key = session.exec(select(MechanicalKey).where(MechanicalKey.public_id == name)).first()
    if key is None:
        raise not_found("mechanical key", "机械钥匙", name[:64])
    if lock:
        of_key = select(MechanicalKey).where(MechanicalKey.id == key.id).with_for_update()
        key = session.exec(of_key.execution_options(populate_existing=True)).one()
    return key


def make_key(
    session: Session, site: Site, actor: Actor, now: datetime, number: str, opens: Sequence[str], kept_at: str
) -> MechanicalKey:
    """A new key, in its cabinet. Raises :class:`Problem`."""
    if _of_number(session, number) is not None:
        raise taken("number", number)
    key = MechanicalKey(
        public_id=new_id("mky", now), number=number, opens=known_places(site, opens), kept_at=kept_at, made_at=now
    )
    session.add(key)
    session.flush()
    _move(session, actor, now, key, "made", "")
    return key


def change_key(
    session: Session,
    site: Site,
    actor: Actor,
    now: datetime,
    key: MechanicalKey,
    opens: Sequence[str] | None,
    kept_at: str | None,
) -> None:
    """Correct what it opens, or where it is kept. Raises :class:`Problem`."""
    before = {"opens": key.opens, "kept_at": key.kept_at}
    if opens is not None:
        key.opens = known_places(site, opens)
    if kept_at is not None:
        key.kept_at = kept_at
    after = {"opens": key.opens, "kept_at": key.kept_at}
    if after != before:
        key.version += 1
        session.add(key)
        record(session, actor, now, "key.change", key.public_id, before=before, after=after)


def take_key(session: Session, actor: Actor, now: datetime, key: MechanicalKey, holder: str, reason: str) -> None:
    """Lend it to a holder. Raises :class:`Problem`."""
    _refuse_unless(key, "in_cabinet")
    person = find_holder(session, holder, "holder", actor=actor)
    if person.left_at is not None or person.deleted_at is not None:
        raise deleted(person, "holder")
    key.state, key.holder_id = "out", person.id
    _move(session, actor, now, key, "taken", reason, person.id)


def return_key(session: Session, actor: Actor, now: datetime, key: MechanicalKey, reason: str) -> None:
    """It is back in its cabinet; a lost one was found. Raises :class:`Problem`."""
    _refuse_unless(key, "out", "lost")
    act: Act = "returned" if key.state == "out" else "found"
    person = key.holder_id
    key.state, key.holder_id = "in_cabinet", None
    _move(session, actor, now, key, act, reason, person)


def lose_key(session: Session, actor: Actor, now: datetime, key: MechanicalKey, reason: str) -> None:
    """It is lost: it explains no alarm any more. Raises :class:`Problem`."""
    _refuse_unless(key, "in_cabinet", "out")
    key.state = "lost"
    _move(session, actor, now, key, "lost", reason, key.holder_id)


def holders_of(session: Session, ids: set[int | None]) -> dict[int | None, str]:
    """The public ids of these holders."""
    wanted = {holder_id for holder_id in ids if holder_id is not None}
    found = session.exec(select(Holder.id, Holder.public_id).where(col(Holder.id).in_(wanted))).all() if wanted else ()
    return dict(found)


def known_places(site: Site, opens: Sequence[str]) -> list[str]:
    """Doors and areas of the site, each once. Raises :class:`Problem` 422 for another."""
    known = {door.id for door in site.doors} | {area.id for area in site.areas}
    for place in opens:
        if place not in known:
            raise refused(
                "opens", f"opens: the site has no door or area {place!r}.", f"opens：场地没有门或区域 {place}。"
            )
    return sorted(set(opens))


def _of_number(session: Session, number: str) -> MechanicalKey | None:
    return session.exec(select(MechanicalKey).where(MechanicalKey.number == number)).first()


def _refuse_unless(key: MechanicalKey, *states: str) -> None:
    if key.state not in states:
        raise Problem(
            409,
            "status_conflict",
            f"Key {key.number} is {key.state.replace('_', ' ')}.",
            f"钥匙 {key.number} {STATES[key.state]}。",
            extra={"status_now": key.state},
        )


def _move(
    session: Session,
    actor: Actor,
    now: datetime,
    key: MechanicalKey,
    act: Act,
    reason: str,
    holder_id: int | None = None,
    alarm_id: int | None = None,
) -> None:
    assert key.id is not None
    if act not in ("made", "used"):
        key.version += 1
        session.add(key)
    movement = KeyMovement(
        key_id=key.id,
        act=act,
        at=now,
        holder_id=holder_id,
        reason=reason,
        by=actor.public_id,
        by_name=actor.name,
        alarm_id=alarm_id,
    )
    session.add(movement)
    record(session, actor, now, f"key.{act}", key.public_id, after={"number": key.number, "reason": reason})
