"""The edge is asked to stop, its clock moves, nobody vouches for its time (DESIGN 3, 12; MEANINGS 19, 28)."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from controller.events import AlarmCleared, AlarmRaised, EdgeStopped
from sim.waiting import until
from tests.stack.open_site import WAIT_S, OpenSite

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

HOUR_US = 3_600 * 1_000_000


def trust_clock(site: OpenSite, trust: str) -> None:
    """Start the edge again with another word on who vouches for its clock."""
    config = site.stack.directory / "hall" / "edge.toml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(f'trust = "{trust}"' if line.startswith("trust = ") else line for line in lines))
    assert site.stop_edge() == 0
    site.stack.restore("edge")


def clock_alarm(site: OpenSite, kind: type[AlarmRaised] | type[AlarmCleared], after: int) -> bool:
    """Whether the edge raises or clears CLOCK_UNTRUSTED after that record in the end."""
    return until(
        lambda: any(isinstance(event, kind) and event.alarm == "CLOCK_UNTRUSTED" for event in site.tail.events(after)),
        WAIT_S,
    )


def kept_without_the_log(journal: Path, scratch: Path) -> int:
    """How many records the file holds by itself, its write-ahead log left behind."""
    scratch.write_bytes(journal.read_bytes())
    with closing(sqlite3.connect(scratch)) as database:
        return int(database.execute("SELECT count(*) FROM records").fetchone()[0])


def test_sigterm_puts_outputs_to_rest_and_closes_the_journal(site: OpenSite, tmp_path: Path) -> None:
    assert site.tap("b-li", "lobby-in").unlocked
    assert site.stop_edge() == 0
    # At rest every output is without power: the strikes lock, the magnet of the lobby lets go (docs/interfaces.md, Rest).
    assert until(lambda: site.unlocked() == {"lobby-door"}, WAIT_S), site.unlocked()
    last = site.tail.records()[-1]
    assert any(isinstance(event, EdgeStopped) for event in last.events)
    assert kept_without_the_log(site.tail.path, tmp_path / "journal.db") == last.seq
    site.stack.restore("edge")
    assert site.all_lock()
    found = site.drained()
    assert (found.lost, found.duplicated, found.foreign) == (0, 0, 0)


def test_after_a_boot_without_trusted_time_staff_enter_and_customers_do_not(site: OpenSite) -> None:
    trust_clock(site, "never")
    try:
        assert site.is_ready()
        assert site.tap("b-wang", "lobby-in")[:3] == ("denied", "TIME_UNTRUSTED", False)
        assert site.tap("b-guo", "lobby-in").decision == "granted"
        assert site.tap("b-wang", "lobby-out").unlocked, "the way out is not refused for the clock"
        assert site.alarm_stands("CLOCK_UNTRUSTED")
        assert not site.edge_reported()["wall_trusted"]
    finally:
        after = site.tail.last_seq()
        trust_clock(site, "always")
    assert clock_alarm(site, AlarmCleared, after)
    assert site.is_ready()
    assert site.tap("b-wang", "lobby-in").decision == "granted"


def test_a_clock_stepped_forward_and_back_is_alarmed_and_recorded_time_never_runs_back(site: OpenSite) -> None:
    before_us = site.tail.records()[-1].at_us
    site.set_edge_clock(3_600)
    assert until(
        lambda: site.tap("b-li", "lobby-in").decision is not None and _is_past(site, before_us + HOUR_US), WAIT_S
    )
    ahead = site.tail.records()[-1]

    site.set_edge_clock(0)
    assert clock_alarm(site, AlarmRaised, ahead.seq)
    assert site.tap("b-guo", "lobby-out").decision == "granted"
    assert site.tap("b-li", "lobby-in").decision == "granted", "doors go on deciding under a clock that fell back"
    moments = [record.at_us for record in site.tail.records(ahead.seq - 1)]
    assert moments == sorted(moments)

    back = site.tail.last_seq()
    site.set_edge_clock(3_600)
    assert clock_alarm(site, AlarmCleared, back)
    found = site.drained()
    assert (found.lost, found.duplicated, found.foreign) == (0, 0, 0)


def _is_past(site: OpenSite, moment_us: int) -> bool:
    return site.tail.records()[-1].at_us >= moment_us
