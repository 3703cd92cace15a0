"""Approving, refusing, issuing, cancelling a slip: each by somebody, none by the applicant alone (E4, E5, E8; MEANINGS 24)."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from server.context import Context
from server.equipment.codes import code_hash, new_code, next_number, open_code, seal_code
from server.equipment.slip_models import ExitSlip, ExitSlipLine, Inspection
from server.equipment.slips.binding import bind
from server.equipment.slips.claims import release_all
from server.equipment.slips.drafting import refuse_past, touch
from server.equipment.slips.inspecting import inspections_of
from server.equipment.slips.lookup import carriers_of, id_of, keys_of, lines_of, refuse_status
from server.equipment.slips.reconciling import look, refuse_findings
from server.equipment.slips.release import is_released
from server.fleet.models import Edge
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.models import AuditEntry
from server.operators.permissions import Permission
from server.personal.attachments import schedule_erasure_of
from server.personal.cipher import UnreadableError
from server.problems import Problem, not_permitted

WROTE = ("slip.create", "slip.change")
BEFORE_ISSUE = ("draft", "submitted", "reconciled", "inspected", "approved")


def refuse_not_approver(actor: Actor, slip: ExitSlip) -> None:
    """Raise :class:`Problem` 403: the site's own equipment is the equipment head's to approve (E8), customers' is customer service's."""
    needed = Permission.SLIP_APPROVE_SITE if slip.kind == "site" else Permission.SLIP_APPROVE
    if not actor.may(needed):
        raise not_permitted(actor.role, needed.value)


def approve(session: Session, actor: Actor, now: datetime, slip: ExitSlip, note: str) -> None:
    """Approve what was reconciled and inspected. Raises :class:`Problem` as :func:`refuse_unapprovable` does."""
    refuse_unapprovable(session, actor, now, slip)
    slip.status = "approved"
    slip.approved_by, slip.approved_by_name, slip.approved_at = actor.public_id, actor.name, now
    slip.reason = note
    touch(session, actor, now, slip)
    record(session, actor, now, "slip.approve", slip.public_id, after={"note": note})


def refuse_unapprovable(session: Session, actor: Actor, now: datetime, slip: ExitSlip) -> None:
    """Raise :class:`Problem` for what keeps this actor from approving it now: 409 ``own_slip`` for whoever wrote the application, ``ERASURE_MISSING`` for storage
    without its record (E8), and what the inventory now says against it. Nothing changes."""
    problem = why_unapprovable(session, actor, now, [slip]).get(id_of(slip))
    if problem is not None:
        raise problem


def why_unapprovable(session: Session, actor: Actor, now: datetime, slips: Sequence[ExitSlip]) -> dict[int, Problem]:
    """What :func:`refuse_unapprovable` would raise, by slip; those that may be approved are left out. The same few queries for any number of slips."""
    ids = [id_of(slip) for slip in slips]
    wrote, lines, attested = written_by(session, actor, slips), lines_of(session, ids), inspections_of(session, ids)
    found = look(session, slips, lines, now)
    why = {}
    for slip in slips:
        try:
            refuse_status(slip, "inspected")
            refuse_past(slip, now)
            refuse_own(slip, wrote)
            _refuse_unerased(lines[id_of(slip)], attested[id_of(slip)])
            refuse_findings(found[id_of(slip)])
        except Problem as problem:
            why[id_of(slip)] = problem
    return why


def written_by(session: Session, actor: Actor, slips: Iterable[ExitSlip]) -> set[str]:
    """Which of these applications this person wrote or changed, by public id."""
    made = {slip.public_id: actor.is_who(slip.created_by) for slip in slips}
    changed = select(AuditEntry.subject).where(
        col(AuditEntry.subject).in_(made), col(AuditEntry.actor).in_(actor.identities), col(AuditEntry.act).in_(WROTE)
    )
    return {name for name, own in made.items() if own} | set(session.exec(changed).all() if made else ())


def refuse_own(slip: ExitSlip, wrote: Collection[str]) -> None:
    """Raise :class:`Problem` 409 ``own_slip`` for whoever wrote the application, or changed it; ``wrote``: as :func:`written_by` finds it."""
    if slip.public_id in wrote:
        raise Problem(
            409,
            "own_slip",
            "Somebody else must approve than who wrote the application.",
            "批准人不能是申请人本人。",
            extra={"rule": "E4"},
        )


def refuse(session: Session, context: Context, actor: Actor, slip: ExitSlip, reason: str) -> None:
    """Refuse, with the reason; its devices are free at once."""
    refuse_status(slip, *BEFORE_ISSUE[1:])
    _end(session, context, actor, slip, "refused", reason)


def issue(session: Session, context: Context, actor: Actor, slip: ExitSlip, edge: Edge, door: str) -> None:
    """Give it number and code, and bind it to its edge: from the next policy on it opens the goods door. Raises :class:`Problem` 409."""
    refuse_status(slip, "approved")
    now = context.clock.now()
    refuse_past(slip, now)
    refuse_findings(look(session, [slip], lines_of(session, [id_of(slip)]), now)[id_of(slip)])
    code = new_code("slip")
    day = now.astimezone(ZoneInfo(context.site.time_zone)).strftime("%Y%m%d")
    slip.number = next_number(session, "slip", day)
    slip.code_hash = code_hash(context.keys.hash_key, "slip", code)
    slip.code_sealed = seal_code(context.personal, "slip", slip.public_id, code)
    slip.issued_by, slip.issued_at = actor.public_id, now
    record(session, actor, now, "slip.issue", slip.public_id, after={"number": slip.number})
    bind(session, actor, now, slip, edge, door)
    slip.status = "issued"  # only now: an issued slip is a bound one, says the database
    session.flush()
    _erase_files(session, context, slip, max(slip.until_at, slip.return_until_at or slip.until_at))


def cancel(session: Session, context: Context, actor: Actor, slip: ExitSlip, reason: str) -> None:
    """Cancel: at once in the policies. Its devices are free when its edge has confirmed (:func:`server.equipment.slips.release.is_released`); before its issue, at
    once."""
    refuse_status(slip, *BEFORE_ISSUE, "issued")
    slip.next_edge_id, slip.next_door = None, ""
    _end(session, context, actor, slip, "cancelled", reason)


def code_of(context: Context, slip: ExitSlip) -> str:
    """The code to print. Raises :class:`Problem` 409."""
    if slip.code_sealed is None:
        raise Problem(409, "not_issued", "This slip has no code: it was not issued.", "该出门条尚未签发，没有编码。")
    try:
        return open_code(context.personal, "slip", slip.public_id, slip.code_sealed)
    except UnreadableError as error:
        raise Problem(
            409,
            "unreadable",
            "The code of this slip does not open: its key is missing. Cancel it and issue another.",
            "出门条编码无法解密：密钥缺失，请作废后重新签发。",
        ) from error


def _end(session: Session, context: Context, actor: Actor, slip: ExitSlip, status: str, reason: str) -> None:
    now = context.clock.now()
    before = slip.status
    slip.status, slip.reason = status, reason
    slip.cancelled_by, slip.cancelled_at = actor.public_id, now
    touch(session, actor, now, slip)
    if is_released(session, slip, now):
        release_all(session, slip, now)
    _erase_files(session, context, slip, now)
    record(
        session, actor, now, f"slip.{'refuse' if status == 'refused' else 'cancel'}", slip.public_id,
        before={"status": before}, after={"reason": reason},
    )  # fmt: skip


def _erase_files(session: Session, context: Context, slip: ExitSlip, end: datetime) -> None:
    """Application and ID copies are kept as long after the end as a badge's papers."""
    of_slip = carriers_of(session, [id_of(slip)])[id_of(slip)]
    subjects = [slip.public_id, *(carrier.public_id for carrier in of_slip)]
    schedule_erasure_of(session, subjects, end + timedelta(days=context.config.erase_after_days))


def _refuse_unerased(lines: Iterable[ExitSlipLine], attested: Iterable[Inspection]) -> None:
    """Raise :class:`Problem` 409 unless all storage on the slip has its record of erasure."""
    storage = [line for line in lines if line.storage]
    records = [row for row in attested if row.act == "erasure"]
    for line in storage:
        whole, erased = False, set[str]()
        for row in records:
            if row.line_id == line.id and row.result == "pass":
                whole = whole or not row.serials
                erased |= set(row.serials)
            elif row.line_id == line.id:
                whole, erased = False, erased - set(row.serials) if row.serials else set()
        missing = (
            []
            if whole
            else [key for key in keys_of(line) if key not in erased] or ([] if line.serials else [line.model])
        )
        if missing:
            raise Problem(
                409,
                "ERASURE_MISSING",
                f"Line {line.position}: no record that {', '.join(missing[:5])} was backed up and erased.",
                f"第 {line.position} 行：缺少 {'、'.join(missing[:5])} 的备份与清除记录。",
                extra={"rule": "E8", "line": line.id},
            )
