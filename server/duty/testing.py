"""Tests of ways out: noted once, signed, countersigned by a second person (L5)."""

from datetime import datetime, timedelta

import msgspec
from sqlmodel import Session, col, select

from server.context import Context
from server.db.clock import to_us
from server.duty.models import DutyCountersignature, DutyItem, DutyTest
from server.duty.signing import CountersignatureContent, TestContent, read_signed, sign_content
from server.ids import new_id
from server.keys import ServerKeys
from server.ledger.models import LedgerEvent
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem, not_found
from server.registry.validation import refused
from server.signatures import Signed

AHEAD = timedelta(minutes=1)
"""How far ahead of the server's clock an operator's may be."""
WINDOW = timedelta(minutes=1)
"""How far the ledger's event may lie from the test that it shows."""
EVENTS_LOOKED_AT = 500
_SHOWN_BY = {"rex": ("DoorUnlocked", "rex"), "fire_release": ("DoorUnlocked", "fire"), "exit": ("DoorOpened", None)}
"""Kind of item → the event of the door, and its cause, that shows that it works."""


def note_test(
    session: Session, context: Context, actor: Actor, item: DutyItem, result: str, note: str, done_at: datetime | None
) -> DutyTest:
    """Note a test; signed for the operator. Raises :class:`Problem`."""
    now = context.clock.now()
    done_at = done_at or now
    if done_at > now + AHEAD:
        raise refused("done_at", "done_at: lies in the future.", "done_at：时间在未来。")
    if result == "fail" and not note:
        raise refused("note", "note: say what failed.", "note：请说明不合格之处。")
    if item.retired_at is not None:
        raise Problem(
            409,
            "item_retired",
            "This item is not tested any more; take it up again by PATCH first.",
            "该项目已停用：请先在其页面点“重新纳入测试”。",
        )
    assert item.id is not None
    evidence = _evidence(session, item, done_at)
    public_id = new_id("dtt", now)
    content = TestContent(
        site=context.site.id,
        test=public_id,
        subject=item.subject,
        kind=item.kind,
        result=result,
        note=note,
        done_at_us=to_us(done_at),
        recorded_at_us=to_us(now),
        by=actor.public_id,
        by_name=actor.name,
        evidence_seq=evidence,
    )
    signed = _sign(context.keys, content, now)
    test = DutyTest(
        public_id=public_id,
        item_id=item.id,
        result=result,
        note=note,
        done_at=done_at,
        recorded_at=now,
        by=actor.public_id,
        by_name=actor.name,
        evidence_seq=evidence,
        content=signed.content,
        kid=signed.kid,
        certificate=signed.certificate,
        signature=signed.signature,
    )
    session.add(test)
    session.flush()
    record(
        session,
        actor,
        now,
        "duty.test",
        public_id,
        after={"subject": item.subject, "kind": item.kind, "result": result},
    )
    return test


def countersign(session: Session, context: Context, actor: Actor, test: DutyTest) -> DutyCountersignature:
    """A second person signs. Raises :class:`Problem` 409."""
    if actor.is_who(test.by):
        raise Problem(
            409, "own_test", "Somebody else must countersign than who made the test.", "复核人不能是测试人本人。"
        )
    assert test.id is not None
    if countersignature_of(session, [test.id]):
        raise Problem(409, "countersigned", "This test has been countersigned already.", "该测试已复核。")
    now = context.clock.now()
    content = CountersignatureContent(
        site=context.site.id,
        test=test.public_id,
        signature=test.signature.hex(),
        at_us=to_us(now),
        by=actor.public_id,
        by_name=actor.name,
    )
    signed = _sign(context.keys, content, now)
    made = DutyCountersignature(
        test_id=test.id,
        by=actor.public_id,
        by_name=actor.name,
        at=now,
        content=signed.content,
        kid=signed.kid,
        certificate=signed.certificate,
        signature=signed.signature,
    )
    session.add(made)
    record(session, actor, now, "duty.countersign", test.public_id)
    return made


def find_test(session: Session, name: str) -> DutyTest:
    """By public id. Raises :class:`Problem` 404."""
    test = session.exec(select(DutyTest).where(DutyTest.public_id == name)).first()
    if test is None:
        raise not_found("duty test", "测试记录", name[:64])
    return test


def countersignature_of(session: Session, test_ids: list[int]) -> dict[int, DutyCountersignature]:
    """The countersignatures of these tests, by test."""
    query = select(DutyCountersignature).where(col(DutyCountersignature.test_id).in_(test_ids))
    return {row.test_id: row for row in session.exec(query).all()}


def signature_holds(keys: ServerKeys, test: DutyTest, item: DutyItem) -> bool:
    """Whether the row says what was signed, and the signature holds."""
    content = read_signed(keys, Signed(test.content, test.kid, test.certificate, test.signature))
    return content == TestContent(
        keys.site,
        test.public_id,
        item.subject,
        item.kind,
        test.result,
        test.note,
        to_us(test.done_at),
        to_us(test.recorded_at),
        test.by,
        test.by_name,
        test.evidence_seq,
    )


def countersignature_holds(keys: ServerKeys, test: DutyTest, second: DutyCountersignature) -> bool:
    """Whether the second signature is under this very test, and holds."""
    content = read_signed(keys, Signed(second.content, second.kid, second.certificate, second.signature))
    return content == CountersignatureContent(
        keys.site, test.public_id, test.signature.hex(), to_us(second.at), second.by, second.by_name
    )


def _sign(keys: ServerKeys, content: TestContent | CountersignatureContent, now: datetime) -> Signed:
    return sign_content(keys, content, to_us(now))


def _evidence(session: Session, item: DutyItem, done_at: datetime) -> int | None:
    """The event of the ledger that shows the test, nearest in time."""
    if item.kind not in _SHOWN_BY:
        return None
    kind, cause = _SHOWN_BY[item.kind]
    newest = (
        select(LedgerEvent.seq, LedgerEvent.at_us, LedgerEvent.kind, LedgerEvent.detail)
        .where(LedgerEvent.door == item.subject)
        .order_by(col(LedgerEvent.seq).desc())
        .limit(EVENTS_LOOKED_AT)
    )
    at_us, window_us = to_us(done_at), WINDOW // timedelta(microseconds=1)
    found = [
        (abs(event_us - at_us), seq)
        for seq, event_us, event_kind, detail in session.exec(newest).all()
        if event_kind == kind
        and abs(event_us - at_us) <= window_us
        and (cause is None or msgspec.json.decode(detail).get("cause") == cause)
    ]
    return min(found)[1] if found else None
