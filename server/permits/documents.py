"""The guard compares an ID document with what stands on the permit (B7, B8, R8). A mismatch is a fact that is kept, not an error."""

import hmac
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from server.context import Context
from server.operators.actor import Actor
from server.operators.audit import record
from server.permits.models import DocumentCheck, Emergency, Visit
from server.personal.fields import read_field
from server.personal.masking import UNREADABLE
from server.personal.normal_forms import normal_id_number
from server.problems import Problem
from server.registry.models import Holder

MIN_TYPED = 4
"""So many last characters of the number are typed at least."""
MAX_MISMATCHES = 5
"""After so many mismatches in a row no more are compared: whoever guesses is sent to customer service."""


def check_document(
    session: Session,
    context: Context,
    actor: Actor,
    of: Visit | Emergency,
    holder: Holder,
    id_document: str,
    number: str,
    note: str,
) -> DocumentCheck:
    """Compare kind and number, whole (by the blind index) or its last characters, and keep what was found. The number itself is not kept. Raises
    :class:`Problem` 409 after :data:`MAX_MISMATCHES`, or where the stored number does not open."""
    now = context.clock.now()
    before = checks_of(session, [of]).get(of.public_id, [])
    tried = [one.matched for one in before[-MAX_MISMATCHES:]]
    if len(tried) == MAX_MISMATCHES and not any(tried):
        raise Problem(
            409,
            "DOCUMENT_MISMATCH",
            f"{MAX_MISMATCHES} documents did not match: nothing more is compared; customer service must look at the permit.",
            f"证件连续 {MAX_MISMATCHES} 次不符，已停止核对，请联系客服核查许可。",
            extra={"rule": "B8"},
        )
    matched = holder.id_document == id_document and _same_number(context, holder, number)
    return _keep(session, actor, now, of, id_document, matched, note)


def note_first_document(
    session: Session, actor: Actor, now: datetime, of: Emergency, id_document: str, note: str
) -> DocumentCheck:
    """Of somebody who was not known before the document was seen there is nothing to compare with: it is kept that it was seen."""
    return _keep(session, actor, now, of, id_document, True, note)


def checks_of(session: Session, of: Sequence[Visit | Emergency]) -> dict[str, list[DocumentCheck]]:
    """The checks of these, by public id, oldest first."""
    found: dict[str, list[DocumentCheck]] = {}
    for model, column in ((Visit, DocumentCheck.visit_id), (Emergency, DocumentCheck.emergency_id)):
        by_id = {one.id: one.public_id for one in of if isinstance(one, model)}
        query = select(DocumentCheck).where(col(column).in_(list(by_id))).order_by(col(DocumentCheck.id))
        for row in session.exec(query).all() if by_id else ():
            found.setdefault(by_id[row.visit_id if model is Visit else row.emergency_id], []).append(row)
    return found


def refuse_unchecked(session: Session, of: Visit | Emergency) -> None:
    """Raise :class:`Problem` 409 unless the newest check matched: nobody is admitted on another's document."""
    checks = checks_of(session, [of]).get(of.public_id, [])
    if not checks:
        raise Problem(
            409,
            "DOCUMENT_UNCHECKED",
            "The ID document was not checked yet.",
            "尚未核对身份证件。",
            extra={"rule": "B8"},
        )
    if not checks[-1].matched:
        raise Problem(
            409,
            "DOCUMENT_MISMATCH",
            "The ID document is not that of the person on the permit: nobody is admitted on it.",
            "身份证件与许可人员不符，不予放行。",
            extra={"rule": "B8"},
        )


def _keep(
    session: Session, actor: Actor, now: datetime, of: Visit | Emergency, id_document: str, matched: bool, note: str
) -> DocumentCheck:
    made = DocumentCheck(
        visit_id=of.id if isinstance(of, Visit) else None,
        emergency_id=of.id if isinstance(of, Emergency) else None,
        id_document=id_document,
        matched=matched,
        note=note,
        by=actor.public_id,
        by_name=actor.name,
        at=now,
    )
    session.add(made)
    session.flush()
    record(session, actor, now, "document.check", of.public_id, after={"id_document": id_document, "matched": matched})
    return made


def _same_number(context: Context, holder: Holder, typed: str) -> bool:
    normal = normal_id_number(typed)
    if holder.id_number_index is not None and hmac.compare_digest(
        holder.id_number_index, context.personal.index("id_number", typed)
    ):
        return True
    stored = read_field(context.personal, holder, "id_number")
    if stored is UNREADABLE:
        raise Problem(
            409,
            "unreadable",
            "The number on the permit does not open: its key is missing, or it is damaged. Type the whole number.",
            "许可中的证件号码无法读取，请输入完整号码。",
        )
    if stored is None or len(normal) < MIN_TYPED:
        return False
    whole = normal_id_number(stored)
    return len(whole) > len(normal) and hmac.compare_digest(whole[-len(normal) :].encode(), normal.encode())
