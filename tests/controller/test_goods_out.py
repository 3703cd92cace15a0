"""Devices leave on a slip: the carrier's badge, the slip, each device; reserved before the unlock, moved when the leaf opens (E4-E6, MEANINGS 25)."""

import msgspec

from controller.actions import Lock
from controller.commands import AcknowledgeAlarm, ResetFire, UnlockDoor
from controller.goods_events import ItemsMoved, ItemsReserved
from controller.inputs import DeviceFaulted, DeviceRecovered, DoorContact, FireInput, GasInput, RexPressed, TimeElapsed
from controller.site import DoorHardware
from tests.controller.building import GUO, HARDWARE, LI, SUN, WANG, XU, actions, events, reason
from tests.controller.goods import (
    GOODS_DOOR,
    IN,
    ONE,
    OUT,
    GoodsHall,
    goods,
    goods_policy,
    in_the_hall,
    kinds,
    shown,
    site,
    slip,
    told,
)
from tests.controller.rooms import answer, answers, by_supervisor
from tests.controller.stories import order as command
from tests.controller.stories import result

UNCHECKED = f"EQUIPMENT_UNCHECKED/{GOODS_DOOR}"


def unchecked(at: GoodsHall) -> dict[str, str | int]:
    return at.engine.state.alarms[UNCHECKED].inputs


def with_slip(*who: object, **fields: object) -> GoodsHall:
    """One device on the slip; Li in the hall has tapped and the slip was scanned."""
    at = in_the_hall(goods(slip(1, ONE, **fields)), LI, *who)  # type: ignore[arg-type]
    at.tap(LI, OUT)
    at.document(slip(1, ONE, **fields))
    return at


def test_a_slip_its_devices_and_the_carrier_go_through_the_door() -> None:
    at = in_the_hall(goods(slip()), LI)
    assert answer(at.tap(LI, OUT)) == ("pending", "NO_EXIT_SLIP")
    assert told(at.document(slip())) == ["started S-1"]
    assert told(at.item("SN-1")) == ["accepted SN-1 left 3"]
    assert told(at.item("sn - 2")) == ["accepted SN-2 left 2"]
    assert told(at.item("rail kit")) == ["accepted Rail kit left 1"]
    last = at.item("RAILKIT")
    assert told(last) == ["accepted Rail kit left 0", "reserved SN-1 SN-2 2 2", "ended reserved left 0"]
    order = kinds(last)
    assert order.index("ItemsReserved") < order.index("EquipmentCheckEnded") < order.index("AccessGranted")
    assert order.index("AccessGranted") < order.index("DoorUnlocked")
    assert shown(last) == "granted"
    opened = at.leaf()
    assert told(opened) == ["moved SN-1 SN-2 2 2"]
    assert kinds(opened).index("AccessTaken") < kinds(opened).index("ItemsMoved")
    assert at.alarms == set()
    reserved, moved = events(last, ItemsReserved)[0], events(opened, ItemsMoved)[0]
    assert isinstance(reserved, ItemsReserved)
    assert isinstance(moved, ItemsMoved)
    assert (moved.items, moved.holder, moved.badge, moved.customer) == (reserved.items, 1, 1, 1)


def test_nobody_is_kept_in_without_a_slip() -> None:
    """L1: the second tap opens, without equipment, and the guard is told."""
    at = in_the_hall(goods(slip()), LI)
    at.tap(LI, OUT)
    at.wait(2.9)
    assert answer(at.tap(LI, OUT)) == ("pending", "NO_EXIT_SLIP")
    at.wait(1.1)
    assert reason(at.tap(LI, OUT)) == "WAY_OUT"
    at.leaf()
    assert unchecked(at) == {"cause": "badge", "openings": 1}


def test_a_prompt_is_forgotten_after_its_time() -> None:
    at = in_the_hall(goods(slip()), LI)
    at.tap(LI, OUT)
    at.wait(60)
    assert answer(at.tap(LI, OUT)) == ("pending", "NO_EXIT_SLIP")


def test_the_prompt_says_who_checks_here() -> None:
    at = in_the_hall(goods(slip()), LI)
    at.give(DeviceFaulted(f"scanner:{OUT}", "scanner", "unplugged"))
    assert f"READER_FAULT/scanner:{OUT}" in at.alarms
    assert answer(at.tap(LI, OUT)) == ("pending", "GUARD_CHECK_REQUIRED")
    at.cut()
    at.wait(1.5)
    assert answer(at.tap(LI, OUT)) == ("pending", "CONSOLE_UNREACHABLE")
    at.give(DeviceRecovered(f"scanner:{OUT}", "scanner"))
    assert f"READER_FAULT/scanner:{OUT}" not in at.alarms
    at.wait(61)
    assert answer(at.tap(LI, OUT)) == ("pending", "NO_EXIT_SLIP")


def test_a_door_without_a_scanner_asks_the_guard() -> None:
    plain = (*HARDWARE, DoorHardware(GOODS_DOOR, scanners=(IN,)))
    at = in_the_hall(GoodsHall(goods_policy(), hardware=plain), LI)
    assert answer(at.tap(LI, OUT)) == ("pending", "GUARD_CHECK_REQUIRED")


def test_the_carrier_taps_again_and_takes_what_is_scanned() -> None:
    at = in_the_hall(goods(slip()), LI)
    at.tap(LI, OUT)
    at.document(slip())
    at.items("SN-1", "Rail kit")
    at.wait(1.5)
    assert told(at.tap(LI, OUT)) == ["reserved SN-1 2", "ended reserved left 2"]
    assert told(at.through()) == ["moved SN-1 2"]
    in_the_hall(at, LI)
    at.tap(LI, OUT)
    assert told(at.document(slip())) == ["started S-1"]
    assert told(at.item("SN-1")) == ["refused SLIP_SPENT"]
    assert "SLIP_REUSED/S-1" in at.alarms
    assert told(at.item("SN-2")) == ["accepted SN-2 left 1"]
    assert told(at.item("Rail kit"))[-1] == "ended reserved left 0"


def test_a_carrier_with_nothing_scanned_is_prompted_as_without_a_check() -> None:
    at = with_slip()
    at.wait(1.5)
    assert answer(at.tap(LI, OUT)) == ("pending", "NO_EXIT_SLIP")
    at.wait(1.6)
    went = at.tap(LI, OUT)
    assert reason(went) == "WAY_OUT"
    assert told(went) == ["ended cancelled left 1"]
    at.leaf()
    assert unchecked(at)["cause"] == "badge"


def test_reserved_devices_are_free_again_when_the_leaf_never_opens() -> None:
    at = with_slip()
    at.item("SN-1")
    at.wait(6)
    assert told(at.give(TimeElapsed())) == ["freed lapsed"]
    at.tap(LI, OUT)
    at.document(slip(1, ONE))
    assert told(at.item("SN-1"))[0] == "accepted SN-1 left 0"


def test_a_carrier_who_taps_again_before_the_leaf_opens_goes_with_the_same_devices() -> None:
    at = with_slip()
    at.item("SN-1")
    at.wait(3)
    again = at.tap(LI, OUT)
    assert reason(again) == "WAY_OUT"
    assert told(again) == []
    at.wait(4)
    assert told(at.leaf()) == ["moved SN-1"]
    assert UNCHECKED not in at.alarms


def test_the_slip_scanned_again_while_its_devices_are_about_to_go_alarms_nobody() -> None:
    at = with_slip()
    at.item("SN-1")
    assert told(at.document(slip(1, ONE))) == ["refused SLIP_SPENT"]
    assert at.alarms == set()


def test_a_slip_shown_again_after_it_was_used_up_is_alarmed() -> None:
    """E6: a photographed slip used twice is refused and alarmed."""
    at = with_slip(WANG)
    at.item("SN-1")
    at.through()
    at.tap(WANG, OUT)
    assert told(at.document(slip(1, ONE))) == ["refused SLIP_SPENT"]
    assert at.engine.state.alarms["SLIP_REUSED/S-1"].inputs["access_point"] == OUT


def pair(*documents: object, people: tuple[object, ...] = (LI, GUO)) -> GoodsHall:
    """A two-person hall with these people in it."""
    at = GoodsHall(goods_policy(*documents, at=site(hall={"two_person": True})))  # type: ignore[arg-type]
    for who in people:
        at.tap(who, "hall-in")  # type: ignore[arg-type]
    at.give(DoorContact("hall-door", open=True))
    at.give(DoorContact("hall-door", open=False))
    at.wait(2)
    return at


def test_the_last_pair_leaves_together_with_the_devices() -> None:
    """R2 holds at a goods door as anywhere."""
    at = pair(slip(1, ONE))
    at.tap(LI, OUT)
    at.document(slip(1, ONE))
    scanned = at.item("SN-1")
    assert answer(scanned) == ("pending", "SECOND_PERSON_REQUIRED")
    together = at.tap(GUO, OUT)
    assert told(together) == ["reserved SN-1", "ended reserved left 0"]
    assert {number for number, what, _ in answers(together) if what == "granted"} == {"li", "guo"}
    assert told(at.through()) == ["moved SN-1"]
    assert at.alarms == set()


def test_a_carrier_who_would_leave_one_alone_is_asked_anew_and_then_goes() -> None:
    at = pair(slip(1, ONE))
    at.tap(LI, OUT)
    at.wait(10)
    at.document(slip(1, ONE))
    at.item("SN-1")
    at.wait(2.9)
    assert answer(at.tap(LI, OUT)) == ("pending", "SECOND_PERSON_REQUIRED")
    at.wait(1.1)
    gone = at.tap(LI, OUT)
    assert told(gone) == ["reserved SN-1", "ended reserved left 0"]
    at.through()
    assert at.alarms == {"LONE_OCCUPANT/hall"}


def test_who_waits_at_the_door_goes_with_the_carrier() -> None:
    at = pair(slip(1, ONE), people=(LI, GUO, WANG))
    at.tap(GUO, OUT)
    at.wait(2)
    at.tap(WANG, OUT)
    at.wait(2)
    at.tap(LI, OUT)
    at.document(slip(1, ONE))
    at.wait(20)
    together = at.item("SN-1")
    assert {number for number, what, _ in answers(together) if what == "granted"} == {"li", "guo", "wang"}
    at.through()
    assert at.alarms == set()


def test_another_joins_a_check_and_may_leave_it_without_equipment() -> None:
    at = in_the_hall(goods(slip()), LI, GUO)
    at.tap(LI, OUT)
    at.document(slip())
    at.item("SN-1")
    assert answer(at.tap(GUO, OUT)) == ("pending", "NO_EXIT_SLIP")
    at.wait(4)
    alone = at.tap(GUO, OUT)
    assert answers(alone) == [("guo", "granted", "WAY_OUT")]
    assert told(alone) == []
    at.through()
    assert unchecked(at) == {"cause": "badge", "openings": 1}
    assert told(at.items("SN-2", "Rail kit", "Rail kit"))[-1] == "ended reserved left 0"


def test_one_opening_for_a_carrier_and_for_somebody_without_a_check_is_one_that_nobody_checked() -> None:
    at = in_the_hall(goods(slip(1, ONE)), LI, GUO)
    at.tap(GUO, OUT)
    at.wait(4)
    at.tap(GUO, OUT)
    at.tap(LI, OUT)
    at.document(slip(1, ONE))
    at.item("SN-1")
    assert told(at.leaf()) == ["moved SN-1"]
    assert unchecked(at) == {"cause": "badge", "openings": 1}


def test_two_carriers_may_be_granted_before_the_leaf_opens() -> None:
    other = slip(2, msgspec.structs.replace(ONE, serials=("SN-2",)))
    at = in_the_hall(goods(slip(1, ONE), other), LI, WANG)
    at.tap(LI, OUT)
    at.document(slip(1, ONE))
    at.item("SN-1")
    at.wait(1)
    at.tap(WANG, OUT)
    at.document(other)
    at.item("SN-2")
    assert told(at.leaf()) == ["moved SN-1", "moved SN-2"]
    assert at.alarms == set()


def test_rex_opens_a_goods_door_and_the_guard_is_told() -> None:
    at = in_the_hall(goods(slip(1, ONE)), LI)
    pressed = at.give(RexPressed(GOODS_DOOR))
    assert kinds(pressed) == ["DoorUnlocked"]
    at.through()
    assert unchecked(at) == {"cause": "rex", "openings": 1}
    at.give(RexPressed(GOODS_DOOR))
    at.through()
    assert unchecked(at) == {"cause": "rex", "openings": 2}


def test_rex_beside_reserved_devices_moves_them_and_is_told() -> None:
    at = with_slip()
    at.item("SN-1")
    at.give(RexPressed(GOODS_DOOR))
    assert told(at.leaf()) == ["moved SN-1"]
    assert unchecked(at)["cause"] == "rex"


def test_a_command_force_and_fire_open_it_unchecked() -> None:
    at = goods(slip(1, ONE))
    at.give(command(UnlockDoor(GOODS_DOOR, "delivery")))
    at.through()
    assert unchecked(at) == {"cause": "command", "openings": 1}
    at.through()
    assert unchecked(at) == {"cause": "forced", "openings": 2}
    at.give(FireInput("z1", active=True))
    at.through()
    at.through()
    assert unchecked(at) == {"cause": "fire", "openings": 3}


def test_a_command_at_a_leaf_that_stands_open_is_told_at_once() -> None:
    at = with_slip()
    at.item("SN-1")
    at.leaf()
    at.give(command(UnlockDoor(GOODS_DOOR, "delivery")))
    assert unchecked(at)["cause"] == "command"


def test_a_second_fire_is_counted_again() -> None:
    at = goods()
    at.give(FireInput("z1", active=True))
    at.through()
    at.give(FireInput("z1", active=False))
    at.give(by_supervisor(ResetFire("z1", "all out")))
    at.wait(5)
    at.give(FireInput("z1", active=True))
    at.through()
    assert unchecked(at) == {"cause": "fire", "openings": 2}


def test_the_alarm_ends_by_an_attestation_of_all_its_openings_alone() -> None:
    at = in_the_hall(goods(slip(1, ONE)), LI)
    for _ in range(2):
        at.give(RexPressed(GOODS_DOOR))
        at.through()

    def attest(**fields: object) -> tuple[str, str]:
        seen = AcknowledgeAlarm("EQUIPMENT_UNCHECKED", GOODS_DOOR, "seen")
        return result(at.give(command(msgspec.structs.replace(seen, **fields))))

    assert attest() == ("refused", "ATTESTATION_REQUIRED")
    assert attest(attested="A-1", openings=1) == ("refused", "ATTESTATION_REQUIRED")
    assert attest(openings=2) == ("refused", "ATTESTATION_REQUIRED")
    assert UNCHECKED in at.alarms
    assert attest(attested="A-1", openings=2) == ("done", "")
    assert UNCHECKED not in at.alarms


def test_a_temporary_badge_of_the_customer_may_carry_and_another_customers_may_not() -> None:
    of_customer = msgspec.structs.replace(XU, customer=1)
    at = GoodsHall(goods_policy(slip(1, ONE), badges=(LI, SUN, of_customer, GUO)))
    in_the_hall(at, SUN)
    at.tap(SUN, OUT)
    assert told(at.document(slip(1, ONE))) == ["refused NOT_A_NAMED_CARRIER"]
    at.tap(of_customer, OUT)  # who is not listed in the hall was inside
    assert told(at.document(slip(1, ONE))) == ["started S-1"]


def test_a_carrier_who_leaves_by_another_door_ends_the_check() -> None:
    at = in_the_hall(goods(slip()), LI)
    at.tap(LI, OUT)
    at.document(slip())
    at.item("SN-1")
    at.tap(LI, "hall-out")
    assert told(at.give(DoorContact("hall-door", open=True))) == ["ended cancelled left 3"]


def test_when_another_policy_takes_the_slip_away_the_door_locks_at_once() -> None:
    at = with_slip()
    at.item("SN-1")
    taken = at.adopt(goods_policy(slip(1, ONE, cancelled=True), n=2))
    assert told(taken) == ["freed withdrawn"]
    order = kinds(taken)
    assert order[0] == "PolicyChanged"
    assert order.index("ItemsFreed") < order.index("AccessLapsed") < order.index("DoorLocked")
    assert [action.door for action in actions(taken, Lock)] == [GOODS_DOOR]
    assert told(at.leaf()) == []
    assert unchecked(at)["cause"] == "forced"


def test_somebody_who_leaves_by_rex_is_not_locked_in_by_that() -> None:
    """L1 outranks the slip."""
    at = with_slip()
    at.item("SN-1")
    at.give(RexPressed(GOODS_DOOR))
    taken = at.adopt(goods_policy(n=2))
    assert told(taken) == ["freed withdrawn"]
    assert actions(taken, Lock) == []
    assert told(at.leaf()) == []
    assert unchecked(at)["cause"] == "rex"


def test_a_policy_that_does_not_concern_the_slip_disturbs_nobody() -> None:
    at = with_slip()
    assert told(at.adopt(goods_policy(slip(1, ONE), slip(2), n=2))) == []
    at.item("SN-1")
    assert told(at.adopt(goods_policy(slip(1, ONE), n=3))) == []
    assert told(at.leaf()) == ["moved SN-1"]


def test_gas_holds_nobody_back_for_a_check() -> None:
    """L1, MEANINGS 27: the exit is open at the first tap."""
    at = in_the_hall(goods(slip()), LI)
    at.give(GasInput("z1", active=True))
    assert answer(at.tap(LI, OUT)) == ("granted", "WAY_OUT")
    at.leaf()
    assert unchecked(at)["cause"] == "badge"
