"""What people attest about a slip's devices, by name and signed: looked at, erased, come back, accepted, checked (E8, MEANINGS 24)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmodel import Session, col, select

from controller.codes import serial_key
from server.context import Context
from server.db.clock import to_us
from server.equipment.models import Item, ItemStay
from server.equipment.signing import InspectionContent, holds, sign_content
from server.equipment.slip_models import ExitSlip, ExitSlipLine, Inspection
from server.equipment.slips.claims import release_all
from server.equipment.slips.drafting import refuse_past, touch
from server.equipment.slips.lookup import find_line, id_of, keys_of, lines_of, passed_of, refuse_status
from server.ids import new_id
from server.keys import ServerKeys
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem
from server.registry.validation import refused
from server.signatures import Signed

Act = Literal["inspection", "erasure", "return", "acceptance", "malware_check"]
BACK = ("return", "acceptance", "malware_check")
BEFORE_ISSUE = ("submitted", "reconciled", "inspected", "approved")


@dataclass(frozen=True)
class Given:
    """What is attested. ``line`` None: the whole slip. ``method``, ``done_by``: how, and by whom, where that is not who attests."""

    act: Act
    result: Literal["pass", "fail"]
    line: int | None = None
    serials: tuple[str, ...] = ()
    method: str = ""
    done_by: str = ""
    note: str = ""


def inspect(session: Session, context: Context, actor: Actor, slip: ExitSlip, given: Given) -> Inspection:
    """Note it for good, signed for who is signed in. An ``inspection`` that passes lets the slip be approved; one that fails sends it back to be reconciled.
    Raises :class:`Problem`."""
    now = context.clock.now()
    lines = lines_of(session, [id_of(slip)])[id_of(slip)]
    line = find_line(lines, given.line) if given.line is not None else None
    keys = tuple(serial_key(serial) for serial in given.serials)
    _check(session, slip, lines, line, given, keys, now)
    row = _store(session, context, actor, slip, given, keys, now)
    if given.act == "inspection":
        if given.result == "pass":
            slip.status = "inspected"
            slip.inspected_by, slip.inspected_by_name, slip.inspected_at = actor.public_id, actor.name, now
        else:
            slip.status = "submitted"
            release_all(session, slip, now)
    touch(session, actor, now, slip)
    after = {"act": given.act, "result": given.result, "line": given.line, "inspection": row.public_id}
    record(session, actor, now, "slip.inspect", slip.public_id, after=after)
    return row


def inspections_of(session: Session, slip_ids: Iterable[int]) -> dict[int, list[Inspection]]:
    """What was attested, by slip, in its order; every slip has an entry."""
    wanted = list(slip_ids)
    found: dict[int, list[Inspection]] = {slip_id: [] for slip_id in wanted}
    query = select(Inspection).where(col(Inspection.slip_id).in_(wanted)).order_by(col(Inspection.id))
    for row in session.exec(query).all() if wanted else ():
        found[row.slip_id].append(row)
    return found


def inspection_holds(keys: ServerKeys, row: Inspection, slip: ExitSlip) -> bool:
    """Whether the row says what was signed, and the signature holds."""
    return holds(keys, Signed(row.content, row.kid, row.certificate, row.signature), _content(keys.site, row, slip))


def uninspected(session: Session, lines: Iterable[ExitSlipLine], attested: Iterable[Inspection]) -> int:
    """How many devices came back and nobody has looked at since: a look covers what it names, or (naming none) what was back by then."""
    of = [id_of(line) for line in lines if line.returned]
    if not of:
        return 0
    looks = [row for row in attested if row.act == "return" and row.result == "pass"]
    back = (
        select(ItemStay.return_line_id, Item.serial_key, ItemStay.in_at_us)
        .join(Item, col(Item.id) == ItemStay.item_id)
        .where(col(ItemStay.return_line_id).in_(of))
    )
    return sum(
        not any(_covers(row, line_id, key, in_at_us) for row in looks)
        for line_id, key, in_at_us in session.exec(back).all()
    )


def _covers(row: Inspection, line_id: int | None, key: str | None, in_at_us: int) -> bool:
    if row.line_id not in (None, line_id):
        return False
    return key in row.serials if row.serials else in_at_us <= to_us(row.at)


def _check(
    session: Session,
    slip: ExitSlip,
    lines: list[ExitSlipLine],
    line: ExitSlipLine | None,
    given: Given,
    keys: tuple[str, ...],
    now: datetime,
) -> None:
    if given.result == "fail" and not given.note:
        raise refused("note", "note: say what is wrong.", "note：请说明不合格之处。")
    if keys and line is None:
        raise refused("line", "line: say on which line these serial numbers stand.", "line：请指明序列号所在的行。")
    unknown = [key for key in keys if line is not None and key not in keys_of(line)]
    if unknown:
        raise refused("serials", f"serials: {unknown[0]} is not on this line.", f"serials：{unknown[0]} 不在该行。")
    if given.act == "inspection":
        if line is not None:
            raise refused("line", "line: the inspection is of the whole slip.", "line：查验针对整张出门条。")
        refuse_status(slip, "reconciled")
        refuse_past(slip, now)
    elif given.act == "erasure":
        refuse_status(slip, *BEFORE_ISSUE)
        if line is None or not line.storage:
            raise refused("line", "line: name a line that holds storage.", "line：请指明含存储介质的行。")
        if not given.method or not given.done_by:
            raise refused(
                "method",
                "method, done_by: say how it was backed up and erased, and by whom.",
                "method、done_by：请填写备份与清除的方法和执行人。",
            )
    else:
        _check_back(session, slip, lines, line, given, keys)


def _check_back(
    session: Session,
    slip: ExitSlip,
    lines: list[ExitSlipLine],
    line: ExitSlipLine | None,
    given: Given,
    keys: tuple[str, ...],
) -> None:
    if given.act != "return" and slip.kind != "site":
        raise refused(
            "act", f"act: {given.act} is for the site's own equipment (E8).", "act：仅适用于场地自有设备（E8）。"
        )
    of = [line] if line is not None else lines
    passed = passed_of(session, of)
    away = [key for key in keys if not any(key in each.returned for each in passed.values())]
    if away or not any(each.returned for each in of):
        raise Problem(
            409,
            "nothing_returned",
            f"{away[0] if away else 'Nothing of this'} has not come back under this slip.",
            f"{away[0] if away else '尚无设备'}未凭此出门条归还。",
        )


def _store(
    session: Session,
    context: Context,
    actor: Actor,
    slip: ExitSlip,
    given: Given,
    keys: tuple[str, ...],
    now: datetime,
) -> Inspection:
    row = Inspection(
        public_id=new_id("ins", now),
        slip_id=id_of(slip),
        line_id=given.line,
        act=given.act,
        result=given.result,
        serials=list(keys),
        method=given.method,
        done_by=given.done_by,
        note=given.note,
        at=now,
        by=actor.public_id,
        by_name=actor.name,
        content="",
        kid="",
        certificate=b"",
        signature=b"",
    )
    signed = sign_content(context.keys, _content(context.site.id, row, slip), now)
    row.content, row.kid, row.certificate, row.signature = (
        signed.content,
        signed.kid,
        signed.certificate,
        signed.signature,
    )
    session.add(row)
    session.flush()
    return row


def _content(site: str, row: Inspection, slip: ExitSlip) -> InspectionContent:
    return InspectionContent(
        site=site,
        inspection=row.public_id,
        slip=slip.public_id,
        line=row.line_id,
        act=row.act,
        result=row.result,
        serials=tuple(row.serials),
        method=row.method,
        done_by=row.done_by,
        note=row.note,
        at_us=to_us(row.at),
        by=row.by,
        by_name=row.by_name,
    )
