"""The reader thread with the PN532: health and cards through unplugging, hanging and kill -9 of the process."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from random import Random

import pytest

from readers.reader import Presentation
from readers.thread import ReaderThread
from tests.readers.pn532.rig import KEYS, Pn532Rig
from tests.readers.reader_contract import first_of

WAIT_S = 15.0


class Watched:
    """A thread on a rig; what it says, in order."""

    def __init__(self, rig: Pn532Rig) -> None:
        self.rig = rig
        self.said: Queue[Presentation | bool] = Queue()
        self.thread = ReaderThread(
            "hall-in",
            rig.reader,
            lambda presentation, at_us: self.said.put(presentation),
            lambda working, cause: self.said.put(working),
            lambda: 0,
            backoff_first_s=0.05,
            backoff_limit_s=0.2,
        )
        self.thread.start()

    def next(self) -> Presentation | bool:
        return self.said.get(timeout=WAIT_S)

    def outcome(self) -> str:
        presentation = self.next()
        assert isinstance(presentation, Presentation)
        return presentation.outcome


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    rig = Pn532Rig(tmp_path)
    watched = Watched(rig)
    yield watched
    assert watched.thread.stop(WAIT_S)
    rig.stop()


def test_unplugged_and_plugged_in_again_it_reads_on(watched: Watched) -> None:
    assert watched.next() is True
    watched.rig.lay_down()
    assert watched.outcome() == "read"
    watched.rig.take_away()
    assert watched.outcome() == "removed"
    watched.rig.unplug()
    assert watched.next() is False
    watched.rig.plug()
    assert watched.next() is True
    watched.rig.lay_down()
    assert watched.outcome() == "read"


def test_a_card_lying_there_while_the_plug_is_pulled_is_not_read_again(watched: Watched) -> None:
    assert watched.next() is True
    watched.rig.lay_down()
    assert watched.outcome() == "read"
    watched.rig.unplug()
    assert watched.next() is False
    watched.rig.plug()
    assert watched.next() is True
    with pytest.raises(Empty):
        watched.said.get(timeout=0.3)
    watched.rig.take_away()
    assert watched.outcome() == "removed"


def test_a_chip_that_hangs_is_told_and_works_after_a_power_cycle(watched: Watched) -> None:
    assert watched.next() is True
    watched.rig.hang()
    assert watched.next() is False
    watched.rig.unplug()
    watched.rig.plug()
    assert watched.next() is True


READER_PROCESS = """
import sys
from readers.drivers import open_reader
reader = open_reader("pn532", sys.argv[1], ["desfire"], {"desfire_read": bytes.fromhex(sys.argv[2])})
reader.open()
while True:
    reader.poll()
"""


@pytest.mark.processes
@pytest.mark.parametrize("seed", range(3))
def test_a_reader_opens_after_kill_9_of_its_process_at_any_command(tmp_path: Path, seed: int) -> None:
    rig = Pn532Rig(tmp_path)
    try:
        rig.lay_down()
        process = subprocess.Popen([sys.executable, "-c", READER_PROCESS, str(rig.path), KEYS["desfire_read"]])
        try:
            kill_at = Random(seed).randrange(5, 60)
            for _ in range(int(WAIT_S / 0.002)):
                if rig.chip.commands_served >= kill_at:
                    break
                assert process.poll() is None
                threading.Event().wait(0.002)
            assert rig.chip.commands_served >= kill_at
        finally:
            process.kill()
            process.wait(WAIT_S)
        rig.reader.open()
        assert first_of(rig.reader).number == rig.number
    finally:
        rig.stop()
