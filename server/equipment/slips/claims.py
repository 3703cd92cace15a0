"""Devices stand on one open slip at a time: a claim for each, which the database's own index keeps apart whoever races (E6, docs/goods.md).

A claim that means nothing any more is released when the device is wanted for another slip; nobody has to be punctual.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete, select, update

from server.equipment.models import ItemStay
from server.equipment.slip_models import ExitSlip, ExitSlipClaim, ExitSlipLine
from server.equipment.slips.lookup import id_of
from server.equipment.slips.release import is_released
from server.equipment.slips.standing import window_over
from server.problems import Problem

ITEMS_AT_ONCE = 500


def claim(session: Session, slip: ExitSlip, wanted: dict[int, list[int]], now: datetime) -> None:
    """Claim items, by line. Raises :class:`Problem` 409 ``ITEM_ON_ANOTHER_SLIP`` when another slip was quicker."""
    for line_id, items in wanted.items():
        for item_id in items:
            session.add(ExitSlipClaim(item_id=item_id, slip_id=id_of(slip), line_id=line_id, claimed_at=now))
    try:
        session.flush()
    except IntegrityError as error:  # the transaction is over, as it is for any problem
        raise on_another_slip() from error


def open_claims(session: Session, items: Iterable[int]) -> dict[int, ExitSlipClaim]:
    """The claims on these items that are not released, by item."""
    found: dict[int, ExitSlipClaim] = {}
    ordered = sorted(set(items))
    for start in range(0, len(ordered), ITEMS_AT_ONCE):
        some = ordered[start : start + ITEMS_AT_ONCE]
        query = select(ExitSlipClaim).where(
            col(ExitSlipClaim.item_id).in_(some), col(ExitSlipClaim.released_at).is_(None)
        )
        found |= {row.item_id: row for row in session.exec(query).all()}
    return found


def stale_claims(session: Session, claims: Collection[ExitSlipClaim], now: datetime) -> list[ExitSlipClaim]:
    """Those that mean nothing any more: the slip's window is over (with the clocks' margin), it was cancelled and its edge has confirmed, or the device went
    out on it."""
    slip_ids = {each.slip_id for each in claims}
    slips = {row.id: row for row in session.exec(select(ExitSlip).where(col(ExitSlip.id).in_(slip_ids))).all()}
    over = {slip_id for slip_id, slip in slips.items() if _is_over(session, slip, now)}
    left = [each for each in claims if each.slip_id not in over]
    return [each for each in claims if each.slip_id in over] + _gone(session, left)


def release(session: Session, claims: Iterable[ExitSlipClaim], now: datetime) -> None:
    """Give the devices free."""
    for each in claims:
        each.released_at = now
        session.add(each)
    session.flush()


def release_all(session: Session, slip: ExitSlip, now: datetime) -> None:
    """Give free all that the slip claims. Before it was ever bound to an edge nothing of it needs to be remembered."""
    of_slip = col(ExitSlipClaim.slip_id) == slip.id
    if slip.binding == 0:
        session.exec(delete(ExitSlipClaim).where(of_slip))
    else:
        session.exec(
            update(ExitSlipClaim).where(of_slip, col(ExitSlipClaim.released_at).is_(None)).values(released_at=now)
        )
    session.flush()


def on_another_slip(number: str = "", serial: str = "") -> Problem:
    """409: the device stands on another open slip."""
    name, name_zh = (f"Device {serial}", f"设备 {serial}") if serial else ("A device", "有设备")
    other, other_zh = (f"slip {number}", f"出门条 {number}") if number else ("another open slip", "另一张未结的出门条")
    return Problem(
        409,
        "ITEM_ON_ANOTHER_SLIP",
        f"{name} stands on {other}: cancel that first, or wait until its date is over.",
        f"{name_zh}已在{other_zh}上，请先作废该单，或等其日期过后再办。",
        extra={"rule": "E6"},
    )


def _is_over(session: Session, slip: ExitSlip, now: datetime) -> bool:
    if window_over(slip, now) or slip.status == "refused":
        return True
    return slip.status == "cancelled" and is_released(session, slip, now)


def _gone(session: Session, claims: list[ExitSlipClaim]) -> list[ExitSlipClaim]:
    """Claims whose device went out on that very line; of counted devices as many as went, whichever they were."""
    by_line: dict[int, list[ExitSlipClaim]] = {}
    for each in claims:
        by_line.setdefault(each.line_id, []).append(each)
    found: list[ExitSlipClaim] = []
    lines = session.exec(select(ExitSlipLine).where(col(ExitSlipLine.id).in_(by_line))).all() if by_line else ()
    went = _went(session, [each.item_id for line in lines if line.serials for each in by_line[id_of(line)]])
    for line in lines:
        of_line = by_line[id_of(line)]
        if line.serials:
            found += [each for each in of_line if (each.item_id, line.id) in went]
            continue
        every = session.exec(
            select(ExitSlipClaim)
            .where(ExitSlipClaim.line_id == line.id, col(ExitSlipClaim.released_at).is_(None))
            .order_by(col(ExitSlipClaim.id))
        ).all()
        surplus = len(every) - max(line.quantity - line.gone, 0)
        found += [each for each in of_line if each in every[: max(surplus, 0)]]
    return found


def _went(session: Session, items: Sequence[int]) -> set[tuple[int, int | None]]:
    """Which of these devices went out under a slip, and on which line."""
    found: set[tuple[int, int | None]] = set()
    for start in range(0, len(items), ITEMS_AT_ONCE):
        query = select(ItemStay.item_id, ItemStay.slip_line_id).where(
            col(ItemStay.item_id).in_(items[start : start + ITEMS_AT_ONCE]), col(ItemStay.slip_line_id).is_not(None)
        )
        found.update(session.exec(query).all())
    return found
