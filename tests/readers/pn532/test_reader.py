"""What is particular to the PN532: the state in which it is found, several technologies at once, hostile cards, its limits."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readers.pn532 import chip, line
from readers.reader import ReaderFault
from sim.cards.card import Reply, TypeACard
from sim.cards.iso_dep import IsoDepCard
from sim.cards.maker import make_card
from sim.faults import Corrupt, Drop, Duplicate, Late, Truncate
from tests.readers.pn532.rig import KEYS, Pn532Rig
from tests.readers.reader_contract import first_of, quiet

ALL = ("desfire", "ultralight-c", "felica-lite-s", "uid")
WAKE_UP = b"\x55\x55" + bytes(14)
SAM_CONFIGURATION = bytes.fromhex("0000ff05fbd4140100001700")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Pn532Rig]:
    rig = Pn532Rig(tmp_path, credentials=ALL)
    yield rig
    rig.stop()


def leave_behind(rig: Pn532Rig, sent: bytes, answer_bytes: int = 0) -> None:
    """What a predecessor wrote before it was killed, having read so much."""
    descriptor = os.open(rig.path, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(descriptor, sent)
        read = 0
        while read < answer_bytes:
            read += len(os.read(descriptor, answer_bytes - read))
    finally:
        os.close(descriptor)


# the chip as it is found -----------------------------------------------------

ACK_BYTES, SHORT_ANSWER_BYTES = 6, 9


@pytest.mark.parametrize(
    ("sent", "answer_bytes"),
    [
        (WAKE_UP + SAM_CONFIGURATION, ACK_BYTES),
        (WAKE_UP + SAM_CONFIGURATION[:7], 0),
        (WAKE_UP + SAM_CONFIGURATION + bytes.fromhex("0000ffffff0108f7d400"), ACK_BYTES + SHORT_ANSWER_BYTES),
        (WAKE_UP + bytes.fromhex("0000ff04fcd44a0100e100"), ACK_BYTES),
        (WAKE_UP + bytes.fromhex("0000ff04fcd41610000600"), 0),
        (WAKE_UP + bytes.fromhex("0000ff04fcd41610000600"), ACK_BYTES + SHORT_ANSWER_BYTES + 1),
        (b"\xff" * 40, 0),
    ],
    ids=[
        "an answer is under way",
        "a command is half sent",
        "a long command has begun",
        "the chip searches without end",
        "powering down",
        "asleep",
        "noise",
    ],
)
def test_a_reader_opens_whatever_its_killed_predecessor_was_doing(
    rig: Pn532Rig, sent: bytes, answer_bytes: int
) -> None:
    leave_behind(rig, sent, answer_bytes)
    rig.reader.open()
    rig.lay_down()
    assert first_of(rig.reader).number == rig.number


@pytest.mark.parametrize("baudrate", chip.LEFTOVER_BAUDRATES)
def test_a_chip_left_at_a_higher_rate_is_brought_back(rig: Pn532Rig, baudrate: int) -> None:
    rig.reader.open()
    rig.reader.close()
    rig.line.call(lambda: setattr(rig.line, "baud", baudrate))
    rig.reader.open()
    assert rig.line.baud == chip.BAUDRATE
    rig.lay_down()
    assert first_of(rig.reader).number == rig.number


def test_closing_never_powers_the_chip_down(rig: Pn532Rig) -> None:
    rig.chip.never_wakes = True
    for _ in range(2):
        rig.reader.open()
        assert quiet(rig.reader)
        rig.reader.close()
    assert rig.chip.awake


def test_a_port_in_use_elsewhere_is_a_fault(rig: Pn532Rig) -> None:
    rig.reader.open()
    with pytest.raises(ReaderFault, match="cannot be opened"):
        chip.Chip(str(rig.path))
    assert quiet(rig.reader)


@pytest.mark.parametrize("kind", ["missing", "file", "folder"])
def test_a_path_that_is_no_serial_port_is_a_fault_that_names_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "port"
    if kind == "file":
        path.write_bytes(b"")
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(ReaderFault, match=str(path)):
        chip.Chip(str(path))


def test_a_silent_port_is_a_fault_and_is_closed(tmp_path: Path) -> None:
    master, slave = os.openpty()
    name = os.ttyname(slave)
    os.close(slave)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(ReaderFault, match="no PN532 answers"):
        chip.Chip(name)
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(master)


def test_opening_a_port_never_makes_it_the_controlling_terminal() -> None:
    master, slave = os.openpty()
    name = os.ttyname(slave)
    os.close(slave)
    program = (
        "import os, sys\n"
        "from readers.pn532.line import SerialLine\n"
        "line = SerialLine(sys.argv[1], 115200)\n"
        "try:\n    os.open('/dev/tty', os.O_RDWR)\n"
        "except OSError:\n    line.close(); sys.exit(0)\n"
        "sys.exit(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, name], start_new_session=True, timeout=30, check=False)
    os.close(master)
    assert done.returncode == 0


def test_no_poll_can_last_a_second() -> None:
    assert chip.POLL_LIMIT_S + line.FRAME_GAP_S < 1.0
    longest_frame_s = chip.EXCHANGE_TIMEOUTS_S[1] * 1.1  # nfcpy rounds up: 100 µs · 2^n
    assert chip.POLL_BUDGET_S + longest_frame_s < chip.POLL_LIMIT_S


# which card it is ------------------------------------------------------------


@pytest.mark.parametrize("technology", ["desfire", "ultralight-c", "felica-lite-s"])
def test_each_technology_is_read_by_a_reader_that_reads_all(rig: Pn532Rig, technology: str) -> None:
    rig.reader.open()
    rig.field.put(make_card(technology, "N-1", KEYS))
    read = first_of(rig.reader)
    assert (read.outcome, read.technology, read.number, read.assurance) == ("read", technology, "N-1", "authenticated")


def test_a_bare_uid_is_identified_and_not_authenticated(rig: Pn532Rig) -> None:
    rig.reader.open()
    card = make_card("uid", "", KEYS)
    rig.field.put(card)
    read = first_of(rig.reader)
    assert (read.outcome, read.technology, read.number, read.assurance) == (
        "read",
        "uid",
        card.uid.hex().upper(),
        "identified",
    )
    assert quiet(rig.reader)
    rig.take_away()
    assert first_of(rig.reader).outcome == "removed"


@pytest.mark.parametrize("technology", ["desfire", "ultralight-c", "felica-lite-s"])
def test_a_card_with_a_wrong_key_is_never_taken_for_a_bare_uid(rig: Pn532Rig, technology: str) -> None:
    rig.reader.open()
    rig.field.put(make_card(technology, "N-1", KEYS, wrong_key=True))
    refused = first_of(rig.reader)
    assert (refused.outcome, refused.technology, refused.number) == ("not_authenticated", technology, "")
    assert quiet(rig.reader)


def test_a_random_uid_is_refused_once_and_not_again_while_it_lies_there(rig: Pn532Rig) -> None:
    rig.reader.open()
    rig.field.put(make_card("random-uid", "", KEYS))
    refused = first_of(rig.reader)
    assert (refused.outcome, refused.number) == ("not_authenticated", "")
    assert quiet(rig.reader)
    rig.take_away()
    assert first_of(rig.reader).outcome == "removed"


def test_a_card_of_a_technology_that_is_not_configured_is_refused(tmp_path: Path) -> None:
    rig = Pn532Rig(tmp_path, credentials=("ultralight-c",))
    try:
        rig.reader.open()
        rig.lay_down()  # a DESFire card
        refused = first_of(rig.reader)
        assert (refused.outcome, refused.technology, refused.number) == ("not_authenticated", "unknown", "")
    finally:
        rig.stop()


@pytest.mark.parametrize("other", ["felica-lite-s", "ultralight-c", "uid"])
def test_two_cards_of_different_technologies_are_two_cards(rig: Pn532Rig, other: str) -> None:
    rig.reader.open()
    with rig.field._lock:
        rig.lay_down()
        rig.field.put(make_card(other, "" if other == "uid" else "N-2", KEYS))
    assert first_of(rig.reader).outcome == "two_cards"
    assert quiet(rig.reader)
    rig.take_away()
    assert first_of(rig.reader).outcome == "removed"


# hostile cards and lines -------------------------------------------------------


class BabblingCard(TypeACard):
    """Answers every frame with the next of some bytes, then with nothing."""

    def __init__(self, sak: int, answers: list[bytes]) -> None:
        super().__init__(bytes.fromhex("04112233445566"), bytes.fromhex("4400"), sak)
        self.answers = iter(answers)

    def answer(self, frame: bytes) -> Reply | None:
        data = next(self.answers, b"")
        return Reply(data, 0.0005) if data else None


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sak=st.sampled_from([0x00, 0x20]), answers=st.lists(st.binary(max_size=40), max_size=8))
def test_a_card_that_answers_anything_at_all_harms_nothing(rig: Pn532Rig, sak: int, answers: list[bytes]) -> None:
    rig.reader.open()
    rig.field.put(BabblingCard(sak, answers))
    for _ in range(3):
        found = rig.reader.poll()
        assert found is None or found.technology == "uid" or found.number == ""
    rig.take_away()
    while rig.reader.poll() is not None:
        pass
    rig.lay_down()
    assert first_of(rig.reader).number == rig.number
    rig.take_away()


class StallingCard(IsoDepCard):
    """Asks for more time, again and again (S(WTX)), and never answers."""

    def __init__(self) -> None:
        super().__init__(bytes.fromhex("04112233445566"), bytes.fromhex("4403"), 0x20, bytes.fromhex("067577F10280"))

    def answer(self, frame: bytes) -> Reply | None:
        activated = super().answer(frame) if frame[:1] == b"\xe0" else None
        return activated or Reply(b"\xf2\x3b", 0.001)


def test_a_card_that_asks_for_time_without_end_is_given_up_and_then_refused(rig: Pn532Rig) -> None:
    rig.reader.open()
    rig.field.put(StallingCard())
    outcomes = [first_of(rig.reader).outcome for _ in range(3)]
    assert outcomes == ["incomplete", "incomplete", "not_authenticated"]


@pytest.mark.parametrize(
    ("seed", "direction"),
    [(0, "to_host"), (0, "to_device"), (1, "to_host"), (2, "to_host"), (3, "to_device"), (4, "to_host")],
)
def test_damaged_lost_doubled_or_late_bytes_never_make_a_wrong_number(rig: Pn532Rig, seed: int, direction: str) -> None:
    random = Random(seed)
    kinds = [Corrupt, Truncate, Duplicate, Drop, partial(Late, 0.3)]
    rig.reader.open()
    rig.lay_down()
    getattr(rig.line, direction).set(kinds[seed](random, probability=0.1))
    for _ in range(6):
        try:
            found = rig.reader.poll()
        except ReaderFault:
            break
        assert found is None or found.number in ("", rig.number)
        rig.take_away()
        rig.lay_down()
    getattr(rig.line, direction).clear()
    rig.take_away()
    rig.reader.open()
    while rig.reader.poll() is not None:
        pass
    rig.lay_down()
    assert first_of(rig.reader).number == rig.number


def test_keys_and_challenges_reach_no_log_even_at_debug_level(rig: Pn532Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET)
    rig.reader.open()
    for technology in ("desfire", "ultralight-c", "felica-lite-s"):
        card = make_card(technology, "N-1", KEYS)
        rig.field.put(card)
        assert first_of(rig.reader).number == "N-1"
        rig.take_away()
        assert first_of(rig.reader).outcome == "removed"
    assert [record for record in caplog.records if record.name.startswith("nfc")] == []
