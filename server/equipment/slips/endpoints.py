"""``/api/v1/exit-slips`` (docs/interfaces.md, Exit slips)."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel
from sqlmodel import Session, col, select
from starlette.concurrency import run_in_threadpool

from server.context import Context
from server.equipment.slip_models import ExitSlip, ExitSlipLine
from server.equipment.slips import binding, deciding, drafting, inspecting, reconciling, returning
from server.equipment.slips.inputs import (
    InspectionGiven,
    NewSlip,
    Note,
    Place,
    Reason,
    Replacement,
    SlipChange,
    changed_content,
    content_of,
)
from server.equipment.slips.lookup import carriers_of, find_slip, id_of, lines_of, refuse_status
from server.equipment.slips.printing import print_slip
from server.equipment.slips.showing import SlipShown, show_slips
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.pages import Cursor, IfMatch, Limit, Page, etag, refuse_stale, rows_after
from server.personal.attachments import Owner, store_attachment
from server.personal.uploads import CleanUpload, clean_upload
from server.problems import not_found
from server.registry.lookup import find_customer, find_holder, seen_rows
from server.routes import AppContext, DbSession, api_router

router = api_router("/exit-slips", "exit slips")

Reads = Annotated[Actor, requires(Permission.SLIP_READ)]
Writes = Annotated[Actor, requires(Permission.SLIP_WRITE)]
Inspects = Annotated[Actor, requires(Permission.SLIP_INSPECT)]
Prints = Annotated[Actor, requires(Permission.SLIP_PRINT)]
Named = Annotated[str, Path(max_length=64)]
Standing = Literal["draft", "submitted", "reconciled", "inspected", "approved", "issued", "cancelled", "refused"]
CODE_HEADERS = {"Cache-Control": "no-store"}


class CodeShown(BaseModel):
    """The code that the slip's QR holds."""

    number: str
    code: str


class LineFound(BaseModel):
    """What the inventory says of a line. ``agrees``: it may go; ``devices``: ``{serial, reason, found, rack}`` of each, ``reason`` null where the list is right."""

    line: int
    position: int
    agrees: bool
    devices: list[dict[str, Any]]


class Found(BaseModel):
    """What the inventory says of every line, now."""

    agrees: bool
    lines: list[LineFound]


async def _letter(request: Request) -> CleanUpload:
    declared = request.headers.get("content-type", "")
    return await run_in_threadpool(clean_upload, "letter", await request.body(), declared)


async def _id_copy(request: Request) -> CleanUpload:
    declared = request.headers.get("content-type", "")
    return await run_in_threadpool(clean_upload, "id_copy", await request.body(), declared)


@router.post("", status_code=201)
def create_slip(
    session: DbSession, context: AppContext, actor: Writes, given: NewSlip, response: Response
) -> SlipShown:
    """Apply for a slip: a draft."""
    content = content_of(session, context, actor, given)
    slip = drafting.create_slip(session, actor, context.clock.now(), content, given.external_id)
    return _answer(session, context, slip, response)


@router.get("")
def list_slips(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    status: Standing | None = None,
    kind: Literal["withdrawal", "repair", "site"] | None = None,
    customer: Annotated[str | None, Query(max_length=64)] = None,
    open_: Annotated[bool, Query(alias="open")] = False,
    overdue: bool = False,
    after: Cursor = 0,
    limit: Limit = 100,
    newest_first: bool = False,
) -> Page[SlipShown]:
    """Slips in the order of their making; ``newest_first``: those before ``after``, the latest first. ``open``: their window is not over and nobody has ended them; ``overdue``: something should have come back by now."""
    now = context.clock.now()
    query: Any = seen_rows(actor, select(ExitSlip), ExitSlip)
    if status is not None:
        query = query.where(ExitSlip.status == status)
    if kind is not None:
        query = query.where(ExitSlip.kind == kind)
    if customer is not None:
        query = query.where(ExitSlip.customer_id == find_customer(session, customer, actor=actor).id)
    if open_:
        query = query.where(col(ExitSlip.status).not_in(("cancelled", "refused")), ExitSlip.until_at > now)
    if overdue:
        out = select(ExitSlipLine.id).where(
            ExitSlipLine.slip_id == ExitSlip.id, ExitSlipLine.gone > ExitSlipLine.returned
        )
        query = query.where(col(ExitSlip.return_until_at) <= now, out.exists())
    rows, following = rows_after(session, query, col(ExitSlip.id), after, limit, newest_first=newest_first)
    shown = show_slips(session, context, rows)
    return Page(items=[slip for slip in shown if slip.return_overdue] if overdue else shown, next=following)


@router.get("/{name}")
def get_slip(session: DbSession, context: AppContext, actor: Reads, name: Named, response: Response) -> SlipShown:
    """One slip, by id, number or external id."""
    return _answer(session, context, find_slip(session, name, actor), response)


@router.patch("/{name}")
def change_slip(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: Named,
    given: SlipChange,
    response: Response,
    if_match: IfMatch = None,
) -> SlipShown:
    """Change what is not approved yet: it is a draft again, and what was found and seen no longer counts."""
    slip = _to_change(session, actor, name, if_match)
    content = changed_content(session, context, actor, slip, given)
    drafting.change_slip(session, actor, context.clock.now(), slip, content)
    return _answer(session, context, slip, response)


@router.put("/{name}/letter")
def put_letter(
    actor: Writes,
    upload: Annotated[CleanUpload, Depends(_letter)],  # before the session: it may take a second
    session: DbSession,
    context: AppContext,
    name: Named,
    response: Response,
    if_match: IfMatch = None,
) -> SlipShown:
    """Hand in the sealed application: the file itself as body. It takes the place of the one before."""
    slip = _to_change(session, actor, name, if_match)
    refuse_status(slip, *drafting.EDITABLE)
    store_attachment(session, context, actor, Owner(slip.public_id, None, slip.customer_id), "letter", upload)
    drafting.touch(session, actor, context.clock.now(), slip)
    return _answer(session, context, slip, response)


@router.put("/{name}/carriers/{holder}/id-copy")
def put_id_copy(
    actor: Writes,
    upload: Annotated[CleanUpload, Depends(_id_copy)],
    session: DbSession,
    context: AppContext,
    name: Named,
    holder: Named,
    response: Response,
    if_match: IfMatch = None,
) -> SlipShown:
    """Hand in the copy of a carrier's ID document."""
    slip = _to_change(session, actor, name, if_match)
    refuse_status(slip, *drafting.EDITABLE)
    person = find_holder(session, holder, actor=actor)
    carriers = carriers_of(session, [id_of(slip)])[id_of(slip)]
    carrier = next((one for one in carriers if one.holder_id == person.id), None)
    if carrier is None:
        raise not_found("carrier on this slip", "携带人", holder)
    owner = Owner(carrier.public_id, carrier.holder_id, slip.customer_id)
    store_attachment(session, context, actor, owner, "id_copy", upload)
    drafting.touch(session, actor, context.clock.now(), slip)
    return _answer(session, context, slip, response)


@router.post("/{name}/submit")
def submit_slip(
    session: DbSession, context: AppContext, actor: Writes, name: Named, response: Response, if_match: IfMatch = None
) -> SlipShown:
    """It is complete. 409 SLIP_INCOMPLETE names what is missing."""
    slip = _to_change(session, actor, name, if_match)
    drafting.submit(session, actor, context.clock.now(), slip)
    return _answer(session, context, slip, response)


@router.get("/{name}/reconciliation")
def look_up(session: DbSession, context: AppContext, actor: Reads, name: Named) -> Found:
    """What the inventory says of every line, now; nothing changes."""
    slip = find_slip(session, name, actor)
    found = reconciling.look(session, [slip], lines_of(session, [id_of(slip)]), context.clock.now())[id_of(slip)]
    lines = [LineFound(**line.shown()) for line in found]
    return Found(agrees=all(line.agrees for line in lines), lines=lines)


@router.post("/{name}/reconcile")
def reconcile_slip(
    session: DbSession, context: AppContext, actor: Writes, name: Named, response: Response, if_match: IfMatch = None
) -> SlipShown:
    """Check it against the inventory, and reserve its devices. 409 with the first reason, and all lines in ``lines``, where something does not agree."""
    slip = _to_change(session, actor, name, if_match)
    reconciling.reconcile(session, actor, context.clock.now(), slip)
    return _answer(session, context, slip, response)


@router.post("/{name}/inspections", status_code=201)
def inspect_slip(
    session: DbSession,
    context: AppContext,
    actor: Inspects,
    name: Named,
    given: InspectionGiven,
    response: Response,
    if_match: IfMatch = None,
) -> SlipShown:
    """Attest by name what was looked at, erased, come back, accepted, checked; signed, for good."""
    slip = _to_change(session, actor, name, if_match)
    attested = given.model_dump() | {"serials": tuple(given.serials)}
    inspecting.inspect(session, context, actor, slip, inspecting.Given(**attested))
    return _answer(session, context, slip, response)


@router.post("/{name}/approve")
def approve_slip(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    name: Named,
    response: Response,
    given: Note | None = None,
    if_match: IfMatch = None,
) -> SlipShown:
    """Approve: takes ``slip.approve``, for the site's own equipment ``slip.approve_site``; never who wrote it."""
    slip = _to_change(session, actor, name, if_match)
    deciding.refuse_not_approver(actor, slip)
    deciding.approve(session, actor, context.clock.now(), slip, given.note if given is not None else "")
    return _answer(session, context, slip, response)


@router.post("/{name}/refuse")
def refuse_slip(
    session: DbSession,
    context: AppContext,
    actor: Reads,
    name: Named,
    given: Reason,
    response: Response,
    if_match: IfMatch = None,
) -> SlipShown:
    """Refuse, with the reason; takes what approving takes."""
    slip = _to_change(session, actor, name, if_match)
    deciding.refuse_not_approver(actor, slip)
    deciding.refuse(session, context, actor, slip, given.reason)
    return _answer(session, context, slip, response)


@router.post("/{name}/issue")
def issue_slip(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: Named,
    response: Response,
    given: Place | None = None,
    if_match: IfMatch = None,
) -> SlipShown:
    """Give it number and code and bind it to an edge: from the next policy on its devices may leave."""
    slip = _to_change(session, actor, name, if_match)
    refuse_status(slip, "approved")
    edge, door = _place(session, context, given)
    deciding.issue(session, context, actor, slip, edge, door)
    return _answer(session, context, slip, response)


@router.post("/{name}/cancel")
def cancel_slip(
    session: DbSession,
    context: AppContext,
    actor: Annotated[Actor, requires(Permission.SLIP_CANCEL)],
    name: Named,
    given: Reason,
    response: Response,
    if_match: IfMatch = None,
) -> SlipShown:
    """Cancel: at once in the policies; ``standing`` is ``cancelling`` until its edge has confirmed."""
    slip = _to_change(session, actor, name, if_match)
    deciding.cancel(session, context, actor, slip, given.reason)
    return _answer(session, context, slip, response)


@router.post("/{name}/bind")
def bind_slip(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: Named,
    given: Place,
    response: Response,
    if_match: IfMatch = None,
) -> SlipShown:
    """Have it leave elsewhere: bound there as soon as the edge that has it confirms (``binding.awaits``)."""
    slip = _to_change(session, actor, name, if_match)
    refuse_status(slip, "issued")
    edge, door = _place(session, context, given)
    binding.rebind(session, actor, context.clock.now(), slip, edge, door)
    return _answer(session, context, slip, response)


@router.post("/{name}/replacements", status_code=201)
def expect_replacement(
    session: DbSession,
    context: AppContext,
    actor: Writes,
    name: Named,
    given: Replacement,
    response: Response,
    if_match: IfMatch = None,
) -> SlipShown:
    """Another device will come back in the place of one that is out: a line of its own; the slip is bound anew with it."""
    slip = _to_change(session, actor, name, if_match)
    returning.expect_replacement(
        session,
        actor,
        context.clock.now(),
        slip,
        given.line,
        given.serial,
        given.replacement,
        given.model or "",
    )
    return _answer(session, context, slip, response)


@router.get("/{name}/sheet.pdf", response_class=Response)
def slip_sheet(context: AppContext, actor: Prints, name: Named) -> Response:
    """The sheet to print; recorded. From the second time on it is marked as a copy."""
    headers = CODE_HEADERS | {"Content-Disposition": 'inline; filename="exit-slip.pdf"'}
    return Response(print_slip(context, actor, name), media_type="application/pdf", headers=headers)


@router.get("/{name}/code")
def slip_code(context: AppContext, actor: Prints, name: Named, response: Response) -> CodeShown:
    """The code in clear; recorded."""
    with context.database.write() as session:
        slip = find_slip(session, name, actor)
        refuse_status(slip, "issued")
        shown = CodeShown(number=slip.number or "", code=deciding.code_of(context, slip))
        record(session, actor, context.clock.now(), "slip.code", slip.public_id)
    response.headers.update(CODE_HEADERS)
    return shown


def _place(session: Session, context: Context, given: Place | None) -> Any:
    place = given if given is not None else Place()
    return binding.goods_edge(session, context.site, place.edge, place.door)


def _to_change(session: Session, actor: Actor, name: str, if_match: str | None) -> ExitSlip:
    slip = find_slip(session, name, actor, to_change=True)
    refuse_stale(if_match, slip.version)
    return slip


def _answer(session: Session, context: Context, slip: ExitSlip, response: Response) -> SlipShown:
    session.flush()
    response.headers["ETag"] = etag(slip.version)
    return show_slips(session, context, [slip])[0]
