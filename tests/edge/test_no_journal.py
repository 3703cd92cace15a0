"""A journal that cannot be opened does not keep the edge from starting; one that is not for it does."""

from pathlib import Path

import pytest

from controller.wire import GENESIS_HASH
from edge.journal import SqliteJournal
from edge.no_journal import NoJournal, open_journal
from edge.ports import Journal, JournalFault, JournalRefused
from tests.edge.agent_rig import AgentRig


class Tokens:
    def token(self) -> str:
        return "ab" * 16


def test_a_sound_journal_is_opened(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.db", Tokens())
    assert isinstance(journal, SqliteJournal)
    with pytest.raises(JournalRefused, match="another edge process"):
        open_journal(tmp_path / "journal.db", Tokens())
    journal.close()


@pytest.mark.parametrize("broken", ["noise", "no folder"])
def test_a_broken_one_is_stood_in_for_and_every_write_says_why(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "state" / "journal.db"
    if broken == "noise":
        path.parent.mkdir()
        path.write_bytes(b"noise" * 2_000)
    else:
        (tmp_path / "state").write_text("a file where a folder should be")
    journal: Journal = open_journal(path, Tokens())
    assert isinstance(journal, NoJournal)
    assert str(path) in journal.cause
    assert (journal.journal_id, journal.last_seq, journal.head) == ("ab" * 16, 0, GENESIS_HASH)
    assert (journal.after(0, 10), journal.hash_at(0), journal.hash_at(1), journal.checkpoint()) == (
        [],
        GENESIS_HASH,
        None,
        None,
    )
    for write in (
        lambda: journal.append([b"x"], 1),
        lambda: journal.acknowledge(1),
        lambda: journal.save_checkpoint(0, b""),
        lambda: journal.remember_command("c", 1),
    ):
        with pytest.raises(JournalFault, match=r"journal\.db"):
            write()
    assert journal.purge(1) == 0
    journal.close()


def test_an_agent_without_a_journal_refuses_taps_and_opens_ways_out_also_after_days() -> None:
    rig = AgentRig(start=False, connect=False)
    rig.node.journal = NoJournal("the disk fails", Tokens())  # type: ignore[assignment]
    rig.node.start(0)
    rig.post()
    rig.asked.clear()
    for _ in range(3):
        rig.post(rig.card())
        assert rig.unlocked() == []
        rig.post(rig.rex())
        assert rig.unlocked() == ["hall-door"]
        rig.wait(86_400)
