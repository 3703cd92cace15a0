"""Shift handover: the list is drawn up from what stands, explained, signed by who hands over, then by who takes over (R5).

Nothing slips through: each signature compares the list with what stands at that moment. A list is drawn up anew as often as it takes; each drawing is a *round* and keeps
its items, so that what was signed is never changed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from server.context import Context
from server.ids import new_id
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem
from server.registry.validation import refused
from server.rfc3339 import rfc3339
from server.shift.debt import Debt
from server.shift.debts import live_debts
from server.shift.handover_lifecycle import Act, refuse_act
from server.shift.handover_rows import items_of, new_debts, outgoing_of, signatures_of
from server.shift.handover_signing import content_of, sign_content
from server.shift.models import Handover, HandoverExplanation, HandoverItem, HandoverSignature

LIVE = ("open", "offered")
MAX_ROUNDS = 100
"""Of one handover: beyond it somebody draws up lists in a circle."""
NAMED = 100
"""So many items are named in a refusal; their number is always told."""


def open_handover(session: Session, context: Context, actor: Actor, post: str, note: str) -> Handover:
    """Begin one and draw up its list; whoever opens it hands over. Raises :class:`Problem` 409 ``handover_open`` while another of this post is not over."""
    now = context.clock.now()
    handover = Handover(
        public_id=new_id("hov", now),
        post=post,
        drawn_at=now,
        opened_at=now,
        opened_by=actor.public_id,
        opened_name=actor.name,
        note=note,
    )
    try:
        with session.begin_nested():
            session.add(handover)
    except IntegrityError as error:
        other = session.exec(select(Handover).where(Handover.post == post, col(Handover.status).in_(LIVE))).first()
        name = other.public_id if other is not None else ""
        raise Problem(
            409,
            "handover_open",
            f"Handover {name} of post {post} is not over: sign it, refuse it, or withdraw it.",
            f"岗位 {post} 已有未结束的交接班 {name}：请先签字、拒绝或撤回。",
            field="post",
            extra={"handover": name},
        ) from error
    drawn = _draw(session, context, handover)
    after = {"post": post, "items": drawn}
    record(session, actor, now, "handover.open", handover.public_id, after=after)
    return handover


def draw_again(session: Session, context: Context, actor: Actor, handover: Handover) -> None:
    """Draw the list up anew: the next round. What was explained and still stands keeps its explanation; a signature under the round before counts no more. Raises :class:`Problem`."""
    handover.status = refuse_act(handover.status, Act.DRAW)
    now = context.clock.now()
    if handover.round >= MAX_ROUNDS:
        raise Problem(
            409, "too_many_rounds", f"This list was drawn up {MAX_ROUNDS} times: withdraw the handover and open another.",
            f"该清单已重列 {MAX_ROUNDS} 次：请撤回后重新发起。",
        )  # fmt: skip
    before = {(item.kind, item.subject, item.since_us): said for item, said in items_of(session, handover)}
    handover.round += 1
    handover.drawn_at = now
    drawn = _draw(session, context, handover)
    for item, _ in items_of(session, handover):
        said = before.get((item.kind, item.subject, item.since_us))
        if said is not None:
            assert item.id is not None
            session.add(
                HandoverExplanation(
                    item_id=item.id, text=said.text, at=said.at, by=said.by, by_name=said.by_name, copied_from=said.id
                )
            )
    changed(session, handover)
    after = {"round": handover.round, "items": drawn}
    record(session, actor, now, "handover.draw", handover.public_id, after=after)


def explain(
    session: Session, actor: Actor, now: datetime, handover: Handover, explanations: Sequence[tuple[int, str]]
) -> None:
    """Say why items are open. Raises :class:`Problem`."""
    refuse_act(handover.status, Act.EXPLAIN)
    own = {item.id for item, _ in items_of(session, handover)}
    for item_id, text in explanations:
        if item_id not in own:
            raise refused(
                "item",
                f"item: {item_id} is not on the list as it stands (round {handover.round}).",
                f"item：清单（第 {handover.round} 次）中没有 {item_id}。",
            )
        session.add(HandoverExplanation(item_id=item_id, text=text, at=now, by=actor.public_id, by_name=actor.name))
    changed(session, handover)
    after = {"items": [item_id for item_id, _ in explanations]}
    record(session, actor, now, "handover.explain", handover.public_id, after=after)


def sign(session: Session, context: Context, actor: Actor, handover: Handover) -> HandoverSignature:
    """The signature of who hands over: who opened it. Raises :class:`Problem` 409 ``HANDOVER_NEW_ITEMS``, ``HANDOVER_UNEXPLAINED``."""
    becomes = refuse_act(handover.status, Act.SIGN)
    if not actor.is_who(handover.opened_by):
        raise Problem(
            409,
            "FOUR_EYES",
            f"{handover.opened_name} opened this handover and signs it as the outgoing shift; withdraw it and open your own.",
            f"该交接班由 {handover.opened_name} 发起，须由其本人签字；否则请撤回后重新发起。",
            extra={"rule": "R5"},
        )
    made = _sign(session, context, actor, handover, "outgoing", "signed", "", _resolved(session, context, handover))
    handover.status = becomes
    changed(session, handover)
    record(session, actor, made.at, "handover.sign", handover.public_id, after={"round": handover.round})
    return made


def accept(session: Session, context: Context, actor: Actor, handover: Handover) -> HandoverSignature:
    """The signature of who takes over: somebody else. Raises :class:`Problem` 409 as :func:`sign`: what came up since is drawn up first."""
    becomes = refuse_act(handover.status, Act.ACCEPT)
    _refuse_same(session, actor, handover)
    made = _sign(session, context, actor, handover, "incoming", "signed", "", _resolved(session, context, handover))
    _end(session, handover, becomes, made.at, "")
    record(session, actor, made.at, "handover.accept", handover.public_id, after={"round": handover.round})
    return made


def refuse(session: Session, context: Context, actor: Actor, handover: Handover, reason: str) -> HandoverSignature:
    """Who should take over will not, and says why; signed as well. The outgoing shift opens another. Raises :class:`Problem`."""
    becomes = refuse_act(handover.status, Act.REFUSE)
    _refuse_same(session, actor, handover)
    gone = _gone(items_of(session, handover), live_debts(session, context))
    made = _sign(session, context, actor, handover, "incoming", "refused", reason, gone)
    _end(session, handover, becomes, made.at, reason)
    record(session, actor, made.at, "handover.refuse", handover.public_id, after={"reason": reason})
    return made


def withdraw(session: Session, actor: Actor, now: datetime, handover: Handover, reason: str) -> None:
    """It was opened by mistake, or who opened it cannot sign. Raises :class:`Problem`."""
    becomes = refuse_act(handover.status, Act.WITHDRAW)
    _end(session, handover, becomes, now, reason)
    record(session, actor, now, "handover.withdraw", handover.public_id, after={"reason": reason})


def changed(session: Session, handover: Handover) -> None:
    """Count a change of the row."""
    handover.version += 1
    session.add(handover)
    session.flush()


def _draw(session: Session, context: Context, handover: Handover) -> int:
    """Write the round's items; how many."""
    assert handover.id is not None
    debts = live_debts(session, context)
    for debt in debts:
        session.add(
            HandoverItem(
                handover_id=handover.id,
                round=handover.round,
                kind=debt.kind,
                subject=debt.subject,
                since_us=debt.since_us,
                text_zh=debt.text_zh,
                text_en=debt.text_en,
                link=debt.link,
            )
        )
    session.flush()
    return len(debts)


def _resolved(session: Session, context: Context, handover: Handover) -> list[int]:
    """Ids of the items that are settled. Raises :class:`Problem` 409 while something else stands that is not on the list, or not explained."""
    items, live = items_of(session, handover), live_debts(session, context)
    unlisted = new_debts([item for item, _ in items], live)
    if unlisted:
        raise Problem(
            409,
            "HANDOVER_NEW_ITEMS",
            f"{len(unlisted)} items came up since the list was drawn up: draw it up again (POST …/draw) and explain them: "
            + "; ".join(debt.text_en for debt in unlisted[:NAMED]),
            f"清单列出后新增 {len(unlisted)} 项，请重新列出并说明："
            + "；".join(debt.text_zh for debt in unlisted[:NAMED]),
            extra={"items": [_named(debt) for debt in unlisted[:NAMED]], "count": len(unlisted), "rule": "R5"},
        )
    gone = _gone(items, live)
    open_ = [item for item, said in items if said is None and item.id not in gone]
    if open_:
        raise Problem(
            409,
            "HANDOVER_UNEXPLAINED",
            f"{len(open_)} items are not explained: " + "; ".join(item.text_en for item in open_[:NAMED]),
            f"有 {len(open_)} 项尚未说明：" + "；".join(item.text_zh for item in open_[:NAMED]),
            extra={
                "items": [{"item": item.id} | _named(item) for item in open_[:NAMED]],
                "count": len(open_),
                "rule": "R5",
            },
        )
    return gone


def _gone(items: Sequence[tuple[HandoverItem, HandoverExplanation | None]], live: Sequence[Debt]) -> list[int]:
    standing = {debt.key for debt in live}
    return [
        item.id for item, _ in items if item.id is not None and (item.kind, item.subject, item.since_us) not in standing
    ]


def _sign(
    session: Session,
    context: Context,
    actor: Actor,
    handover: Handover,
    role: str,
    verdict: str,
    note: str,
    resolved: list[int],
) -> HandoverSignature:
    assert handover.id is not None
    row = HandoverSignature(
        handover_id=handover.id,
        round=handover.round,
        role=role,
        verdict=verdict,
        note=note,
        resolved=resolved,
        at=context.clock.now(),
        by=actor.public_id,
        by_name=actor.name,
        content="",
        kid="",
        certificate=b"",
        signature=b"",
    )
    first = outgoing_of(signatures_of(session, [handover]).get(handover.id, []), handover.round)
    content = content_of(
        context.site.id,
        handover,
        items_of(session, handover),
        first.signature if first is not None else b"",
        row,
    )
    signed = sign_content(context.keys, content)
    row.content, row.kid = signed.content, signed.kid
    row.certificate, row.signature = signed.certificate, signed.signature
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:  # who raced for it has signed now
        raise Problem(
            409, "signed", f"The signature of the {role} shift is there already.", "该签字已存在。"
        ) from error
    return row


def _refuse_same(session: Session, actor: Actor, handover: Handover) -> None:
    first = outgoing_of(signatures_of(session, [handover]).get(handover.id, []), handover.round)
    if first is not None and actor.is_who(first.by):
        raise Problem(
            409,
            "FOUR_EYES",
            "Somebody else takes over than who hands over.",
            "接班人不能是交班人本人。",
            extra={"rule": "R5"},
        )


def _end(session: Session, handover: Handover, status: str, at: datetime, reason: str) -> None:
    handover.status, handover.ended_at, handover.end_reason = status, at, reason
    changed(session, handover)


def _named(thing: Debt | HandoverItem) -> dict[str, Any]:
    since = rfc3339(thing.since_us) if thing.since_us else None
    return {
        "kind": thing.kind,
        "subject": thing.subject,
        "since": since,
        "text_zh": thing.text_zh,
        "text_en": thing.text_en,
    }
