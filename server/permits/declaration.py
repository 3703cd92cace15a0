"""The declaration of R8, item by item: confirmed by each visitor before entry, and by a badge holder once.

Every word is kept, refusals as well; of a visit the newest word on an item counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from server.operators.actor import Actor
from server.operators.audit import record
from server.permits.models import Declaration, Visit
from server.problems import Problem
from server.registry.models import Holder

ITEMS: dict[str, tuple[str, str]] = {
    "camera": ("不携带照相、摄像器材", "no camera or video recorder"),
    "magnets": ("不携带强磁物品", "no strong magnets"),
    "food": ("不携带食品和液体", "no food, no liquids"),
    "dangerous": ("不携带易燃、易爆、腐蚀性物品", "no flammables, explosives or corrosives"),
    "media": ("不携带外来软件和存储介质", "no outside software or media"),
    "unrelated": ("不携带与工作无关的物品", "nothing that is not for the work"),
    "smoking": ("不吸烟", "no smoking"),
    "guests": ("不带其他人员进入", "no guests"),
    "clothes": ("穿鞋套，衣着整洁", "overshoes on, clean clothes"),
}
"""Item → what is declared, in Chinese and English."""


@dataclass(frozen=True)
class Word:
    """What was said to an item; ``note``: why it is refused."""

    confirmed: bool
    note: str = ""


def declare(
    session: Session, actor: Actor, now: datetime, holder_id: int, words: Mapping[str, Word], visit: Visit | None = None
) -> None:
    """Keep what was said. Raises :class:`Problem` 422 for an unknown item, or one that is refused without saying why."""
    for item, word in words.items():
        if item not in ITEMS:
            raise Problem(
                422,
                "invalid_input",
                f"items: there is no item {item!r}; the items are {', '.join(ITEMS)}.",
                f"items：没有该项 {item}。",
                field="items",
            )
        if not word.confirmed and not word.note:
            raise Problem(
                422,
                "invalid_input",
                f"items.{item}: say why it is refused.",
                f"items.{item}：请说明拒绝的情况。",
                field="items",
            )
        session.add(
            Declaration(
                holder_id=holder_id,
                visit_id=visit.id if visit is not None else None,
                item=item,
                confirmed=word.confirmed,
                note=word.note,
                by=actor.public_id,
                by_name=actor.name,
                at=now,
            )
        )
    session.flush()
    subject = visit.public_id if visit is not None else session.get_one(Holder, holder_id).public_id
    said = {item: word.confirmed for item, word in words.items()}
    record(session, actor, now, "declaration.take", subject, after=said)


def last_words(session: Session, visits: Sequence[Visit]) -> dict[int | None, dict[str, Declaration]]:
    """Visit → item → the word that counts."""
    ids = [visit.id for visit in visits]
    query = select(Declaration).where(col(Declaration.visit_id).in_(ids)).order_by(col(Declaration.id))
    found: dict[int | None, dict[str, Declaration]] = {}
    for row in session.exec(query).all() if ids else ():
        found.setdefault(row.visit_id, {})[row.item] = row
    return found


def declared_holders(session: Session, holder_ids: Sequence[int]) -> dict[int, datetime]:
    """Of these badge holders those who signed every item once, and when the last of them."""
    query = select(Declaration).where(
        col(Declaration.holder_id).in_(holder_ids), col(Declaration.visit_id).is_(None), col(Declaration.confirmed)
    )
    items: dict[int, set[str]] = {}
    at: dict[int, datetime] = {}
    for row in session.exec(query.order_by(col(Declaration.id))).all() if holder_ids else ():
        said = items.setdefault(row.holder_id, set())
        if row.item not in said:
            said.add(row.item)
            at[row.holder_id] = row.at
    return {holder: at[holder] for holder, said in items.items() if said >= ITEMS.keys()}


def refuse_undeclared(session: Session, visit: Visit) -> None:
    """Raise :class:`Problem` 409 while an item is not confirmed: admission waits (R8)."""
    words = last_words(session, [visit]).get(visit.id, {})
    missing = [item for item in ITEMS if item not in words]
    refused = [item for item, word in words.items() if not word.confirmed]
    if missing or refused:
        raise Problem(
            409,
            "DECLARATION_INCOMPLETE",
            f"The declaration lacks {', '.join(missing) or 'nothing'}; refused: {', '.join(refused) or 'nothing'}. Admission waits.",
            f"声明未完成：未确认 {len(missing)} 项，拒绝 {len(refused)} 项，暂不放行。",
            extra={"missing": missing, "refused": refused, "rule": "R8"},
        )
