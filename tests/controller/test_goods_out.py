"""Devices leave on a slip: the carrier's badge, the slip, each device; reserved before the unlock, moved when the leaf opens (E4-E6, MEANINGS 25)."""

from controller.goods_events import ItemsMoved, ItemsReserved
from tests.controller.building import GUO, LI, events, reason
from tests.controller.goods import ONE, OUT, goods, in_the_hall, kinds, shown, slip, told
from tests.controller.rooms import answer


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
    at = in_the_hall(goods(slip()), LI)
    at.tap(LI, OUT)
    at.wait(3)
    assert reason(at.tap(LI, OUT)) == "WAY_OUT"
    at.leaf()
    assert at.engine.state.alarms["EQUIPMENT_UNCHECKED/goods-door"].inputs == {"cause": "badge", "openings": 1}


def test_the_carrier_taps_again_and_takes_what_is_scanned() -> None:
    at = in_the_hall(goods(slip()), LI)
    at.tap(LI, OUT)
    at.document(slip())
    at.items("SN-1", "Rail kit")
    at.wait(1.5)
    again = at.tap(LI, OUT)
    assert told(again) == ["reserved SN-1 2", "ended reserved left 2"]
    assert told(at.through()) == ["moved SN-1 2"]
    at = in_the_hall(at, LI)
    at.tap(LI, OUT)
    assert told(at.document(slip())) == ["started S-1"]
    assert told(at.item("SN-1")) == ["refused SLIP_SPENT"]
    assert "SLIP_REUSED/S-1" in at.alarms
    assert told(at.item("SN-2")) == ["accepted SN-2 left 1"]


def test_reserved_devices_are_free_again_when_the_leaf_never_opens() -> None:
    at = in_the_hall(goods(slip(1, ONE)), LI)
    at.tap(LI, OUT)
    at.document(slip(1, ONE))
    at.item("SN-1")
    at.wait(6)
    from controller.inputs import TimeElapsed

    assert told(at.give(TimeElapsed())) == ["freed lapsed"]
    at.tap(LI, OUT)
    at.document(slip(1, ONE))
    assert told(at.item("SN-1"))[0] == "accepted SN-1 left 0"


def test_a_pair_leaves_together_under_a_slip() -> None:
    from tests.controller.goods import GoodsHall, goods_policy, site

    at = GoodsHall(goods_policy(slip(1, ONE), at=site(hall={"two_person": True})))
    at.tap(LI, "hall-in")
    at.tap(GUO, "hall-in")
    from controller.inputs import DoorContact

    at.give(DoorContact("hall-door", open=True))
    at.give(DoorContact("hall-door", open=False))
    at.wait(2)
    at.tap(LI, OUT)
    at.document(slip(1, ONE))
    scanned = at.item("SN-1")
    assert answer(scanned) == ("pending", "SECOND_PERSON_REQUIRED")
    together = at.tap(GUO, OUT)
    assert told(together) == ["reserved SN-1", "ended reserved left 0"]
    assert told(at.through()) == ["moved SN-1"]
    assert at.alarms == set()
