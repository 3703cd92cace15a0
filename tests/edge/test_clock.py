"""The edge's clock: boot time rises, trust is asked for or given, the test hook moves the wall clock only when allowed."""

from pathlib import Path

import pytest

from controller.now import SECOND_US
from edge import clock
from edge.clock import OFFSET_CHECK_US, SystemClock, boot_id, mono_us


def test_boot_time_never_goes_back() -> None:
    readings = [SystemClock().now().mono_us for _ in range(1_000)]
    assert readings == sorted(readings)
    assert readings[-1] <= mono_us()


def test_the_boot_id_is_the_same_for_every_process_of_a_boot() -> None:
    assert boot_id() == boot_id()
    assert len(boot_id()) == 32
    assert int(boot_id(), 16) > 0


@pytest.mark.parametrize(("trust", "vouched"), [("always", True), ("never", False)])
def test_trust_can_be_decided_by_configuration(
    trust: clock.Trust, vouched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "kernel_vouches", lambda: not vouched)
    assert SystemClock(trust).now().wall_trusted is vouched


def test_otherwise_the_kernel_is_asked_and_once_vouched_for_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [False, True, False]
    monkeypatch.setattr(clock, "kernel_vouches", lambda: answers.pop(0))
    monkeypatch.setattr(clock, "TRUST_CHECK_US", 0)
    watch = SystemClock("system")
    assert [watch.now().wall_trusted for _ in range(4)] == [False, True, True, True]


def test_the_kernels_answer_is_a_plain_yes_or_no() -> None:
    assert clock.kernel_vouches() in (True, False)


def test_the_offset_file_moves_the_wall_clock_and_not_boot_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "OFFSET_CHECK_US", 0)
    offset = tmp_path / "clock_offset_s"
    plain, moved = SystemClock("always"), SystemClock("always", offset)
    offset.write_text("3600\n", encoding="ascii")
    ahead_us = moved.now().wall_us - plain.now().wall_us
    assert abs(ahead_us - 3_600 * SECOND_US) < SECOND_US
    offset.write_text("-60", encoding="ascii")
    assert moved.now().wall_us < plain.now().wall_us - 59 * SECOND_US
    assert abs(moved.now().mono_us - plain.now().mono_us) < SECOND_US


@pytest.mark.parametrize("text", ["", "an hour", "nan", "inf", "1e30", "\xff"])
def test_a_file_that_holds_no_offset_moves_nothing(text: str, tmp_path: Path) -> None:
    offset = tmp_path / "clock_offset_s"
    offset.write_text(text, encoding="latin-1")
    assert abs(SystemClock("always", offset).now().wall_us - SystemClock("always").now().wall_us) < SECOND_US
    assert OFFSET_CHECK_US > 0
