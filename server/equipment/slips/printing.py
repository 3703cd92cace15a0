"""Who prints which slip: what goes onto its sheet, and the audit entry of it (E4, E5)."""

from datetime import datetime

from sqlmodel import Session, col, select

from server.context import Context
from server.equipment.sheet import Sheet, print_sheet, printed_line, site_words
from server.equipment.slip_models import ExitSlip
from server.equipment.slips.deciding import code_of
from server.equipment.slips.lookup import carriers_of, find_slip, id_of, lines_of, refuse_status
from server.fleet.models import Edge
from server.operators.actor import Actor
from server.operators.audit import record
from server.operators.permissions import Permission
from server.personal.fields import masked_field, read_field
from server.registry.models import Customer, Holder
from server.site_time import local

KINDS = {
    "withdrawal": ("设备撤出", "withdrawal"),
    "repair": ("送修／更换", "repair or replacement"),
    "site": ("场地自有", "the site's own"),
}


def print_slip(context: Context, actor: Actor, name: str) -> bytes:
    """The PDF of an issued slip; recorded as ``slip.print``, and counted: from the second print on it says that it is a copy. The record precedes the answer, and no
    session stands while the page is set. Raises :class:`server.problems.Problem`."""
    while True:
        with context.database.read() as session:
            slip = find_slip(session, name, actor)
            copy = slip.prints
            sheet = sheet_of(session, context, actor, slip)
        page = print_sheet(sheet)
        with context.database.write() as session:
            slip = find_slip(session, name, actor, to_change=True)
            if slip.prints == copy:  # else somebody else has the original by now
                slip.prints += 1
                session.add(slip)
                record(session, actor, context.clock.now(), "slip.print", slip.public_id, after={"copy": copy})
                return page


def sheet_of(session: Session, context: Context, actor: Actor, slip: ExitSlip) -> Sheet:
    """What is printed of a slip. Raises :class:`server.problems.Problem` 409 for one that was not issued."""
    refuse_status(slip, "issued")
    zone = context.site.time_zone
    customer = session.get_one(Customer, slip.customer_id) if slip.customer_id is not None else None
    edge = session.get(Edge, slip.edge_id) if slip.edge_id is not None else None
    site_name = site_words(context.site)
    kind_zh, kind_en = KINDS[slip.kind]
    lines = lines_of(session, [id_of(slip)])[id_of(slip)]
    going = [line for line in lines if line.replaces_line_id is None]
    return Sheet(
        document="slip",
        number=slip.number or "",
        code=code_of(context, slip),
        site=site_name,
        facts=(
            ("客户 Customer", f"{customer.name} ({customer.code})" if customer is not None else site_name),
            ("种类 Kind", f"{kind_zh} {kind_en}"),
            ("出门 Leaves", f"{local(zone, slip.from_at)} – {local(zone, slip.until_at)}"),
            ("出口 Exit", " · ".join(part for part in (edge.name if edge is not None else "", slip.door) if part)),
            ("归还 Back by", local(zone, slip.return_until_at) if slip.return_until_at is not None else "—"),
            ("单位 Organisation", slip.organisation or "—"),
            ("事由 Purpose", slip.purpose),
        ),
        people_head=("携带人 Carrier", "证件号码 ID number"),
        people_widths=(1, 1),
        people=_carriers(session, context, actor, slip),
        head=("序 No.", "型号 Model", "数量 Qty", "序列号 Serial numbers"),
        widths=(1, 4, 1, 7),
        lines=tuple(
            (str(line.position), line.model, str(line.quantity), ", ".join(line.serials) or "按数量计 counted")
            for line in going
        ),
        below=f"共 {sum(line.quantity for line in going)} 件 devices · 以下空白 nothing below",
        marks=(
            ("查验 Inspected", f"{slip.inspected_by_name or '—'} · {_at(zone, slip.inspected_at)}"),
            ("批准 Approved", f"{slip.approved_by_name or '—'} · {_at(zone, slip.approved_at)}"),
        ),
        signatures=("携带人签字 Carrier", "值班人员签字 Guard", "签发人签字 Issued by"),
        printed=printed_line(zone, context.clock.now(), actor.name),
        copy=slip.prints,
    )


def _carriers(session: Session, context: Context, actor: Actor, slip: ExitSlip) -> tuple[tuple[str, str], ...]:
    """Names in full only for whom names are (C4): a guard compares them at the door."""
    read_name = read_field if actor.may(Permission.PERSONAL_NAMES) else masked_field
    wanted = [carrier.holder_id for carrier in carriers_of(session, [id_of(slip)])[id_of(slip)]]
    if not wanted:
        anyone = "本场员工 own staff" if slip.kind == "site" else "该客户的持证人 any badge holder of the customer"
        return ((anyone, "—"),)
    holders = {row.id: row for row in session.exec(select(Holder).where(col(Holder.id).in_(wanted))).all()}
    return tuple(
        (
            read_name(context.personal, holders[holder_id], "name") or "—",
            masked_field(context.personal, holders[holder_id], "id_number") or "—",
        )
        for holder_id in wanted
    )


def _at(zone: str, at: datetime | None) -> str:
    return local(zone, at) if at is not None else "—"
