"""Every scan is judged in one order; the first refusal wins and changes nothing else (E1, E2, E4-E6, E8; docs/goods.md, Scans)."""

from collections.abc import Callable

import msgspec
import pytest

from controller.events import CommandDone
from controller.inputs import (
    DocumentScanned,
    FireInput,
    GasInput,
    ItemScanned,
    JournalChanged,
    ScanCancelled,
    ScanRefused,
    TimeElapsed,
)
from controller.now import Now
from controller.policy import ExitSlip, Item, Line, WorkOrder
from tests.controller.building import DAY_US, GUO, KEYHOLDER, LI, START_US, SUN, WANG, badge, events
from tests.controller.goods import (
    GOODS_DOOR,
    IN,
    ITEMS,
    ONE,
    OUT,
    GoodsHall,
    goods,
    goods_policy,
    in_the_hall,
    order,
    refusal,
    shown,
    site,
    slip,
    told,
)
from tests.controller.rooms import answer

REPAIR = slip(1, ONE, kind="repair", carriers=(2,))
OWN = slip(1, Line(1, "NAS", 1, ("SN-4",)), kind="site", customer=None)


def waiting(document: ExitSlip, *others: ExitSlip | WorkOrder, who: object = LI, **fields: object) -> GoodsHall:
    """Somebody in the hall has tapped at the way out."""
    at = in_the_hall(goods(document, *others, **fields), who)  # type: ignore[arg-type]
    at.tap(who, OUT)  # type: ignore[arg-type]
    return at


def test_a_late_scan_counts_for_nothing() -> None:
    """L4 for codes as for cards."""
    at = waiting(slip())
    old, future = at.now.mono_us - 2_000_001, at.now.mono_us + 2_000_001
    assert told(at.document(slip(), read_at_mono_us=old)) == ["refused LATE_READ"]
    assert told(at.document(slip(), read_at_mono_us=future)) == ["refused LATE_READ"]
    at.document(slip())
    assert told(at.item("SN-1", read_at_mono_us=old)) == ["refused LATE_READ"]
    assert told(at.give(ScanCancelled(OUT, old))) == ["refused LATE_READ"]
    assert at.engine.state.checks[OUT].scanned == ()


def test_a_scan_where_nothing_is_checked_is_refused() -> None:
    at = goods(slip())
    assert refusal(at.item("SN-1", "nowhere")) == "NO_SUCH_POINT"
    assert refusal(at.item("SN-1", "hall-out")) == "NOT_A_GOODS_DOOR"
    assert refusal(at.document(slip(), "hall-out")) == "NOT_A_GOODS_DOOR"


@pytest.mark.parametrize("cause", ["noise", "too_long", "half", "check"])
def test_what_is_no_code_is_told_and_disturbs_no_check(cause: str) -> None:
    at = waiting(slip())
    at.document(slip())
    told_so = at.give(ScanRefused(OUT, cause, 4_096, at.now.mono_us))  # type: ignore[arg-type]
    assert told(told_so) == ["refused SCAN_UNREADABLE"]
    assert shown(told_so) == "denied"
    assert told(at.item("SN-1")) == ["accepted SN-1 left 3"]


def test_while_the_journal_fails_nothing_is_checked() -> None:
    at = waiting(slip(1, ONE))
    at.document(slip(1, ONE))
    at.engine.handle(JournalChanged(available=False, cause="disk full"), at.now)
    assert refusal(at.engine.handle(ItemScanned(OUT, "SN-1", at.now.mono_us), at.now)) == "JOURNAL_UNAVAILABLE"
    scanned = DocumentScanned(OUT, "slip", slip(1, ONE).code, at.now.mono_us)
    assert refusal(at.engine.handle(scanned, at.now)) == "JOURNAL_UNAVAILABLE"


def test_gas_lets_no_check_begin() -> None:
    at = waiting(slip())
    at.give(GasInput("z1", active=True))
    assert refusal(at.document(slip())) == "AREA_UNSAFE"


def test_a_door_that_fire_released_ignores_scans() -> None:
    at = waiting(slip())
    at.give(FireInput("z1", active=True))
    assert at.document(slip()).record is None
    assert at.item("SN-1").record is None


def test_a_document_that_the_policy_has_not_is_unknown() -> None:
    at = waiting(slip())
    assert told(at.document(slip(9))) == ["refused UNKNOWN_DOCUMENT"]


def test_a_document_needs_a_time_that_somebody_vouches_for() -> None:
    at = waiting(slip())
    at.now = Now(at.now.wall_us, at.now.mono_us, wall_trusted=False)
    assert refusal(at.document(slip())) == "TIME_UNTRUSTED"


REFUSED: list[tuple[str, ExitSlip]] = [
    ("SLIP_BOUND_ELSEWHERE", slip(edge="edge-2")),
    ("SLIP_BOUND_ELSEWHERE", slip(door="lobby-door")),
    ("SLIP_CANCELLED", slip(cancelled=True)),
    ("SLIP_SPENT", slip(1, msgspec.structs.replace(ONE, quantity=0))),
    ("SLIP_WRONG_DATE", slip(until_us=START_US)),
    ("SLIP_WRONG_DATE", slip(from_us=START_US + DAY_US)),
]


@pytest.mark.parametrize(("why", "document"), REFUSED)
def test_a_slip_is_refused_by_the_first_of_its_rules(why: str, document: ExitSlip) -> None:
    at = waiting(document)
    assert refusal(at.document(document)) == why
    assert ("SLIP_REUSED/S-1" in at.alarms) == (why in ("SLIP_CANCELLED", "SLIP_SPENT"))
    assert at.engine.state.checks == {}


@pytest.mark.parametrize(
    ("why", "document"),
    [
        ("ORDER_BOUND_ELSEWHERE", order(edge="")),
        ("ORDER_DONE", order(1, msgspec.structs.replace(ONE, quantity=0))),
        ("ORDER_WRONG_DATE", order(until_us=START_US)),
        ("WORK_ORDER_LATE", order(ready_us=START_US + DAY_US)),
        ("PACKAGING_NOT_REMOVED", order(unpacked=False)),
    ],
)
def test_an_order_is_refused_by_the_first_of_its_rules(why: str, document: WorkOrder) -> None:
    at = goods(document)
    assert refusal(at.document(document)) == why
    assert at.alarms == set()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (slip(edge="edge-2", cancelled=True), "SLIP_BOUND_ELSEWHERE"),
        (slip(cancelled=True, until_us=START_US), "SLIP_CANCELLED"),
        (slip(1, msgspec.structs.replace(ONE, quantity=0), until_us=START_US), "SLIP_SPENT"),
        (slip(until_us=START_US, carriers=(9,)), "SLIP_WRONG_DATE"),
    ],
)
def test_of_several_refusals_the_first_wins(first: ExitSlip, then: str) -> None:
    assert refusal(waiting(first).document(first)) == then


def test_the_boundaries_of_a_window_are_its_first_and_not_its_last_moment() -> None:
    at = waiting(slip())
    document = slip(from_us=at.now.wall_us, until_us=at.now.wall_us + 1)
    assert at.adopt(goods_policy(document, n=2)).record is not None
    assert told(at.document(document)) == ["started S-1"]
    at.wait(0.000_001)
    assert told(at.document(document))[-1] == "refused SLIP_WRONG_DATE"


def test_the_carrier_taps_first() -> None:
    at = in_the_hall(goods(slip()), LI)
    assert refusal(at.document(slip())) == "CARRIER_REQUIRED"
    at.tap(LI, OUT)
    at.wait(60)
    assert refusal(at.document(slip())) == "CARRIER_REQUIRED"


def test_a_repair_slip_is_for_its_named_carriers() -> None:
    """E5."""
    at = waiting(REPAIR)
    (refused,) = at.document(REPAIR).record.events  # type: ignore[union-attr]
    assert refused.because.inputs == {"number": "li", "slip": "S-1"}  # type: ignore[union-attr]
    at.tap(WANG, OUT)
    assert told(at.document(REPAIR)) == ["started S-1"]
    nobody = slip(1, ONE, kind="repair")
    assert refusal(waiting(nobody).document(nobody)) == "NOT_A_NAMED_CARRIER"


def test_the_sites_own_equipment_is_carried_by_own_staff() -> None:
    """E8."""
    at = waiting(OWN)
    assert refusal(at.document(OWN)) == "NOT_A_NAMED_CARRIER"
    at.tap(GUO, OUT)
    assert told(at.document(OWN)) == ["started S-1"]
    assert told(at.item("SN-4"))[0] == "accepted SN-4 left 0"


def test_the_latest_of_those_who_may_carry_is_the_carrier() -> None:
    at = waiting(slip(1, ONE))
    at.tap(WANG, OUT)
    at.tap(GUO, OUT)
    at.document(slip(1, ONE))
    assert at.engine.state.checks[OUT].started.holder == WANG.holder


def test_a_carrier_whose_exit_would_be_irregular_carries_nothing() -> None:
    ended = badge(2, "wang", until_us=START_US + 30_000_000)
    at = GoodsHall(goods_policy(REPAIR, badges=(LI, ended, GUO)))
    in_the_hall(at, ended)
    at.wait(40)
    assert answer(at.tap(ended, OUT))[0] == "pending"
    assert refusal(at.document(REPAIR)) == "BADGE_EXPIRED"


def test_a_carrier_suspended_during_the_check_takes_nothing_out() -> None:
    at = waiting(slip(1, ONE))
    at.document(slip(1, ONE))
    at.adopt(goods_policy(slip(1, ONE), badges=(msgspec.structs.replace(LI, status="suspended"), GUO), n=2))
    assert told(at.item("SN-1")) == ["accepted SN-1 left 0", "ended withdrawn left 0"]
    assert at.engine.state.reserved == {}
    at.wait(4)
    assert answer(at.tap(LI, OUT)) == ("granted", "WAY_OUT")


def test_another_document_replaces_the_check_that_runs() -> None:
    other = slip(2, msgspec.structs.replace(ONE, serials=("SN-2",)))
    at = waiting(slip(), other)
    at.document(slip())
    at.item("SN-1")
    assert told(at.document(other)) == ["ended replaced left 3", "started S-2"]
    assert refusal(at.item("SN-1")) == "ITEM_NOT_ON_SLIP"
    assert told(at.document(slip())) == ["ended replaced left 1", "started S-1"]
    assert told(at.item("SN-1")) == ["accepted SN-1 left 3"]


def test_the_same_document_again_before_anything_is_scanned_gives_it_time() -> None:
    at = waiting(slip())
    at.document(slip())
    at.wait(50)
    assert told(at.document(slip())) == ["started S-1"]
    at.wait(100)
    assert told(at.item("SN-1")) == ["accepted SN-1 left 3"]


def test_the_same_document_again_begins_anew_when_something_is_scanned() -> None:
    at = waiting(slip(1, ONE, Line(2, "Rail", 1)))
    at.document(slip(1, ONE))
    at.item("SN-1")
    assert told(at.document(slip(1, ONE))) == ["ended replaced left 1", "started S-1"]
    assert told(at.item("SN-1")) == ["accepted SN-1 left 1"]


def test_one_document_is_checked_at_one_point_at_a_time() -> None:
    two = slip(1, Line(1, "R750", 2, ("SN-1", "SN-2")), return_until_us=START_US + DAY_US)
    at = waiting(two)
    at.document(two)
    at.item("SN-1")
    at.wait(2)
    at.tap(LI, OUT)
    at.through()
    at.tap(WANG, OUT)
    at.document(two)
    assert told(at.document(two, IN)) == ["ended replaced left 1", "started S-1"]
    assert set(at.engine.state.checks) == {IN}


def test_a_check_ends_for_want_of_scans() -> None:
    at = waiting(slip())
    at.document(slip())
    at.wait(119)
    at.item("SN-1")
    at.wait(119)
    assert at.give(TimeElapsed()).record is None
    assert at.engine.next_deadline_us(at.now) == at.now.mono_us + 1_000_000
    at.wait(1)
    assert told(at.give(TimeElapsed())) == ["ended timed_out left 3"]
    assert refusal(at.item("SN-2")) == "NO_CHECK_RUNS"


def test_the_control_code_ends_a_check() -> None:
    at = waiting(slip())
    at.document(slip())
    at.item("SN-1")
    assert told(at.cancel()) == ["ended cancelled left 3"]
    assert at.cancel().record is None
    at.document(slip())
    assert told(at.item("SN-1")) == ["accepted SN-1 left 3"]


def test_a_device_needs_a_check() -> None:
    assert refusal(goods(slip()).item("SN-1")) == "NO_CHECK_RUNS"


def test_a_device_is_scanned_once() -> None:
    at = waiting(slip())
    at.document(slip())
    at.item("SN-1")
    assert refusal(at.item("SN-1")) == "ITEM_SCANNED_TWICE"


def test_what_is_another_customers_does_not_pass() -> None:
    """E6: by the inventory, by the last passage, and whatever the slip says."""
    theirs = slip(1, Line(1, "R750", 3, ("SN-3", "SN-4", "SN-1")))
    at = waiting(theirs, items=ITEMS)
    at.document(theirs)
    assert refusal(at.item("SN-3")) == "ITEM_OF_ANOTHER_CUSTOMER"
    assert refusal(at.item("SN-4")) == "ITEM_OF_ANOTHER_CUSTOMER"  # the site's own
    assert told(at.item("SN-1")) == ["accepted SN-1 left 2"]


def test_what_came_in_under_one_customer_does_not_leave_under_another() -> None:
    bring, take = order(1, ONE), slip(1, ONE, customer=2)
    at = goods(bring, take)
    at.document(bring)
    at.item("SN-1", IN)
    at.tap(LI, IN)
    at.through()
    in_the_hall(at, SUN)
    at.tap(SUN, OUT)
    at.document(take)
    assert refusal(at.item("SN-1")) == "ITEM_OF_ANOTHER_CUSTOMER"


def test_what_stands_in_the_inventory_does_not_come_in_again() -> None:
    at = goods(order(), items=ITEMS)
    at.document(order())
    assert refusal(at.item("SN-1", IN)) == "ITEM_ALREADY_IN"


def test_what_went_out_comes_in_again_before_the_inventory_knows() -> None:
    at = waiting(slip(1, ONE), order(1, ONE), items=ITEMS)
    at.document(slip(1, ONE))
    at.item("SN-1")
    at.through()
    at.document(order(1, ONE))
    assert told(at.item("SN-1", IN)) == ["accepted SN-1 left 0"]


def test_devices_by_model_are_counted() -> None:
    at = waiting(slip(1, Line(1, "Rail kit", 1), Line(2, "RAILKIT", 1)))
    at.document(slip(1))
    assert told(at.item("rail kit")) == ["accepted Rail kit left 1"]
    assert told(at.item("rail kit"))[0] == "accepted RAILKIT left 0"
    at.through()
    in_the_hall(at, LI)
    at.tap(LI, OUT)
    assert refusal(at.document(slip(1))) == "SLIP_SPENT"


def test_one_more_than_the_line_says_is_too_many() -> None:
    document = slip(1, Line(2, "Rail kit", 1), ONE)
    at = waiting(document)
    at.document(document)
    at.item("Rail kit")
    (refused,) = at.item("Rail kit").record.events  # type: ignore[union-attr]
    assert refused.because.inputs == {"serial": "RAILKIT", "number": "S-1", "quantity": 1}  # type: ignore[union-attr]
    fewer = slip(2, Line(1, "R750", 1, ("SN-1", "SN-2")), Line(2, "Rail kit", 1))
    at.adopt(goods_policy(fewer, n=2))
    at.document(fewer)
    at.item("SN-1")
    assert refusal(at.item("SN-2")) == "QUANTITY_EXCEEDED"


def test_what_is_not_on_the_document_stays() -> None:
    at = waiting(slip(), order())
    at.document(slip())
    at.item("SN-1")
    assert refusal(at.item("SN-9")) == "ITEM_NOT_ON_SLIP"
    assert told(at.item("SN-2")) == ["accepted SN-2 left 2"]
    at.document(order())
    assert refusal(at.item("SN-9", IN)) == "ITEM_NOT_ON_ORDER"


def test_a_device_reserved_under_one_document_is_not_scanned_under_another() -> None:
    both = (slip(1, ONE), slip(2, ONE))
    at = waiting(*both)
    at.document(both[0])
    at.item("SN-1")
    at.tap(WANG, OUT)
    at.document(both[1])
    assert refusal(at.item("SN-1")) == "ITEM_SCANNED_TWICE"


def test_a_window_that_ends_during_the_check_ends_it() -> None:
    ending = slip(1, ONE, Line(2, "Rail", 1), until_us=START_US + 30_000_000)
    at = waiting(ending)
    at.document(ending)
    at.item("SN-1")
    at.wait(30)
    assert told(at.item("Rail")) == ["refused SLIP_WRONG_DATE", "ended withdrawn left 1"]
    at.wait(4)
    assert told(at.tap(LI, OUT)) == []


def test_a_window_that_ended_lets_no_partial_exit_out() -> None:
    ending = slip(1, ONE, Line(2, "Rail", 1), until_us=START_US + 30_000_000)
    at = waiting(ending)
    at.document(ending)
    at.item("SN-1")
    at.wait(30)
    tapped = at.tap(LI, OUT)
    assert told(tapped) == ["ended withdrawn left 1"]
    assert answer(tapped) == ("granted", "WAY_OUT")


@pytest.mark.parametrize(
    "after",
    [
        lambda one: msgspec.structs.replace(one, cancelled=True),
        lambda one: msgspec.structs.replace(one, edge="edge-2"),
        lambda one: msgspec.structs.replace(one, binding=2),
        lambda one: msgspec.structs.replace(one, door="lobby-door"),
        lambda one: msgspec.structs.replace(one, customer=2),
        lambda one: msgspec.structs.replace(one, carriers=(2,)),
        lambda one: msgspec.structs.replace(one, lines=(msgspec.structs.replace(ONE, serials=("SN-2",)),)),
        lambda one: msgspec.structs.replace(one, until_us=START_US),
    ],
)
def test_a_policy_that_does_not_allow_it_any_more_ends_the_check(after: Callable[[ExitSlip], ExitSlip]) -> None:
    two = slip(1, ONE, Line(2, "Rail", 1))
    at = waiting(two)
    at.document(two)
    at.item("SN-1")
    assert told(at.adopt(goods_policy(after(two), n=2))) == ["ended withdrawn left 1"]
    two = slip(1, ONE)
    at = waiting(two)
    at.document(two)
    at.item("SN-1")
    assert told(at.adopt(goods_policy(after(two), n=2))) == ["freed withdrawn"]


def test_a_policy_in_which_the_device_is_anothers_ends_the_check() -> None:
    at = waiting(slip())
    at.document(slip())
    at.item("SN-1")
    theirs = (Item(1, "SN-1", "R750", 2),)
    assert told(at.adopt(goods_policy(slip(), items=theirs, n=2))) == ["ended withdrawn left 3"]


def test_a_policy_in_which_the_door_is_no_goods_door_ends_the_check() -> None:
    at = waiting(slip())
    at.document(slip())
    assert told(at.adopt(goods_policy(slip(), at=site(goods=""), n=2))) == ["ended withdrawn left 4"]


def test_the_guards_console_scans_where_no_scanner_works() -> None:
    at = waiting(slip(), who=LI)
    done = at.console(slip(), "SN-1", "SN-9", "", "Rail kit")
    assert told(done) == [
        "started S-1",
        "accepted SN-1 left 3",
        "refused ITEM_NOT_ON_SLIP",
        "refused SCAN_UNREADABLE",
        "accepted Rail kit left 2",
    ]
    assert at.engine.state.checks[OUT].started.console
    assert told(at.console(slip(), "SN-1", "SN-2", "Rail kit", "Rail kit"))[-1] == "ended reserved left 0"


def test_the_console_is_refused_as_the_document_is() -> None:
    at = in_the_hall(goods(slip(cancelled=True), order(2)), LI)

    def why(outcome: object) -> str:
        (done,) = events(outcome, CommandDone)  # type: ignore[arg-type]
        return str(done.because.reason) if done.because else ""

    assert why(at.console(slip(cancelled=True), "SN-1")) == "SLIP_CANCELLED"
    assert "SLIP_REUSED/S-1" in at.alarms
    assert why(at.console(slip(9))) == "UNKNOWN_DOCUMENT"
    assert why(at.console(order(2), reason=" ")) == "REASON_REQUIRED"
    assert why(at.console(order(2), at="hall-in")) == "NOT_A_GOODS_DOOR"
    assert why(at.console(order(2), at="nowhere")) == "NO_SUCH_POINT"
    assert why(at.console(order(2), *(["SN-1"] * 501))) == "COUNT_INVALID"
    assert why(at.console(order(2), "SN-1")) == ""
    at.give(GasInput("z1", active=True))
    assert why(at.console(order(2), "SN-1")) == "AREA_UNSAFE"
    at.give(FireInput("z1", active=True))
    assert why(at.console(order(2), "SN-1")) == "AREA_UNSAFE"


def test_staff_may_not_carry_a_customers_devices_out_unless_named() -> None:
    at = waiting(slip(1, ONE), who=KEYHOLDER)
    assert refusal(at.document(slip(1, ONE))) == "NOT_A_NAMED_CARRIER"
    named = slip(1, ONE, carriers=(KEYHOLDER.holder,))
    at.adopt(goods_policy(named, n=2))
    assert told(at.document(named)) == ["started S-1"]
    assert at.engine.state.checks[OUT].started.door == GOODS_DOOR
