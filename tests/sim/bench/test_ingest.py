"""The ingest bench at a tiny size, and what its comparison rests on."""

import pytest

from controller.wire import GENESIS_HASH, Records, chain, unseal
from sim.bench.backlog import EDGE, SITE_ID, Backlog
from sim.bench.ingest import run
from sim.bench.ledger_rows import _cut, count_rows


def test_batches_follow_one_another_in_one_chain() -> None:
    backlog = Backlog()
    batches = backlog.take(200) + backlog.take(100)
    seq, head = 0, GENESIS_HASH
    for batch in batches:
        body = unseal(batch.message, lambda *_: True, (Records,), SITE_ID, EDGE)
        assert isinstance(body, Records)
        assert (body.first_seq, body.previous, len(body.records)) == (seq + 1, head, 100)
        for record in body.records:
            head = chain(head, bytes(record))
        seq += len(body.records)
        assert batch.last_seq == seq


def test_rows_are_cut_where_the_server_committed() -> None:
    records = [(1, 1, 1, 70), (2, 1, 2, 70), (3, 1, 3, 80)]
    events = [(1, 1), (2, 1), (3, 2), (4, 3)]
    made = _cut(records, events)
    assert made == [(records[:2], events[:3]), (records[2:], events[3:])]
    assert count_rows(made) == 7


@pytest.mark.processes
@pytest.mark.postgresql
def test_both_databases_are_measured_through_real_processes() -> None:
    figures = {figure.name: figure for figure in run(rounds=1, records=200, backlog=300, stored_rows=6_000).figures}
    for name in ("SQLite", "PostgreSQL"):
        assert figures[f"{name}: rate over bare"].reach == "≥ 0.5"
        assert figures[f"{name}: rate over bare"].value > 0
        assert figures[f"{name}: backlog of 300 records drained"].reach == "≤ 20"
        assert any(shown.startswith(f"{name}: with ") for shown in figures)
