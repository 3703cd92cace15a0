"""What the edge takes up again at its start, and what it says of a journal that it cannot read."""

from collections.abc import Callable

import pytest

from edge.ports import JournalFault
from edge.recovery import recover
from sim.memory import MemoryJournal
from tests.edge.agent_rig import AgentRig


def test_the_state_is_the_checkpoint_and_the_records_after_it() -> None:
    rig = AgentRig()
    rig.post(rig.card())
    assert recover(rig.node.journal) == rig.agent.engine.state


def _newer_record(journal: MemoryJournal) -> None:
    journal.append([b'{"seq":1,"input":{"type":"NotYetInvented"}}'], 1)


def _damaged_checkpoint(journal: MemoryJournal) -> None:
    journal.save_checkpoint(journal.last_seq, b"bits that fell over")


def _record_that_does_not_follow(journal: MemoryJournal) -> None:
    rig = AgentRig()
    record = rig.node.journal.after(0, 1)[0].record
    spoilt = record.replace(b'"events":[', b'"events":[{"type":"AlarmAcknowledged","alarm":"FIRE","subject":"z1",'
                            b'"operator":"o","note":"n"},')  # fmt: skip
    assert spoilt != record
    journal.append([spoilt], 1)


def _lost_checkpoint(journal: MemoryJournal) -> None:
    journal._records.append(b"purged")
    journal._purged = 1


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (_newer_record, "record 1 cannot be read"),
        (_damaged_checkpoint, "its checkpoint cannot be read"),
        (_record_that_does_not_follow, "record 1 cannot be read"),
        (_lost_checkpoint, "no checkpoint covers what was purged"),
    ],
)
def test_what_cannot_be_read_is_a_fault_of_the_journal_in_one_line(
    spoil: Callable[[MemoryJournal], None], what: str
) -> None:
    journal = MemoryJournal("j1")
    spoil(journal)
    with pytest.raises(JournalFault, match=what) as fault:
        recover(journal)
    assert "\n" not in str(fault.value)
