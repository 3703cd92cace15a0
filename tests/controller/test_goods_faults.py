"""Restarts, power cuts between two devices, a journal that fails, the clock: what a check, a reservation and a move survive (E6, L2, MEANINGS 1, 2, 25)."""

import msgspec

from controller.catch_up import catch_up
from controller.commands import SetMaintenance
from controller.engine import MAX_WAITING_RECORDS, Engine
from controller.events import decode_record
from controller.fold import apply, fold
from controller.goods_events import ItemsFreed, ItemsMoved, ScannedItem
from controller.index import PolicyIndex
from controller.inputs import DeviceFaulted, DoorContact, ItemScanned, JournalChanged, RexPressed, Stopped, TimeElapsed
from controller.policy import Line, Policy
from controller.state import MAX_MOVED_KEPT, MOVED_KEPT_US, State, decode_state, encode_state, snapshot
from controller.turn import Turn
from controller.what_if import Doors, Each, Recheck
from tests.controller.building import DAY_US, LI, WANG, digest
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
    site,
    slip,
    told,
)
from tests.controller.stories import order as command

UNCHECKED = f"EQUIPMENT_UNCHECKED/{GOODS_DOOR}"


def scanned(*texts: str, of: object = None) -> GoodsHall:
    """A check in which these devices were scanned."""
    document = of or slip()
    at = in_the_hall(goods(document), LI)  # type: ignore[arg-type]
    at.tap(LI, OUT)
    at.document(document)  # type: ignore[arg-type]
    for text in texts:
        at.item(text)
    return at


def restart(at: GoodsHall, *documents: object) -> GoodsHall:
    """kill -9: what the journal holds is all there is."""
    state = State()
    for encoded in at.encoded:
        fold(state, decode_record(encoded))
    assert state == at.engine.state
    at.begin(state, f"boot-{len(at.records)}", goods_policy(*documents))  # type: ignore[arg-type]
    at.settle()
    return at


def test_a_power_cut_between_two_devices_ends_the_check_and_nothing_of_it_counts() -> None:
    at = restart(scanned("SN-1", "SN-2"), slip())
    assert at.engine.state.checks == {}
    assert at.alarms == set()
    at.tap(LI, OUT)
    at.document(slip())
    assert told(at.item("SN-1")) == ["accepted SN-1 left 3"]


def test_a_restart_frees_what_was_reserved_and_tells_the_guard() -> None:
    at = restart(scanned("SN-1", of=slip(1, ONE)), slip(1, ONE))
    assert at.engine.state.reserved == {}
    assert at.engine.state.alarms[UNCHECKED].inputs == {"cause": "restart", "openings": 1}
    begun = next(record for record in reversed(at.records) if any(isinstance(one, ItemsFreed) for one in record.events))
    (freed,) = [one for one in begun.events if isinstance(one, ItemsFreed)]
    assert freed.cause == "restart"
    at.tap(LI, OUT)
    at.document(slip(1, ONE))
    assert told(at.item("SN-1"))[0] == "accepted SN-1 left 0"


def test_what_has_moved_is_known_after_a_restart() -> None:
    at = scanned("SN-1", of=slip(1, ONE))
    at.through()
    restart(at, slip(1, ONE))
    in_the_hall(at, WANG)
    at.tap(WANG, OUT)
    assert told(at.document(slip(1, ONE))) == ["refused SLIP_SPENT"]


def test_an_orderly_stop_frees_what_was_reserved() -> None:
    at = scanned("SN-1", of=slip(1, ONE))
    assert told(at.give(Stopped("SIGTERM"))) == ["freed lapsed"]


def test_a_checkpoint_keeps_checks_reservations_and_moves() -> None:
    at = scanned("SN-1")
    assert decode_state(encode_state(at.engine.state)) == at.engine.state
    at = scanned("SN-1", of=slip(1, ONE))
    assert decode_state(encode_state(at.engine.state)) == at.engine.state
    at.through()
    assert decode_state(encode_state(at.engine.state)) == at.engine.state


def test_a_commit_that_fails_reserves_nothing_and_unlocks_nothing() -> None:
    at = scanned(of=slip(1, ONE))
    last = at.engine.handle(ItemScanned(OUT, "SN-1", at.now.mono_us), at.now)
    assert told(last)[-1] == "ended reserved left 0"
    instead = at.engine.journal_failed("disk full", at.now)
    assert [one for outcome in instead for one in told(outcome)] == ["refused JOURNAL_UNAVAILABLE"]
    assert at.engine.state.reserved == {}
    assert at.engine.door(GOODS_DOOR).lock == "locked"


def test_while_the_journal_fails_the_carrier_leaves_without_equipment() -> None:
    """L1, MEANINGS 2: nothing moves that was not reserved on record."""
    at = scanned("SN-1")
    at.engine.handle(JournalChanged(available=False, cause="disk full"), at.now)
    at.wait(3)
    gone = at.engine.handle(at.read(LI, OUT), at.now)
    assert told(gone) == []
    at.engine.handle(DoorContact(GOODS_DOOR, open=True), at.now)
    assert at.engine.state.alarms[UNCHECKED].inputs["cause"] == "badge"


def test_what_moved_while_no_record_could_be_kept_is_told_afterwards() -> None:
    at = scanned("SN-1", of=slip(1, ONE))
    recorded = snapshot(at.engine.state)
    at.through()
    live = at.engine.state
    turn = turn_on(at, recorded)
    catch_up(turn, live)
    (moved,) = [one for one in turn.events if isinstance(one, ItemsMoved)]
    assert moved.items == (ScannedItem(1, "SN-1"),)
    assert recorded.passed == live.passed
    assert set(recorded.moved) == set(live.moved)
    assert recorded.reserved == live.reserved == {}


def test_what_was_freed_while_no_record_could_be_kept_is_told_afterwards() -> None:
    at = scanned("SN-1", of=slip(1, ONE))
    recorded = snapshot(at.engine.state)
    at.wait(10)
    at.give(TimeElapsed())
    turn = turn_on(at, recorded)
    catch_up(turn, at.engine.state)
    (freed,) = [one for one in turn.events if isinstance(one, ItemsFreed)]
    assert freed.cause == "lapsed"
    assert recorded.passed == {}


def test_a_check_that_ended_while_no_record_could_be_kept_ends_on_record() -> None:
    at = scanned("SN-1")
    recorded = snapshot(at.engine.state)
    at.wait(200)
    at.give(TimeElapsed())
    turn = turn_on(at, recorded)
    catch_up(turn, at.engine.state)
    assert recorded.checks == {}


def test_openings_that_nobody_recorded_are_counted_when_records_are_kept_again() -> None:
    at = goods()
    at.give(RexPressed(GOODS_DOOR))
    at.through()
    recorded = snapshot(at.engine.state)
    at.give(RexPressed(GOODS_DOOR))
    at.through()
    turn = turn_on(at, recorded)
    catch_up(turn, at.engine.state)
    assert recorded.alarms[UNCHECKED].inputs == {"cause": "rex", "openings": 2}


def turn_on(at: GoodsHall, state: State) -> Turn:
    hardware = {one.door: one for one in GOODS_HARDWARE}
    return Turn(state, at.engine.index, hardware, "edge-1", at.now.wall_us, at.now.mono_us)


def test_the_engine_catches_up_with_devices_after_its_memory_was_full() -> None:
    at = scanned("SN-1", of=slip(1, ONE))
    engine: Engine = at.engine
    engine.handle(JournalChanged(available=False, cause="disk full"), at.now)
    while len(engine.pending) < MAX_WAITING_RECORDS:
        engine.handle(RexPressed("lobby-door"), at.now)
    engine.handle(DoorContact(GOODS_DOOR, open=True), at.now)
    assert len(engine.pending) == MAX_WAITING_RECORDS
    engine.commit()
    back = engine.handle(JournalChanged(available=True), at.now)
    assert told(back) == ["moved SN-1"]
    assert engine.state.moved["SN-1"].inside is False


def test_what_has_passed_is_forgotten_a_month_after_the_documents_window() -> None:
    at = scanned("SN-1", of=slip(1, ONE))
    at.through()
    assert at.engine.state.passed
    later = slip(
        2,
        Line(1, "R750", 1, ("SN-2",)),
        from_us=0,
        until_us=at.now.wall_us + 2 * DAY_US + 2 * MOVED_KEPT_US,
    )
    at.wait(2 * 86_400 + MOVED_KEPT_US / 1_000_000)
    at.adopt(goods_policy(later, n=2))
    at.give_lease()
    in_the_hall(at, LI)
    at.tap(LI, OUT)
    at.document(later)
    at.item("SN-2")
    at.through()
    assert list(at.engine.state.passed) == ["slip/2/1/out"]
    assert list(at.engine.state.moved) == ["SN-2"]


def test_of_many_devices_the_oldest_moves_are_forgotten_but_not_what_a_slip_has_let_pass() -> None:
    state = State()
    plain = ItemsMoved(OUT, GOODS_DOOR, "slip", 1, 1, "S-1", "out", 1, (), 2 * DAY_US, 1, 1)
    many = MAX_MOVED_KEPT + 5
    apply(state, msgspec.structs.replace(plain, items=tuple(ScannedItem(1, f"SN-{n}") for n in range(many))), DAY_US, 0)
    assert len(state.moved) == MAX_MOVED_KEPT
    assert "SN-4" not in state.moved
    assert len(state.passed["slip/1/1/out"].serials) == many


def test_a_scanner_at_a_door_under_maintenance_is_alarmed_when_that_ends() -> None:
    at = goods()
    at.give(command(SetMaintenance(GOODS_DOOR, 1, "scanner exchanged")))
    at.give(DeviceFaulted(f"scanner:{OUT}", "scanner", "unplugged"))
    assert at.alarms == set()
    at.wait(60)
    at.give(TimeElapsed())
    assert at.alarms == {f"READER_FAULT/scanner:{OUT}"}


def differences(at: GoodsHall, other: Policy) -> list[tuple[str, str, str, str]]:
    """What each scan and tap would be answered under another policy: where, what, then, now."""
    doors = Doors("j" * 8, GOODS_HARDWARE, "edge-1")
    each = Each(doors, State(), PolicyIndex(other))
    told = [one for record in at.records for one in each.take(record).differences]
    words = [(one.recorded, one.now) for one in told]
    return [
        (one.access_point, one.number, "" if was is None else was.decision, "" if now is None else now.decision)
        for one, (was, now) in zip(told, words, strict=True)
    ]


def test_what_if_compares_scans() -> None:
    """B9: recorded scans are decided again under another policy."""
    at = scanned("SN-1", "SN-9")
    found = differences(at, goods_policy(slip(cancelled=True)))
    assert (OUT, "S-1", "accepted", "refused") in found
    assert (OUT, "S-1 SN-1", "accepted", "refused") in found
    assert differences(at, goods_policy(slip())) == []


def test_recorded_scans_come_out_again_byte_for_byte() -> None:
    at = scanned("SN-1", of=slip(1, ONE))
    at.through()
    at.give(RexPressed(GOODS_DOOR))
    at.through()
    same = goods_policy(slip(1, ONE))
    recheck = Recheck(Doors("j" * 8, GOODS_HARDWARE, "edge-1"), State(), [PolicyIndex(same)], [digest(same)])
    verdicts = [recheck.take(record, encoded) for record, encoded in zip(at.records, at.encoded, strict=True)]
    assert set(verdicts) == {"same"}


def test_a_restart_while_somebody_was_leaving_is_told_and_one_while_somebody_entered_is_not() -> None:
    at = goods()
    at.give(RexPressed(GOODS_DOOR))
    restart(at)
    assert at.engine.state.alarms[UNCHECKED].inputs == {"cause": "restart", "openings": 1}
    at = GoodsHall(goods_policy(at=site(goods="out")))
    at.tap(LI, IN)
    restart(at)
    assert UNCHECKED not in at.alarms


def test_a_leaf_found_open_at_the_start_was_opened_by_nobody_who_is_known() -> None:
    at = goods()
    at.begin(snapshot(at.engine.state), "boot-2", goods_policy())
    at.give(DoorContact(GOODS_DOOR, open=True))
    assert at.engine.state.alarms[UNCHECKED].inputs == {"cause": "restart", "openings": 1}
    at.give(DoorContact("hall-door", open=True))
    assert UNCHECKED in at.alarms
