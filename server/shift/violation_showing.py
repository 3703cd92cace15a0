"""Violations as the API shows them: the person masked (C4)."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel
from sqlmodel import Session, col, select

from server.badges.models import Badge
from server.context import Context
from server.personal.fields import masked_field
from server.registry.lookup import codes_of
from server.registry.models import Holder
from server.shift.models import Violation
from server.shift.suspending import suspensions_of
from server.shift.violation_lifecycle import KINDS
from server.shift.violations import acts_of, evidence_of, files_of


class ActShown(BaseModel):
    """What was done about it."""

    act: str
    handling: str | None
    note: str
    at: datetime
    by: str
    by_name: str


class EvidenceShown(BaseModel):
    """What shows it. ``file``: the attachment's id; null while it was not handed in, or when it was erased."""

    id: str
    kind: str
    event: int | None
    alarm: int | None
    file: str | None
    note: str
    at: datetime
    by_name: str


class SuspensionShown(BaseModel):
    """A badge that was suspended for it; ``lifted_at`` null: still."""

    badge: str
    number: str | None
    badge_status: str
    suspended_at: datetime
    suspended_by: str
    lifted_at: datetime | None
    lifted_by: str | None


class ViolationShown(BaseModel):
    """A violation. ``rule``: what was violated."""

    id: str
    status: str
    kind: str
    kind_zh: str
    kind_en: str
    rule: str
    holder: str | None
    name: str | None
    customer: str | None
    at: datetime
    area: str | None
    door: str | None
    rack: str
    description: str
    reported_by: str
    reported_name: str
    reported_at: datetime
    handling: str | None
    acts: list[ActShown]
    evidence: list[EvidenceShown]
    suspensions: list[SuspensionShown]
    version: int


def show_violations(session: Session, context: Context, rows: Sequence[Violation]) -> list[ViolationShown]:
    """Violations with all that was done about them."""
    codes = codes_of(session, {row.customer_id for row in rows})
    wanted = {row.holder_id for row in rows}
    holders = {one.id: one for one in session.exec(select(Holder).where(col(Holder.id).in_(wanted))).all()}
    acts, evidence, suspensions = acts_of(session, rows), evidence_of(session, rows), suspensions_of(session, rows)
    files = files_of(session, [one for some in evidence.values() for one in some])
    badge_ids = {one.badge_id for some in suspensions.values() for one in some}
    badges = {one.id: one for one in session.exec(select(Badge).where(col(Badge.id).in_(badge_ids))).all()}
    shown = []
    for row in rows:
        holder = holders.get(row.holder_id)
        kind_zh, kind_en, rule = KINDS[row.kind]
        shown.append(
            ViolationShown(
                id=row.public_id,
                status=row.status,
                kind=row.kind,
                kind_zh=kind_zh,
                kind_en=kind_en,
                rule=rule,
                holder=holder.public_id if holder is not None else None,
                name=masked_field(context.personal, holder, "name") if holder is not None else None,
                customer=codes.get(row.customer_id),
                at=row.at,
                area=row.area,
                door=row.door,
                rack=row.rack,
                description=row.description,
                reported_by=row.reported_by,
                reported_name=row.reported_name,
                reported_at=row.reported_at,
                handling=row.handling,
                acts=[ActShown(**one.model_dump(include=set(ActShown.model_fields))) for one in acts.get(row.id, [])],
                evidence=[
                    EvidenceShown(
                        id=one.public_id,
                        kind=one.kind,
                        event=one.event_seq,
                        alarm=one.alarm_id,
                        file=files.get(one.public_id),
                        note=one.note,
                        at=one.at,
                        by_name=one.by_name,
                    )
                    for one in evidence.get(row.id, [])
                ],
                suspensions=[
                    SuspensionShown(
                        badge=badges[one.badge_id].public_id,
                        number=badges[one.badge_id].number,
                        badge_status=badges[one.badge_id].status,
                        suspended_at=one.suspended_at,
                        suspended_by=one.suspended_by,
                        lifted_at=one.lifted_at,
                        lifted_by=one.lifted_by,
                    )
                    for one in suspensions.get(row.id, [])
                ],
                version=row.version,
            )
        )
    return shown
