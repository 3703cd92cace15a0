from dataclasses import replace

from sim.tap_times import Exchange, Release, ScanTimes, TapTimes, scan_times, tap_times

# one look that finds nothing, one that finds the card and reads it in two commands, and the next look
LOOKS = [
    Exchange(10.000, 0.050, 0.000, 0.000),
    Exchange(10.100, 0.080, 0.010, 0.010, found_at_s=10.108),
    Exchange(10.111, 0.001, 0.012, 0.016),
    Exchange(10.215, 0.060, 0.020, 0.046),
]
RELEASE = Release(10.159, 10.160, 0.001)


def test_a_tap_is_taken_apart() -> None:
    assert tap_times(LOOKS, 10.060, RELEASE) == TapTimes(wire_ms=11.0, chip_ms=36.0, poll_gap_ms=40.0, edge_ms=5.0)


def test_a_card_laid_down_during_the_look_that_finds_it_waited_for_none() -> None:
    times = tap_times(LOOKS, 10.104, RELEASE)
    assert times is not None
    assert times.poll_gap_ms == 0.0


def test_before_the_next_look_and_without_a_find_nothing_is_known() -> None:
    assert tap_times(LOOKS[:3], 10.060, RELEASE) is None
    assert tap_times(LOOKS, 10.109, RELEASE) is None
    assert tap_times([replace(each, found_at_s=None) for each in LOOKS], 10.060, RELEASE) is None
    assert tap_times([], 10.060, RELEASE) is None


def test_a_door_that_opened_before_the_card_was_read_did_not_open_for_it() -> None:
    assert tap_times(LOOKS, 10.060, Release(10.120, 10.121, 0.001)) is None


def test_a_scan_is_timed_from_its_last_byte_to_the_command_that_lit_the_lamp() -> None:
    assert scan_times(10.0, 0.018, Release(10.007, 10.008, 0.001)) == ScanTimes(scan_ms=18.0, wire_ms=1.0, edge_ms=7.0)
    assert scan_times(10.0, 0.018, Release(9.999, 10.008, 0.001)) is None
