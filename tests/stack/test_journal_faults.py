"""The edge's journal is put back from an older copy, or replaced: the server keeps every history and says so (DESIGN 2, 4)."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sim.compare import ExportedRecord
from sim.stack import EDGE
from sim.waiting import until
from tests.stack.open_site import WAIT_S, OpenSite, open_site

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSite]:
    """Its own: these tests leave more than one history behind."""
    with open_site(tmp_path_factory.mktemp("journal")) as opened:
        yield opened


def journal_files(site: OpenSite) -> list[Path]:
    return [path for path in site.stack.edge_state.glob("journal.db*") if not path.name.endswith(".lock")]


def put_aside(site: OpenSite, folder: Path) -> None:
    """Move the stopped edge's journal away, whatever files it has."""
    folder.mkdir()
    for path in journal_files(site):
        path.rename(folder / path.name)


def ledger(site: OpenSite) -> dict[str, set[str]]:
    """journal_id → its records at the server, all branches."""
    lines = site.stack.api.lines("/api/v1/ledger/export", edge=EDGE)
    held: dict[str, set[str]] = {}
    for line in lines:
        entry = msgspec.json.decode(line, type=ExportedRecord)
        held.setdefault(entry.journal_id, set()).add(entry.record)
    return held


def records(site: OpenSite) -> set[str]:
    return {raw.decode() for _, raw in site.tail.raw()}


def journal_id(site: OpenSite) -> str:
    found: str = site.tail.records()[-1].journal_id
    return found


def test_a_journal_put_back_from_an_older_copy_is_a_fork_and_both_histories_are_kept(
    site: OpenSite, tmp_path: Path
) -> None:
    assert site.tap("b-li", "lobby-in").decision == "granted"
    assert site.stop_edge() == 0
    for path in journal_files(site):
        shutil.copy2(path, tmp_path / path.name)
    site.stack.restore("edge")
    assert site.tap("b-guo", "lobby-in").decision == "granted"
    assert site.drained().lost == 0
    arrived = records(site)

    assert site.stop_edge() == 0
    first_history = records(site)
    put_aside(site, tmp_path / "first")
    for path in tmp_path.glob("journal.db*"):
        shutil.copy2(path, site.stack.edge_state / path.name)
    site.stack.restore("edge")
    assert site.alarm_stands("FORK"), site.standing()
    assert site.is_ready()
    assert site.tap("b-sun", "lobby-in").decision == "granted"
    found = site.drained()
    assert (found.lost, found.duplicated) == (0, 0)
    second_history = records(site)
    assert not arrived <= second_history
    held = ledger(site)
    assert set(held) == {journal_id(site)}
    # What the first history wrote while it stopped was on its way, or not yet.
    assert arrived | second_history <= held[journal_id(site)] <= first_history | second_history


def test_a_replaced_journal_begins_anew_and_the_old_one_stays_at_the_server(site: OpenSite, tmp_path: Path) -> None:
    assert site.tap("b-li", "lobby-out").decision == "granted"
    assert site.drained().lost == 0
    before = ledger(site)
    old = journal_id(site)
    assert site.stop_edge() == 0
    put_aside(site, tmp_path / "old")
    site.stack.restore("edge")
    assert site.is_ready(), "the edge got no lease for its new journal"
    assert site.tap("b-li", "lobby-in").decision == "granted"
    new = journal_id(site)
    assert new != old
    assert site.drained().lost == 0
    after = ledger(site)
    assert set(after) == {old, new}
    assert after[old] >= before[old]
    assert after[new] == records(site)
    # The old journal's end cannot be known any more: declared and alarmed, neither taken for a fork nor acknowledged.
    assert "RECORDS_LOST" in {name for name, _ in site.standing()}
    lost = site.stack.api.get("/api/v1/ledger/lost")["items"]
    assert [(item["journal_id"], item["to_seq"]) for item in lost] == [(old, None)]
    assert ("FORK", new) not in site.standing()
    assert until(lambda: site.edge_reported()["journal"]["outbox"] == 0, WAIT_S)
