"""The tap bench at a size that says nothing about speed: every figure is there, and what it measures happened."""

from pathlib import Path

import pytest

from controller.events import AccessGranted, Record
from controller.wire import GENESIS_HASH, chain
from edge.journal import SqliteJournal
from sim.bench.append import AppendedFile
from sim.bench.commit import commit_figures
from sim.bench.path import path_figures
from sim.bench.population import NOON_US, make_policy, make_taps
from sim.bench.recorded import RecordedTaps
from sim.bench.two_doors import TwoDoors
from sim.journal_tail import JournalTail
from tests.sim.bench.tokens import Token


def test_the_appended_file_holds_what_was_appended(tmp_path: Path) -> None:
    with AppendedFile(tmp_path / "f") as appended:
        appended.append(b"one")
        appended.append(b"two")
    assert (tmp_path / "f").read_bytes() == b"onetwo"


def test_commits_yield_their_figures() -> None:
    figures = {figure.name: figure for figure in commit_figures(200, rounds=1)}
    assert figures["commit: p50 over appended file"].reach == "≤ 1.5"
    assert figures["commit: 16 taps at once over one each"].reach == "≥ 2"
    assert all(figure.value > 0 for figure in figures.values())


def test_recorded_visits_are_records_as_an_edge_makes_them(tmp_path: Path) -> None:
    policy = make_policy(100)
    edge = RecordedTaps(policy, "j", NOON_US, [door.id for door in policy.site.doors])
    raw = [record for some in edge.records(make_taps(100, 50), 60, 20) for record in some]
    journal = SqliteJournal(tmp_path / "journal.db", Token())
    journal.append(raw, NOON_US)
    journal.close()
    records: list[Record] = JournalTail(tmp_path / "journal.db").records()
    assert [record.seq for record in records] == list(range(1, len(raw) + 1))
    kinds = {type(event).__name__ for record in records for event in record.events}
    assert {"AccessGranted", "AccessDenied", "AccessTaken", "DoorOpened", "DoorClosed"} <= kinds


def test_a_prepared_edge_has_the_backlog_unacknowledged_and_its_chain_whole(tmp_path: Path) -> None:
    TwoDoors(tmp_path, badges=500, backlog=300).prepare()
    tail = JournalTail(tmp_path / "edge" / "journal.db")
    assert len(tail.raw()) >= 300
    assert any(isinstance(event, AccessGranted) for event in tail.events())
    journal = SqliteJournal(tmp_path / "edge" / "journal.db", Token())
    head = GENESIS_HASH
    for _, record in tail.raw():
        head = chain(head, record)
    assert (journal.head, journal.acked_upto) == (head, 0)
    journal.close()


@pytest.mark.processes
def test_the_path_is_measured_through_real_processes() -> None:
    figures = {figure.name: figure.value for figure in path_figures(badges=500, backlog=200, taps=4)}
    for part in ("wire", "chip and radio", "our share"):
        assert figures[f"path: {part} p50"] > 0
    assert figures["path: card laid down to relay command, p50"] > figures["path: wire p50"]
