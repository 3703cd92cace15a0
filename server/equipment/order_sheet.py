"""``/api/v1/work-orders/{order}/sheet.pdf``: a work order's sheet with its code, to print (E1, E2)."""

from typing import Annotated

from fastapi import Path, Response
from sqlmodel import Session

from server.context import Context
from server.equipment import orders
from server.equipment.order_showing import show_orders
from server.equipment.sheet import Sheet, print_sheet, printed_line, site_words
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.registry.models import Customer
from server.routes import AppContext, api_router
from server.site_time import local

router = api_router("/work-orders", "equipment")

Prints = Annotated[Actor, requires(Permission.SLIP_PRINT)]
"""Whoever prints the one kind of sheet prints the other."""


@router.get("/{order}/sheet.pdf", response_class=Response)
def order_sheet(context: AppContext, actor: Prints, order: Annotated[str, Path(max_length=200)]) -> Response:
    """The sheet to print; recorded. 409 ``no_code`` before its approval."""
    with context.database.write() as session:
        sheet = sheet_of(session, context, actor, order)
    headers = {"Cache-Control": "no-store", "Content-Disposition": 'inline; filename="work-order.pdf"'}
    return Response(print_sheet(sheet), media_type="application/pdf", headers=headers)


def sheet_of(session: Session, context: Context, actor: Actor, name: str) -> Sheet:
    """What is printed of an order; that it is printed is on record. Raises :class:`server.problems.Problem`."""
    row = orders.find_order(session, actor, name)
    code = orders.clear_code(session, context, actor, row)
    shown = show_orders(session, [row])[0]
    customer = session.get_one(Customer, row.customer_id)
    zone = context.site.time_zone
    return Sheet(
        document="order",
        number=shown.number or "",
        code=code,
        site=site_words(context.site),
        facts=(
            ("客户 Customer", f"{customer.name} ({customer.code})"),
            ("计划 Planned", f"{local(zone, shown.planned_from)} – {local(zone, shown.planned_until)}"),
            ("可用 Ready", local(zone, shown.ready_at) if shown.ready_at is not None else "—"),
            ("入口 Entrance", shown.edge or "前台 desk"),
            ("备注 Remark", shown.remark or "—"),
        ),
        head=("序 No.", "型号 Model", "数量 Qty", "序列号 Serial numbers", "机柜 Rack"),
        widths=(1, 4, 1, 6, 2),
        lines=tuple(
            (
                str(line.place),
                line.model,
                str(line.quantity),
                ", ".join(line.serials) or "按数量计 counted",
                line.rack or "—",
            )
            for line in shown.lines
        ),
        below=f"共 {sum(line.quantity for line in shown.lines)} 件 devices · 以下空白 nothing below",
        signatures=("客户签字 Customer", "拆箱确认 Unpacked", "值班人员签字 Guard"),
        printed=printed_line(zone, context.clock.now(), actor.name),
    )
