"""The relays' state: latches, timers, a stuck board."""

from hypothesis import given
from hypothesis import strategies as st

from sim.boards.relays import Relays


def test_a_plain_write_latches() -> None:
    relays = Relays()
    relays.set(3, True, 0.0)
    relays.advance(1e6)
    assert relays.outputs == [False, False, False, True, False, False, False, False]


def test_the_board_itself_ends_a_pulse() -> None:
    relays = Relays()
    relays.flash(0, True, 7, 10.0)
    assert relays.outputs[0]
    assert relays.next_end_s() == 10.7
    relays.advance(10.69)
    assert relays.outputs[0]
    relays.advance(10.7)
    assert not relays.outputs[0]
    assert relays.next_end_s() is None


def test_flash_off_releases_and_then_energises() -> None:
    relays = Relays()
    relays.flash(1, False, 5, 0.0)
    assert not relays.outputs[1]
    relays.advance(0.5)
    assert relays.outputs[1]


def test_a_second_pulse_starts_the_time_anew() -> None:
    relays = Relays()
    relays.flash(0, True, 10, 0.0)
    relays.flash(0, True, 10, 0.9)
    relays.advance(1.5)
    assert relays.outputs[0]
    relays.advance(1.9)
    assert not relays.outputs[0]


def test_a_plain_write_ends_the_timer() -> None:
    relays = Relays()
    relays.flash(0, True, 10, 0.0)
    relays.set(0, True, 0.5)
    relays.advance(100.0)
    assert relays.outputs[0]


def test_a_stuck_relay_stays_and_follows_once_freed() -> None:
    relays = Relays()
    seen: list[tuple[int, bool]] = []
    relays.on_output = lambda channel, on, _at_s: seen.append((channel, on))
    relays.stick(True, 0.0)
    relays.set(2, True, 0.0)
    assert not relays.outputs[2]
    assert seen == [(2, False)]
    relays.stick(False, 1.0)
    assert relays.outputs[2]
    assert seen[-1] == (2, True)


@given(st.lists(st.tuples(st.integers(0, 7), st.booleans(), st.integers(1, 50), st.floats(0, 5)), max_size=20))
def test_after_every_pulse_has_ended_each_relay_is_opposite_to_its_last_pulse(
    pulses: list[tuple[int, bool, int, float]],
) -> None:
    relays, now_s, last = Relays(), 0.0, {}
    for channel, on, tenths, pause_s in pulses:
        now_s += pause_s
        relays.advance(now_s)
        relays.flash(channel, on, tenths, now_s)
        last[channel] = not on
    relays.advance(now_s + 100)
    assert relays.next_end_s() is None
    assert relays.outputs == [last.get(channel, False) for channel in range(8)]
