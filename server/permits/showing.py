"""Permits, visits, emergencies and temporary badges as the API shows them: persons masked (C4)."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlmodel import Session, SQLModel, col, select

from server.context import Context
from server.db.clock import to_us
from server.permits import lending
from server.permits.approval import approvals_needed, approvals_of
from server.permits.declaration import ITEMS, last_words
from server.permits.documents import checks_of
from server.permits.drafting import missing_of, persons_of
from server.permits.emergencies import owes
from server.permits.emergencies import said_of as said_of_emergency
from server.permits.models import Emergency, Permit, PermitSignature, TemporaryCard, Visit
from server.permits.overdue import overdue_of
from server.permits.presence import NOWHERE, passages_of, passages_of_emergencies
from server.permits.shapes import (
    ApprovalShown,
    CardShown,
    DocumentShown,
    EmergencyShown,
    ItemShown,
    LentShown,
    PermitShown,
    PersonShown,
    SignatureShown,
    VisitShown,
)
from server.permits.signing import signature_holds, signatures_of
from server.permits.visits import awaited, said_of
from server.personal.attachments import attached_to
from server.personal.fields import masked_field
from server.registry.lookup import codes_of
from server.registry.models import Holder

_Row = TypeVar("_Row", bound=SQLModel)


def show_permits(session: Session, context: Context, rows: Sequence[Permit]) -> list[PermitShown]:
    """Permits with their persons, papers and approvals."""
    codes = codes_of(session, {row.customer_id for row in rows})
    persons = persons_of(session, rows)
    approvals = approvals_of(session, rows)
    of_persons = [one for some in persons.values() for one in some]
    holders = _by_id(session, Holder, {one.holder_id for one in of_persons} | {row.escort_id for row in rows})
    files = attached_to(session, [row.public_id for row in rows] + [one.public_id for one in of_persons])
    visits = _visits_of(session, rows)
    shown = []
    for row in rows:
        needed = approvals_needed(context.site, row)
        given = approvals.get(row.id, [])
        shown.append(
            PermitShown(
                id=row.public_id,
                external_id=row.external_id,
                kind=row.kind,
                status=row.status,
                customer=codes.get(row.customer_id),
                from_=row.from_at,
                until=row.until_at,
                areas=row.areas,
                schedule=row.schedule,
                reason=row.reason,
                level=row.level,
                escort=holders[row.escort_id].public_id if row.escort_id is not None else None,
                operates=row.operates,
                persons=[
                    _person(context, one.public_id, holders[one.holder_id], files) for one in persons.get(row.id, [])
                ],
                letter=files.get(row.public_id, {}).get("letter"),
                missing=missing_of(session, row) if row.status == "draft" else [],
                needed=list(needed),
                awaiting=[one for one in needed if one not in {done.role for done in given}]
                if row.status == "submitted"
                else [],
                approvals=[
                    ApprovalShown(as_=one.role, by=one.by, by_name=one.by_name, at=one.at, note=one.note)
                    for one in given
                ],
                decision_note=row.decision_note,
                decided_at=row.decided_at,
                ended_at=row.ended_at,
                end_reason=row.end_reason,
                visits=visits.get(row.id or 0, []),
                created_by=row.created_by,
                created_at=row.created_at,
                submitted_at=row.submitted_at,
                version=row.version,
            )
        )
    return shown


def show_visits(session: Session, context: Context, rows: Sequence[Visit]) -> list[VisitShown]:
    """Visits with all that belongs to them."""
    permits = _by_id(session, Permit, {row.permit_id for row in rows})
    codes = codes_of(session, {permit.customer_id for permit in permits.values()})
    holders = _by_id(
        session, Holder, {row.holder_id for row in rows} | {permit.escort_id for permit in permits.values()}
    )
    persons = {one.id: one.public_id for some in persons_of(session, list(permits.values())).values() for one in some}
    names = [row.public_id for row in rows]
    files, signed = attached_to(session, names), signatures_of(session, names)
    words, checks = last_words(session, rows), checks_of(session, rows)
    badges, passages = lending.badges_of_visits(session, rows), passages_of(session, rows)
    waits, now = awaited(session, rows), context.clock.now()
    shown = []
    for row in rows:
        permit, holder = permits[row.permit_id], holders[row.holder_id]
        passage, lent = passages.get(row.id, NOWHERE), badges.get(row.id, [])
        said = words.get(row.id, {})
        inside = row.status == "checked_in" and bool(passage.inside)
        shown.append(
            VisitShown(
                id=row.public_id,
                permit=permit.public_id,
                customer=codes.get(permit.customer_id),
                person=persons[row.person_id],
                holder=holder.public_id,
                name=masked_field(context.personal, holder, "name"),
                status="inside" if inside else row.status,
                level=permit.level,
                escort=holders[permit.escort_id].public_id if permit.escort_id is not None else None,
                from_=permit.from_at,
                until=permit.until_at,
                document=_document(checks.get(row.public_id, [])),
                declaration=[
                    ItemShown(
                        item=item,
                        confirmed=said[item].confirmed if item in said else None,
                        note=said[item].note if item in said else "",
                    )
                    for item in ITEMS
                ],
                photo=files.get(row.public_id, {}).get("photo"),
                visitor_badge=row.visitor_badge,
                without_card=row.without_card,
                badges=[LentShown(badge=one.public_id, number=one.number, status=one.status) for one in lent],
                arrived_at=row.arrived_at,
                checked_in_at=row.checked_in_at,
                checked_in_by=row.checked_in_by,
                checked_in_name=row.checked_in_name,
                entered_at=passage.entered_at,
                left_at=passage.left_at,
                inside=list(passage.inside),
                entries=list(passage.entries),
                checked_out_at=row.checked_out_at,
                checked_out_by=row.checked_out_by,
                checked_out_name=row.checked_out_name,
                content=row.content,
                operations=row.operations,
                operated=row.operated,
                unapproved=row.operated and not permit.operates,
                signatures=_signatures(context, signed.get(row.public_id, []), said_of(row)),
                awaiting=waits.get(row.id) or [],
                overdue=overdue_of(row, permit, waits.get(row.id) or [], to_us(now)),
                note=row.note,
                closed_at=row.closed_at,
                version=row.version,
            )
        )
    return shown


def show_emergencies(session: Session, context: Context, rows: Sequence[Emergency]) -> list[EmergencyShown]:
    """Emergencies with what they owe."""
    holders = _by_id(session, Holder, {row.holder_id for row in rows} | {row.guard_holder for row in rows})
    passages, checks = passages_of_emergencies(session, rows), checks_of(session, rows)
    signed = signatures_of(session, [row.public_id for row in rows])
    shown = []
    for row in rows:
        holder = holders.get(row.holder_id)
        guard = holders.get(row.guard_holder)
        passage = passages.get(row.id, NOWHERE)
        shown.append(
            EmergencyShown(
                id=row.public_id,
                from_=row.from_at,
                until=row.until_at,
                holder=holder.public_id if holder is not None else None,
                name=masked_field(context.personal, holder, "name") if holder is not None else None,
                document=_document(checks.get(row.public_id, [])),
                guard_holder=guard.public_id if guard is not None else None,
                entered_at=passage.entered_at,
                left_at=passage.left_at,
                inside=list(passage.inside),
                owes=owes(session, context, row),
                reconciled=row.reconciled.split(),
                signatures=_signatures(context, signed.get(row.public_id, []), said_of_emergency(row)),
                **{name: getattr(row, name) for name in _PLAIN},
            )
        )
    return shown


_PLAIN = (
    "external_id", "status", "reason", "areas", "person", "approved_by", "approved_name", "approved_at", "admitted_by", "admitted_name",
    "admitted_at", "access_point", "command_id", "source_seq", "reported_by", "reported_name", "reported_at", "closing_note", "closed_by",
    "closed_at", "version",
)  # fmt: skip


def show_cards(session: Session, rows: Sequence[TemporaryCard]) -> list[CardShown]:
    """Cards of the pool, with whom they are."""
    newest = lending.newest_badges(session, rows)
    lent_for = lending.visits_of_badges(session, [badge for badge in newest.values() if badge.status != "returned"])
    holders = _by_id(session, Holder, {visit.holder_id for visit in lent_for.values()})
    shown = []
    for row in rows:
        badge = newest.get(row.id)
        visit = lent_for.get(badge.id) if badge is not None else None
        shown.append(
            CardShown(
                id=row.public_id,
                number=row.number,
                technology=row.technology,
                state=lending.state_of(row, badge),
                badge=badge.public_id if badge is not None and visit is not None else None,
                visit=visit.public_id if visit is not None else None,
                holder=holders[visit.holder_id].public_id if visit is not None else None,
                made_at=row.made_at,
                version=row.version,
            )
        )
    return shown


def _person(context: Context, name: str, holder: Holder, files: dict[str, dict[str, str]]) -> PersonShown:
    return PersonShown(
        id=name,
        holder=holder.public_id,
        name=masked_field(context.personal, holder, "name"),
        id_document=holder.id_document,
        id_number=masked_field(context.personal, holder, "id_number"),
        id_copy=files.get(name, {}).get("id_copy"),
    )


def _document(checks: Sequence[Any]) -> DocumentShown | None:
    if not checks:
        return None
    last = checks[-1]
    return DocumentShown(
        id_document=last.id_document, matched=last.matched, note=last.note, by_name=last.by_name, at=last.at
    )


def _signatures(context: Context, rows: Sequence[PermitSignature], said: str) -> list[SignatureShown]:
    return [
        SignatureShown(
            role=row.role,
            by=row.by,
            by_name=row.by_name,
            at=row.at,
            kid=row.kid,
            content=row.content,
            signature=row.signature.hex(),
            holds=signature_holds(context.keys, row, said),
        )
        for row in rows
    ]


def _visits_of(session: Session, rows: Sequence[Permit]) -> dict[int, list[str]]:
    query = select(Visit.permit_id, Visit.public_id).where(col(Visit.permit_id).in_([row.id for row in rows]))
    found: dict[int, list[str]] = {}
    for permit_id, name in session.exec(query.order_by(col(Visit.id))).all() if rows else ():
        found.setdefault(permit_id, []).append(name)
    return found


def _by_id(session: Session, model: type[_Row], ids: set[Any]) -> dict[Any, _Row]:
    wanted = {one for one in ids if one is not None}
    key = model.id  # type: ignore[attr-defined] # every table here has one
    return {row.id: row for row in session.exec(select(model).where(key.in_(wanted))).all()} if wanted else {}  # type: ignore[attr-defined]
