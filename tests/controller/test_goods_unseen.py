"""Openings of a goods door that nobody saw, or that a fire, a start or a broken contact hides; emergencies there (E4, E6, L1, B7; docs/goods.md)."""

import msgspec

from controller.commands import Admit
from controller.events import decode_record
from controller.fold import fold
from controller.inputs import (
    ContactRattling,
    DeviceFaulted,
    DeviceRecovered,
    DoorContact,
    FireInput,
    RexPressed,
    Stopped,
    TimeElapsed,
)
from controller.policy import Holder
from controller.state import State
from tests.controller.building import GUO, KEYHOLDER, LI, START_US, WANG
from tests.controller.goods import (
    GOODS_DOOR,
    GOODS_HARDWARE,
    IN,
    ONE,
    OUT,
    GoodsHall,
    goods,
    goods_policy,
    in_the_hall,
    order,
    site,
    slip,
    told,
)
from tests.controller.rooms import CHEN, answer, answers, elapsed, granted
from tests.controller.stories import order as command

UNCHECKED = f"EQUIPMENT_UNCHECKED/{GOODS_DOOR}"
DUTIES = (
    Holder(4, None, ("hall",)),
    Holder(5, None, keyholder=True, duties=("supervisor",)),
    Holder(9, None, ("hall",), duties=("guard",)),
)
WITH_CONTACT_BOARD = tuple(msgspec.structs.replace(one, contact_board="inputs") for one in GOODS_HARDWARE)


def unchecked(at: GoodsHall) -> dict[str, str | int]:
    standing = at.engine.state.alarms.get(UNCHECKED)
    return {} if standing is None else standing.inputs


def restarted(at: GoodsHall) -> GoodsHall:
    """A new process that no contact has told anything yet."""
    state = State()
    for encoded in at.encoded:
        fold(state, decode_record(encoded))
    at.begin(state, f"boot-{len(at.records)}", goods_policy(slip(1, ONE)))
    return at


def with_device(at: GoodsHall) -> GoodsHall:
    """Li has tapped, the slip and its one device were scanned: the door is unlocked."""
    at.tap(LI, OUT)
    at.document(slip(1, ONE))
    assert told(at.item("SN-1"))[1] == "reserved SN-1"
    assert at.engine.door(GOODS_DOOR).lock == "unlocked"
    return at


def test_a_contact_that_rattles_from_the_start_on_is_an_open_leaf_that_nobody_saw() -> None:
    at = restarted(goods(slip(1, ONE)))
    at.give(ContactRattling(GOODS_DOOR, 40, True))
    assert unchecked(at) == {"cause": "restart", "openings": 1}
    at.give(ContactRattling(GOODS_DOOR, 40, True))
    at.give(DoorContact(GOODS_DOOR, open=True))
    assert unchecked(at)["openings"] == 1


def test_a_fire_while_the_leaf_stands_open_is_told_at_once_and_once() -> None:
    at = with_device(in_the_hall(goods(slip(1, ONE)), LI))
    at.leaf()
    assert unchecked(at) == {}
    at.give(FireInput("z1", active=True))
    assert unchecked(at) == {"cause": "fire", "openings": 1}
    at.leaf(open=False)
    at.through()
    assert unchecked(at)["openings"] == 1


def test_a_start_while_fire_holds_the_door_open_is_told() -> None:
    at = goods(slip(1, ONE))
    at.give(FireInput("z1", active=True))
    assert unchecked(at) == {}
    assert unchecked(restarted(at)) == {"cause": "restart", "openings": 1}


def test_devices_freed_before_the_contact_said_anything_are_told() -> None:
    at = with_device(restarted(in_the_hall(goods(slip(1, ONE)), LI)))
    assert unchecked(at) == {}
    assert told(elapsed(at, 10)) == ["freed lapsed"]
    assert unchecked(at) == {"cause": "restart", "openings": 1}


def test_an_entry_or_a_stop_with_a_silent_contact_tells_nothing_that_did_not_lead_out() -> None:
    at = restarted(goods(slip(1, ONE)))
    at.adopt(goods_policy(at=site(goods="out"), n=2))
    at.give_lease()
    at.tap(WANG, IN)
    assert at.engine.door(GOODS_DOOR).lock == "unlocked"
    elapsed(at, 10)
    at.give(Stopped("SIGTERM"))
    assert unchecked(at) == {}


def test_devices_freed_while_the_board_of_the_contact_is_down_are_told() -> None:
    at = in_the_hall(GoodsHall(goods_policy(slip(1, ONE)), hardware=WITH_CONTACT_BOARD), LI)
    at.give(DeviceFaulted("inputs", "board", "unplugged"))
    with_device(at)
    assert told(elapsed(at, 10)) == ["freed lapsed"]
    assert unchecked(at) == {"cause": "restart", "openings": 1}


def test_a_board_that_comes_back_while_somebody_may_be_leaving_missed_the_opening() -> None:
    at = in_the_hall(GoodsHall(goods_policy(slip(1, ONE)), hardware=WITH_CONTACT_BOARD), LI)
    at.give(DeviceFaulted("inputs", "board", "unplugged"))
    at.give(DeviceRecovered("inputs", "board"))
    assert unchecked(at) == {}
    at.give(DeviceFaulted("inputs", "board", "unplugged"))
    at.give(RexPressed(GOODS_DOOR))
    at.give(DeviceRecovered("inputs", "board"))
    assert unchecked(at) == {"cause": "restart", "openings": 1}


def test_no_tap_prolongs_a_carriers_way_out_beyond_the_slips_window() -> None:
    """Its binding ends five minutes after; then another edge may have the slip (MEANINGS 26)."""
    until = slip(1, ONE, until_us=START_US + 60_000_000)
    at = in_the_hall(goods(until), LI)
    at.tap(LI, OUT)
    at.document(until)
    at.item("SN-1")
    for _ in range(20):
        at.wait(4)
        at.tap(LI, OUT)
    at.give(TimeElapsed())
    assert at.engine.state.reserved == {}


def test_an_emergency_admitted_by_command_asks_for_no_order() -> None:
    """MEANINGS 21: it waives paperwork; a visit is no emergency."""
    at = goods()
    at.give(command(Admit(IN, "P-1", "burst pipe", emergency=True)))
    assert {one.number for one in granted(at.tap(GUO, IN))} == {"P-1", "guo"}
    at = goods()
    at.give(command(Admit(IN, "P-1", "repair")))
    assert answer(at.tap(GUO, IN)) == ("denied", "NO_WORK_ORDER")


def test_a_supervisor_without_an_order_waits_for_the_guards_badge_with_the_link_down() -> None:
    at = GoodsHall(goods_policy(holders=DUTIES))
    assert answer(at.tap(KEYHOLDER, IN)) == ("denied", "NO_WORK_ORDER")
    at.cut()
    at.wait(2)
    assert answer(at.tap(KEYHOLDER, IN)) == ("pending", "CONSOLE_UNREACHABLE")
    at.wait(2)
    unnamed, guard = granted(at.tap(CHEN, IN))
    assert (unnamed.badge, unnamed.emergency, guard.number) == (0, True, "chen")
    at.through()
    at.tap(KEYHOLDER, IN)
    assert answers(elapsed(at, 9)) == [("key", "denied", "CONSOLE_UNREACHABLE")]
    assert answer(at.tap(GUO, IN)) == ("denied", "NO_WORK_ORDER")


def test_an_order_that_is_taken_away_locks_nobody_in_who_is_about_to_leave() -> None:
    """L1: the devices stay outside; who was granted the way out through the same door goes."""
    of = order(1, ONE)
    at = in_the_hall(goods(of), WANG)
    at.tap(WANG, OUT)
    at.document(of)
    at.item("SN-1", IN)
    at.wait(3)
    at.tap(WANG, OUT)
    at.tap(LI, IN)
    assert at.engine.state.reserved
    assert told(at.adopt(goods_policy(n=2))) == ["freed withdrawn"]
    door = at.engine.door(GOODS_DOOR)
    assert ([grant.holder for grant in door.grants], door.lock) == ([WANG.holder], "unlocked")
    assert told(at.leaf()) == []
    assert unchecked(at) == {"cause": "badge", "openings": 1}
