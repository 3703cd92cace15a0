"""Each invariant of equipment notices what breaks it."""

import msgspec
import pytest

from controller.commands import AcknowledgeAlarm
from controller.event_base import Explanation
from controller.events import (
    AccessGranted,
    AccessTaken,
    AlarmCleared,
    AlarmRaised,
    AnyEvent,
    CommandDone,
    DoorOpened,
    DoorUnlocked,
    Record,
)
from controller.goods_events import Direction, ItemsFreed, ItemsMoved, ItemsReserved, ScannedItem
from controller.inputs import TimeElapsed
from controller.policy import ExitSlip, Item, Line, Policy, Version
from controller.site import AccessPoint, Area, Door, Site
from sim.goods_checks import DocumentChecks, GoodsChecks
from sim.node import BrokenPromise

SITE = Site(
    "s",
    "Asia/Shanghai",
    (Area("outside", public=True), Area("dock")),
    (Door("d", goods="out"),),
    (
        AccessPoint("d-in", "d", "outside", "dock"),
        AccessPoint("d-out", "d", "dock", "outside", out=True),
    ),
)
RAISED, CLEARED = AlarmRaised("EQUIPMENT_UNCHECKED", "d", "E4"), AlarmCleared("EQUIPMENT_UNCHECKED", "d")
SLIP = ExitSlip(1, b"c" * 16, "S1", "withdrawal", 1, "edge-1", 1, 0, 2**60, (Line(7, "R750", 2, ("SN-1", "SN-2")),))
POLICY = Policy(Version(1, 1), SITE, items=(Item(1, "SN-1", "R750", 1), Item(9, "SN-9", "R750", 2)), slips=(SLIP,))


def passing(*serials: str, direction: Direction = "out", document: int = 1, customer: int = 1) -> ItemsReserved:
    return ItemsReserved(
        access_point=f"d-{direction}",
        door="d",
        document="slip" if direction == "out" else "order",
        document_id=document,
        binding=1,
        number=f"S{document}",
        direction=direction,
        customer=customer,
        items=tuple(ScannedItem(7, serial) for serial in serials),
        until_us=0,
        holder=1,
        badge=1,
    )


def moved(reserved: ItemsReserved) -> ItemsMoved:
    return ItemsMoved(**msgspec.structs.asdict(reserved))


def granted(direction: Direction = "out") -> AccessGranted:
    why = Explanation("WAY_OUT", "L1")
    return AccessGranted(f"d-{direction}", "d", 1, 1, "M1", why, 1, out=direction == "out")


def taken(direction: Direction = "out") -> AccessTaken:
    return msgspec.convert(
        {"type": "AccessTaken", "access_point": f"d-{direction}", "door": "d", "badge": 1, "holder": 1, "number": "M1", "from_area": "dock",
         "to_area": "outside", "presence": "gone"},
        AccessTaken,
    )  # fmt: skip


UNLOCKED = DoorUnlocked("d", "grant", 1)


def records(*groups: tuple[AnyEvent, ...]) -> list[Record]:
    return [Record("j", seq, seq, seq, "b", None, TimeElapsed(), events) for seq, events in enumerate(groups, 1)]


def check(*groups: tuple[AnyEvent, ...]) -> None:
    checks = GoodsChecks(SITE)
    for record in records(*groups):
        checks.take(record)


def through(reserved: ItemsReserved) -> tuple[tuple[AnyEvent, ...], ...]:
    """The two records of devices that pass in order."""
    way = reserved.direction
    return (reserved, granted(way), UNLOCKED), (DoorOpened("d"), taken(way), moved(reserved))


def test_devices_that_pass_in_order_break_nothing() -> None:
    check(*through(passing("SN-5", direction="in")), *through(passing("SN-5", "")))


def test_a_grant_at_an_open_leaf_takes_its_devices_at_once() -> None:
    check((RAISED,), (passing("SN-1"), granted(), moved(passing("SN-1"))))


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        (((moved(passing("SN-1")),),), "4: record 1 moves devices under S1 that it did not reserve"),
        (((passing("SN-1"),),), "4: record 1 reserves devices for 1, who is not granted"),
        (((granted(), UNLOCKED, passing("SN-1")),), "4: record 1 unlocks d before it reserves what passes"),
        (
            ((passing("SN-1"), granted()), (ItemsFreed("d-out", "d", "S1", "lapsed", 1),), (moved(passing("SN-1")),)),
            "4: record 3 moves",
        ),
        ((*through(passing("SN-1")), *through(passing("SN-1", document=2))), "7: record 4 moves SN-1 out, where it is"),
        (
            (*through(passing("SN-1")), *through(passing("SN-1", direction="in")), *through(passing("SN-1"))),
            "7: record 6 lets SN-1 out on S1 a second time",
        ),
        (
            (*through(passing("SN-5", direction="in", customer=2)), *through(passing("SN-5"))),
            "7: record 4 moves SN-5 under another customer",
        ),
        (((DoorOpened("d"),),), "E4: record 1 opens d outward"),
        (((DoorOpened("d"), taken("out")),), "E4: record 1 opens d outward"),
        (((DoorOpened("d"), taken("in"), taken("out")),), "E4: record 1 opens d outward"),
        (((RAISED,), (CLEARED,)), "E4: record 2 ends EQUIPMENT_UNCHECKED of d unattested"),
    ],
)
def test_what_breaks_a_promise_is_named(groups: tuple[tuple[AnyEvent, ...], ...], told: str) -> None:
    with pytest.raises(BrokenPromise) as caught:
        check(*groups)
    assert str(caught.value).startswith(told)


def test_an_opening_inward_needs_nothing_and_one_that_is_told_is_known() -> None:
    check((DoorOpened("d"), taken("in")), (RAISED, DoorOpened("d")), (DoorOpened("d"), taken("out")))


def test_an_attestation_ends_the_alarm() -> None:
    asked = AcknowledgeAlarm("EQUIPMENT_UNCHECKED", "d", "looked", attested="att_1", openings=1)
    check((RAISED, DoorOpened("d")), (CommandDone("c", asked, "op", "done"), CLEARED))


@pytest.mark.parametrize(
    ("policy", "reserved", "told"),
    [
        (POLICY, passing("SN-1", document=5), "7: record 1 uses S5, which is not bound to this edge"),
        (POLICY, passing("SN-1", customer=2), "7: record 1 uses S1 for another customer"),
        (POLICY, passing("SN-9"), "7: record 1 reserves SN-9, which is another customer's"),
        (POLICY, passing("SN-3"), "7: record 1 reserves 'SN-3', which is not on S1"),
        (POLICY, passing("SN-1", "SN-2", "SN-1"), "7: record 1 reserves more of line 7"),
        ({"cancelled": True}, passing("SN-1"), "E4: record 1 uses S1, which is cancelled"),
        ({"door": "e"}, passing("SN-1"), "E6: record 1 uses S1 at d, not e"),
        ({"carriers": (5,)}, passing("SN-1"), "E5: record 1: 1 is no carrier of S1"),
        ({"edge": "edge-2"}, passing("SN-1"), "7: record 1 uses S1, which is not bound"),
        ({"binding": 2}, passing("SN-1"), "7: record 1 uses S1, which is not bound"),
    ],
)
def test_what_is_not_on_the_document_is_named(
    policy: Policy | dict[str, object], reserved: ItemsReserved, told: str
) -> None:
    if isinstance(policy, dict):
        policy = msgspec.structs.replace(POLICY, slips=(msgspec.structs.replace(SLIP, **policy),))
    with pytest.raises(BrokenPromise) as caught:
        DocumentChecks("edge-1").take(records((reserved,))[0], policy)
    assert str(caught.value).startswith(told)


def test_what_has_passed_is_not_left() -> None:
    checks = DocumentChecks("edge-1")
    first, second = records((passing("SN-1", "SN-2"), moved(passing("SN-1", "SN-2"))), (passing("SN-1"),))
    checks.take(first, POLICY)
    with pytest.raises(BrokenPromise, match="more of line 7"):
        checks.take(second, POLICY)
