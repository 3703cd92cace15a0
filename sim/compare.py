"""Is the ledger the journal, byte for byte? Nothing is taken from counters (issue: the demo's figures)."""

import msgspec

from sim.clients import HttpClient
from sim.journal_tail import JournalTail
from sim.waiting import until

DRAIN_TIMEOUT_S = 30.0
_POLL_S = 0.1


class ExportedRecord(msgspec.Struct, frozen=True):
    """One line of ``/api/v1/ledger/export``. ``raw``: the record's bytes where they are no text (docs/interfaces.md)."""

    journal_id: str
    seq: int
    hash: str
    record: str
    raw: bytes = b""

    @property
    def encoded(self) -> bytes:
        """The record's bytes."""
        return self.raw or self.record.encode()


class Comparison(msgspec.Struct, frozen=True):
    """``lost``: records of the journal that the ledger has not, or has with other bytes; ``duplicated``: ledger entries
    beyond one for a record; ``foreign``: ledger entries of this journal that the journal does not know."""

    records_in_journal: int
    records_at_server: int
    events_at_server: int
    lost: int
    duplicated: int
    foreign: int


_decoder = msgspec.json.Decoder(ExportedRecord)


class _Counted(msgspec.Struct, frozen=True):
    events: tuple[msgspec.Raw, ...]


_counted = msgspec.json.Decoder(_Counted)


def _events_in(raw: bytes) -> int:
    try:
        return len(_counted.decode(raw).events)
    except ValueError:  # kept by the server, but no record of this version
        return 0


def compare(tail: JournalTail, api: HttpClient, edge: str) -> Comparison:
    """Compare what the edge wrote with what the server stored, now."""
    journal = dict(tail.raw())
    seen: dict[int, int] = {}
    foreign = events = 0
    for line in api.lines("/api/v1/ledger/export", edge=edge):
        entry = _decoder.decode(line)
        raw = entry.encoded
        if journal.get(entry.seq) != raw:
            foreign += 1
            continue
        events += _events_in(raw)
        seen[entry.seq] = seen.get(entry.seq, 0) + 1
    lost = sum(1 for seq in journal if seq not in seen)
    return Comparison(
        records_in_journal=len(journal),
        records_at_server=sum(seen.values()),
        events_at_server=events,
        lost=lost,
        duplicated=sum(count - 1 for count in seen.values()),
        foreign=foreign,
    )


def compare_when_drained(
    tail: JournalTail, api: HttpClient, edge: str, timeout_s: float = DRAIN_TIMEOUT_S
) -> Comparison:
    """Compare once everything the edge wrote has arrived, or when the time is over."""
    found = compare(tail, api, edge)

    def drained() -> bool:
        nonlocal found
        found = compare(tail, api, edge)
        return found.lost == 0

    until(drained, timeout_s, _POLL_S)
    return found
