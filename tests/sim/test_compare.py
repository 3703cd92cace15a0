"""The comparison of journal and ledger, on made-up exports."""

import base64
import json
from pathlib import Path
from typing import Any, cast

from sim.clients import HttpClient
from sim.compare import compare
from sim.journal_tail import JournalTail


class Export:
    """Answers with these lines."""

    def __init__(self, *lines: dict[str, Any]) -> None:
        self._lines = [json.dumps({"journal_id": "j", "hash": "00"} | line) for line in lines]

    def lines(self, path: str, **query: Any) -> list[str]:
        assert (path, query) == ("/api/v1/ledger/export", {"edge": "edge-1"})
        return self._lines


class Journal(JournalTail):
    """Holds these records."""

    def __init__(self, *records: bytes) -> None:
        super().__init__(Path("nowhere"))
        self._records = list(enumerate(records, 1))

    def raw(self, after: int = 0) -> list[tuple[int, bytes]]:
        return [(seq, record) for seq, record in self._records if seq > after]


def compared(journal: Journal, *lines: dict[str, Any]) -> Any:
    return compare(journal, cast(HttpClient, Export(*lines)), "edge-1")


def test_bytes_that_are_no_text_are_compared_byte_for_byte() -> None:
    odd = b'{"\xff":1}'
    raw = base64.b64encode(odd).decode()
    found = compared(Journal(odd), {"seq": 1, "record": "", "raw": raw, "branch": 1})
    assert (found.lost, found.duplicated, found.foreign, found.events_at_server) == (0, 0, 0, 0)
    other = base64.b64encode(b'{"\xfe":1}').decode()
    assert (compared(Journal(odd), {"seq": 1, "record": "", "raw": other}).foreign) == 1


def test_what_is_missing_doubled_or_altered_is_counted() -> None:
    one, two = b'{"events":[1,2]}', b'{"events":[]}'
    line = {"seq": 1, "record": one.decode()}
    found = compared(Journal(one, two), line, line, {"seq": 2, "record": "{}"})
    assert (found.lost, found.duplicated, found.foreign, found.events_at_server) == (1, 1, 1, 4)
