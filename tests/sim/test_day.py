"""Two agents in memory through a day with faults: the promises hold, and one seed gives one journal (DESIGN 13)."""

from importlib.resources import files

import pytest

from controller.events import AccessPending, AccessTaken, AlarmRaised, decode_record
from controller.room_events import OccupancyReconciled
from controller.site import Site
from controller.site_checks import parse_site
from sim.day import Day, Outcome

EDGES = {"edge-1": ("lobby-door", "hall-door", "cage-door"), "edge-2": ("goods-door",)}


@pytest.fixture(scope="module")
def site() -> Site:
    return parse_site(files("sim").joinpath("sites/demo/site.toml").read_text(encoding="utf-8"))


def play(site: Site, seed: int, hours: float) -> Outcome:
    return Day(site, EDGES, seed, hours).run()


def test_24_hours_twice_with_one_seed_give_the_same_journal_bytes(site: Site) -> None:
    first, second = play(site, 1, 24), play(site, 1, 24)
    assert first.journals == second.journals
    assert first == second
    assert first.taps > 1_000
    assert first.passages > 500
    assert first.faults > 50
    assert first.policies > 5


def test_people_go_in_pairs_and_now_and_then_somebody_is_alone(site: Site) -> None:
    journal = play(site, 3, 4).journals["edge-1"]
    events = [event for line in journal.split(b"\n") for event in decode_record(line).events]
    together = [event for event in events if isinstance(event, AccessTaken) and event.partners]
    waited = [event for event in events if isinstance(event, AccessPending)]
    raised = {event.alarm for event in events if isinstance(event, AlarmRaised)}
    assert len(together) > 20
    assert waited
    assert "LONE_OCCUPANT" in raised
    assert any(isinstance(event, OccupancyReconciled) for event in events)


@pytest.mark.parametrize("seed", range(2, 7))
def test_whatever_fails_for_six_hours_the_promises_hold(site: Site, seed: int) -> None:
    assert play(site, seed, 6).records > 500


def test_another_seed_is_another_day(site: Site) -> None:
    assert play(site, 11, 1).journals != play(site, 12, 1).journals
