"""Devices come in on a work order, or back under a slip: order, devices, badge (E1, E2, MEANINGS 25)."""

import msgspec

from controller.goods_events import ItemsReserved
from controller.inputs import TimeElapsed
from controller.policy import Item, Line
from controller.room_events import EscortConfirmed
from controller.site import DoorHardware
from tests.controller.building import DAY_US, GUO, HARDWARE, LI, START_US, SUN, WANG, XU, events, reason
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
    order,
    shown,
    site,
    slip,
    told,
)
from tests.controller.rooms import answer, answers, elapsed


def arrived(*lines: Line) -> GoodsHall:
    """The order is scanned at the entry."""
    at = goods(order(1, *lines))
    at.document(order(1, *lines))
    return at


def test_the_order_the_devices_and_the_badge_bring_equipment_in() -> None:
    at = arrived()
    assert told(at.items("SN-1", "SN-2", "Rail kit", "Rail kit", at=IN)) == ["accepted Rail kit left 0"]
    tapped = at.tap(LI, IN)
    assert told(tapped) == ["reserved SN-1 SN-2 2 2", "ended reserved left 0"]
    sequence = kinds(tapped)
    assert sequence.index("ItemsReserved") < sequence.index("AccessGranted") < sequence.index("DoorUnlocked")
    assert told(at.through()) == ["moved SN-1 SN-2 2 2"]
    assert at.alarms == set()
    assert told(at.document(order())) == ["refused ORDER_DONE"]
    assert at.alarms == set()


def test_nobody_comes_in_without_an_order_where_both_ways_are_checked() -> None:
    at = goods(order())
    assert reason(at.tap(LI, IN)) == "NO_WORK_ORDER"
    at.document(order())
    assert reason(at.tap(GUO, IN)) == "NO_WORK_ORDER"  # nothing is scanned


def test_people_go_in_where_only_the_way_out_is_checked() -> None:
    at = GoodsHall(goods_policy(order(), at=site(goods="out")))
    assert answer(at.tap(LI, IN)) == ("granted", "PERMITTED")
    at.through()
    assert at.alarms == set()
    at.document(order())
    at.item("SN-1", IN)
    assert reason(at.tap(GUO, IN)) == "ITEMS_MISSING"


def test_without_a_scanner_and_a_link_the_console_cannot_help() -> None:
    plain = (*HARDWARE, DoorHardware(GOODS_DOOR))
    at = GoodsHall(goods_policy(order()), hardware=plain)
    assert reason(at.tap(LI, IN)) == "NO_WORK_ORDER"
    at.cut()
    at.wait(2)
    assert answer(at.tap(LI, IN)) == ("denied", "CONSOLE_UNREACHABLE")


def test_somebody_of_the_customer_or_own_staff_brings_it_in() -> None:
    at = arrived(ONE)
    at.item("SN-1", IN)
    assert reason(at.tap(SUN, IN)) == "NOT_THE_CUSTOMER"
    assert told(at.tap(GUO, IN))[0] == "reserved SN-1"


def test_a_part_of_the_delivery_goes_in_when_the_tapper_says_so_twice() -> None:
    at = arrived()
    at.item("SN-1", IN)
    first = at.tap(LI, IN)
    assert answer(first) == ("pending", "ITEMS_MISSING")
    assert shown(first) == "pending"
    at.wait(1.5)
    assert answer(at.tap(LI, IN)) == ("pending", "ITEMS_MISSING")
    at.wait(1.5)
    assert told(at.tap(LI, IN)) == ["reserved SN-1", "ended reserved left 3"]
    at.through()
    assert told(at.document(order())) == ["started W-1"]
    assert told(at.item("SN-1", IN)) == ["refused ITEM_ALREADY_IN"]
    assert told(at.item("SN-2", IN)) == ["accepted SN-2 left 2"]


def test_the_question_ends_in_a_denial() -> None:
    at = arrived()
    at.item("SN-1", IN)
    at.tap(LI, IN)
    assert answers(elapsed(at, 8)) == [("li", "denied", "ITEMS_MISSING")]


def test_a_pair_brings_it_in_together() -> None:
    at = GoodsHall(goods_policy(order(1, ONE), at=site(hall={"two_person": True})))
    at.document(order(1, ONE))
    at.item("SN-1", IN)
    assert answer(at.tap(LI, IN)) == ("pending", "SECOND_PERSON_REQUIRED")
    both = at.tap(WANG, IN)
    assert told(both) == ["reserved SN-1", "ended reserved left 0"]
    assert len(answers(both)) == 2
    assert told(at.through()) == ["moved SN-1"]


def test_who_waits_for_a_second_person_is_not_denied_for_want_of_an_order() -> None:
    at = GoodsHall(goods_policy(order(1, ONE), at=site(hall={"two_person": True})))
    assert answer(at.tap(LI, IN)) == ("pending", "SECOND_PERSON_REQUIRED")
    assert answers(at.tap(WANG, IN)) == [("wang", "denied", "NO_WORK_ORDER")]


def test_who_brings_it_in_may_tap_again_before_the_leaf_opens() -> None:
    at = arrived(ONE)
    at.item("SN-1", IN)
    at.tap(LI, IN)
    at.wait(2)
    assert answer(at.tap(LI, IN)) == ("granted", "PERMITTED")
    assert told(at.leaf()) == ["moved SN-1"]


def test_a_bare_number_opens_a_goods_door_neither_way() -> None:
    """MEANINGS 30."""
    at = arrived(ONE)
    at.item("SN-1", IN)
    assert reason(at.tap(LI, IN, assurance="identified")) == "NOT_AUTHENTICATED"
    assert reason(at.tap(LI, OUT, assurance="identified")) == "NOT_AUTHENTICATED"


REPAIR = slip(1, ONE, kind="repair", carriers=(1,), return_until_us=START_US + 9 * DAY_US)


def taken_out() -> GoodsHall:
    at = in_the_hall(goods(REPAIR, items=(Item(1, "SN-1", "R750", 1),)), LI)
    at.tap(LI, OUT)
    at.document(REPAIR)
    at.item("SN-1")
    assert told(at.through()) == ["moved SN-1"]
    return at


def test_what_went_out_for_repair_comes_back_under_the_same_slip_and_does_not_go_out_again() -> None:
    """E5: the repaired device returns under its slip's number, once."""
    at = taken_out()
    assert told(at.document(REPAIR, IN)) == ["started S-1"]
    assert told(at.item("SN-1", IN)) == ["accepted SN-1 left 0"]
    assert told(at.tap(LI, IN)) == ["reserved SN-1", "ended reserved left 0"]
    assert told(at.through()) == ["moved SN-1"]
    assert told(at.document(REPAIR, IN)) == ["refused WRONG_DIRECTION"]
    at.tap(LI, OUT)
    assert told(at.document(REPAIR)) == ["refused SLIP_SPENT"]


def test_one_of_two_that_came_back_does_not_take_the_others_place_on_the_slip() -> None:
    two = slip(1, Line(1, "R750", 2, ("SN-1", "SN-2")), return_until_us=START_US + DAY_US)
    at = in_the_hall(goods(two), LI)
    at.tap(LI, OUT)
    at.document(two)
    at.item("SN-1")
    at.wait(2)
    at.tap(LI, OUT)
    at.through()
    at.document(two, IN)
    assert told(at.item("SN-2", IN)) == ["refused ITEM_NOT_ON_SLIP"]
    at.item("SN-1", IN)
    at.tap(LI, IN)
    at.through()
    at.tap(LI, OUT)
    at.document(two)
    assert told(at.item("SN-1")) == ["refused SLIP_SPENT"]
    assert told(at.item("SN-2"))[0] == "accepted SN-2 left 0"


def test_what_is_out_comes_back_under_a_slip_that_was_cancelled_meanwhile() -> None:
    at = taken_out()
    cancelled = msgspec.structs.replace(REPAIR, cancelled=True)
    at.adopt(goods_policy(cancelled, n=2))
    assert told(at.document(cancelled, IN)) == ["started S-1"]
    assert told(at.item("SN-1", IN)) == ["accepted SN-1 left 0"]


def test_the_later_word_says_where_a_device_is_and_whose() -> None:
    """What the edge saw counts until the server knows of it, or of something later (a correction, a sale, a merge)."""
    at = taken_out()
    moved_us = at.engine.state.moved["SN-1"].at_us
    again = slip(2, ONE, customer=None, kind="site")

    def says(inside: bool, as_of_us: int, n: int) -> list[str]:
        item = Item(1, "SN-1", "R750", 2, inside, as_of_us)
        at.adopt(goods_policy(order(1, ONE), again, items=(item,), n=n))
        at.document(order(1, ONE), IN)
        return told(at.item("SN-1", IN))

    assert says(True, moved_us - 1, 2) == ["accepted SN-1 left 0"], "an older inventory: the device is outside"
    assert says(True, moved_us, 3) == ["refused ITEM_OF_ANOTHER_CUSTOMER"], "the server knows: back, and another's"
    assert says(False, moved_us + 1, 4) == ["accepted SN-1 left 0"], "it left again: it may come as somebody else's"


def test_what_was_out_before_the_slip_was_bound_here_may_come_back_here() -> None:
    bound = slip(1, Line(1, "R750", 1, ("SN-2",)), returns=(ONE,), return_until_us=START_US + DAY_US)
    at = goods(bound)
    assert told(at.document(bound, IN)) == ["started S-1"]
    assert told(at.item("SN-2", IN)) == ["refused ITEM_NOT_ON_SLIP"]
    assert told(at.item("SN-1", IN)) == ["accepted SN-1 left 0"]


def test_a_slip_of_which_nothing_is_out_brings_nothing_in() -> None:
    at = goods(REPAIR, slip(2, ONE))
    assert told(at.document(REPAIR, IN)) == ["refused WRONG_DIRECTION"]
    assert told(at.document(slip(2, ONE), IN)) == ["refused WRONG_DIRECTION"]


def test_an_order_does_not_take_anything_out() -> None:
    at = in_the_hall(goods(order()), LI)
    at.tap(LI, OUT)
    assert told(at.document(order(), OUT)) == ["refused WRONG_DIRECTION"]


def test_a_slip_may_be_late_for_the_way_out_and_in_time_for_the_way_back() -> None:
    at = taken_out()
    at.wait(2 * 86_400)
    at.give_lease()
    assert told(at.document(REPAIR, IN)) == ["started S-1"]
    at.wait(8 * 86_400)
    assert told(at.document(REPAIR, IN))[-1] == "refused SLIP_WRONG_DATE"


def test_reserved_and_not_taken_may_come_in_later() -> None:
    at = arrived(ONE)
    at.item("SN-1", IN)
    at.tap(LI, IN)
    at.wait(6)
    assert told(at.give(TimeElapsed())) == ["freed lapsed"]
    at.document(order(1, ONE))
    assert told(at.item("SN-1", IN)) == ["accepted SN-1 left 0"]


def test_visitors_fetched_from_inside_bring_in_what_was_checked_or_nothing() -> None:
    at = in_the_hall(goods(order(1, ONE)), GUO)
    at.tap(XU, IN)
    fetched = at.tap(GUO, OUT)
    assert events(fetched, EscortConfirmed)
    assert answers(fetched) == [("xu", "denied", "NO_WORK_ORDER")]
    at.document(order(1, ONE))
    at.item("SN-1", IN)
    at.wait(2)
    at.tap(XU, IN)
    assert told(at.tap(GUO, OUT)) == ["reserved SN-1", "ended reserved left 0"]
    assert told(at.through()) == ["moved SN-1"]


def test_the_escort_inside_answers_for_visitors_of_another_customer() -> None:
    of_another = order(1, ONE, customer=2)
    at = in_the_hall(goods(of_another), GUO)
    at.document(of_another)
    at.item("SN-1", IN)
    at.tap(XU, IN)
    (reserved,) = events(at.tap(GUO, OUT), ItemsReserved)
    assert isinstance(reserved, ItemsReserved)
    assert (reserved.holder, reserved.customer) == (XU.holder, 2)
    assert told(at.through()) == ["moved SN-1"]
