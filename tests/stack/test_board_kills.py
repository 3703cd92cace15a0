"""Kills of the edge during an unlock pulse, and a relay that does not let go, on each kind of relay board (MEANINGS 28, DESIGN §5.5)."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.events import AlarmCleared, AlarmRaised
from sim.stack import menjin
from sim.waiting import until
from tests.stack.open_site import WAIT_S, OpenSite, open_site

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

SITE = Path(__file__).parent / "sites" / "three-boards"
COMMAND_S = 30.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSite]:
    with open_site(tmp_path_factory.mktemp("boards"), str(SITE)) as opened:
        yield opened


def kill_in_a_pulse(site: OpenSite, kind: str) -> None:
    """A tap unlocks the door on that board; the edge dies while it is unlocked, which the lock shows afterwards."""
    answer = site.tap("b-guo", f"{kind}-in")
    assert (answer.decision, answer.unlocked) == ("granted", True)
    site.stack.kill("edge")
    assert site.unlocked() == {f"{kind}-door"}


def test_a_modbus_board_ends_the_pulse_by_itself(site: OpenSite) -> None:
    kill_in_a_pulse(site, "modbus")
    assert site.all_lock(), "the board's own timer did not lock the door"
    assert not site.stack.children["edge"].running
    site.stack.restore("edge")
    assert site.all_lock()


@pytest.mark.parametrize("kind", ["kmtronic", "lcus"])
def test_a_latching_board_is_locked_by_the_next_start_of_the_edge(site: OpenSite, kind: str) -> None:
    kill_in_a_pulse(site, kind)
    site.stack.restore("edge")
    assert site.all_lock(), "the edge started again and left the door unlocked"


@pytest.mark.parametrize("kind", ["kmtronic", "lcus"])
def test_a_latching_board_is_locked_by_edge_rest_while_the_edge_is_dead(site: OpenSite, kind: str) -> None:
    kill_in_a_pulse(site, kind)
    config = site.stack.directory / "hall" / "edge.toml"
    done = subprocess.run(
        menjin("edge", "rest", "--config", str(config)),
        capture_output=True, text=True, timeout=COMMAND_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert site.all_lock(), "`menjin edge rest` left the door unlocked"
    site.stack.restore("edge")


def test_a_lock_that_stays_unlocked_after_its_time_is_a_fault_of_its_door_until_it_locks(site: OpenSite) -> None:
    after = site.tail.last_seq()

    def faults() -> list[tuple[str, object]]:
        return [
            (event.subject, event.inputs["cause"] if isinstance(event, AlarmRaised) else "cleared")
            for event in site.tail.events(after)
            if isinstance(event, AlarmRaised | AlarmCleared)
            and (event.alarm, event.subject) == ("BOARD_FAULT", "modbus-door")
        ]

    assert site.tap("b-guo", "modbus-in").unlocked
    site.stack.hall.post("/device", {"device": "relay-modbus", "act": "stuck"})
    assert until(lambda: faults() == [("modbus-door", "not relocked")], WAIT_S), faults()
    assert site.unlocked() == {"modbus-door"}
    assert until(lambda: ("BOARD_FAULT", "modbus-door") in site.standing(), WAIT_S), "the guards see it"
    site.stack.hall.post("/device", {"device": "relay-modbus", "act": "normal"})
    assert until(lambda: faults()[1:] == [("modbus-door", "cleared")], WAIT_S), faults()
    assert site.all_lock()
    assert until(lambda: ("BOARD_FAULT", "modbus-door") not in site.standing(), WAIT_S)


def test_nothing_of_it_is_lost_and_the_doors_decided_before_they_opened(site: OpenSite) -> None:
    assert site.tap("b-guo", "modbus-in").decision == "granted"
    found = site.drained()
    assert found.records_in_journal > 0
    assert (found.lost, found.duplicated, found.foreign) == (0, 0, 0)


def test_the_server_shows_which_doors_may_stay_unlocked(site: OpenSite) -> None:
    warnings = site.edge_reported()["reported"]["warnings"]
    shown = [line.split()[1].rstrip(":") for line in warnings if "may stay unlocked" in line]
    assert shown == ["kmtronic-door", "lcus-door"]
