"""kill -9 at seeded random moments: nothing lost, nothing doubled, no door left unlocked (DESIGN §5.4, 5)."""

import datetime as dt
import random
from pathlib import Path

import pytest

from sim.at_the_door import Taps, doors_are_ready, readers_at_doors
from sim.compare import compare_when_drained
from sim.demo import load_population
from sim.journal_tail import JournalTail
from sim.population import Population
from sim.stack import EDGE, BrokerKind, Stack
from sim.waiting import pause, until

UNLOCK_ENDS_S = 30.0
READY_S = 60.0


def kill_rounds(directory: Path, rounds: int, seed: int, broker: BrokerKind) -> None:
    """``rounds`` times: taps go on, one process is killed at a random moment and comes back."""
    chance = random.Random(seed)
    with Stack(directory, "demo", broker) as stack:
        given = load_population(directory / "site")
        population = Population(stack.api, stack.hall, dt.datetime.now(dt.UTC))
        population.load(given)
        population.unknown_card()
        readers = sorted(readers_at_doors(stack.hall))
        cards = [*(badge.id for badge in given.badges), "unknown"]
        assert until(lambda: doors_are_ready(stack.api), READY_S)
        taps = Taps(stack.hall)
        for _ in range(rounds):
            victim = chance.choice(["edge", "server", "broker"])
            for _ in range(chance.randint(1, 3)):
                taps.tap(chance.choice(cards), chance.choice(readers), wait_s=0.5)
            pause(chance.random() * 0.3)
            stack.kill(victim)
            if victim == "edge":
                assert until(lambda: _all_locked(stack), UNLOCK_ENDS_S), f"seed {seed}: a door stayed unlocked"
            stack.restore(victim)
        assert until(lambda: _all_locked(stack), UNLOCK_ENDS_S), f"seed {seed}: a door stayed unlocked"
        found = compare_when_drained(JournalTail(stack.edge_state / "journal.db"), stack.api, EDGE)
        assert found.records_in_journal > rounds, f"seed {seed}"
        assert (found.lost, found.duplicated, found.foreign) == (0, 0, 0), f"seed {seed}: {found}"


def _all_locked(stack: Stack) -> bool:
    return all(door["locked"] for door in stack.hall.get("/state")["doors"].values())


@pytest.mark.processes
@pytest.mark.timeout(300)
def test_ten_kills_lose_nothing_and_leave_no_door_unlocked(tmp_path: Path) -> None:
    kill_rounds(tmp_path, 10, seed=20261121, broker="mosquitto")


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("broker", ["amqtt", "mosquitto"])
def test_a_hundred_kills_lose_nothing_and_leave_no_door_unlocked(tmp_path: Path, broker: BrokerKind) -> None:
    kill_rounds(tmp_path, 100, seed=97, broker=broker)
