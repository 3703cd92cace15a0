"""What a scenario may expect of records, wherever they are kept: the API, the ledger, the edge's files."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from controller.policy import Version
from sim.clients import Refused
from sim.facts import decision_in
from sim.journal_tail import JournalTail
from sim.judge import Judge
from sim.personal_traces import personal_texts, traces
from sim.scenario import Expect, History, InForce, Recorded
from sim.scenario_given import Given
from sim.stack import EDGE, Stack
from sim.waiting import until

RECORD_TIMEOUT_S = 15.0
LIST_LIMIT = 500


_REGISTERED = {"number": "number", "door": "door", "at": "access_point", "from": "from_area", "to": "to_area"}
"""What the register of the simulator's own facts and the server's call the same."""


class RecordExpectations:
    """Each waits a bounded time for what it expects and tells the judge what it found."""

    def __init__(self, stack: Stack, tail: JournalTail, judge: Judge, given: Given) -> None:
        self._stack = stack
        self._tail = tail
        self._judge = judge
        self._given = given

    def check(self, expected: Expect) -> None:
        """All that ``expected`` asks of records."""
        if expected.recorded is not None:
            self._recorded(expected.recorded)
        if expected.in_force is not None:
            self._in_force(expected.in_force)
        if expected.shows is not None:
            self._shows(expected.shows)
        if expected.to_be_returned is not None:
            wanted = tuple(sorted(expected.to_be_returned))
            self._settles("to_be_returned", self._to_be_returned, wanted)
        if expected.history is not None:
            self._history(expected.history)
        if expected.audited is not None:
            act = expected.audited
            self._settles("audited", lambda: act if self._audited(act) else None, act)
        for subject, kinds in (expected.overdue or {}).items():
            self._settles("overdue", lambda subject=subject: self._overdue(subject), tuple(sorted(kinds)))  # type: ignore[misc]
        if expected.no_personal_data is not None:
            found = traces(self._stack.directory, personal_texts(self._given))
            self._judge.see("no_personal_data", not found)
            if found:
                self._judge.fail(f"personal data in {', '.join(found)}")

    def register(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The server's register (R3) shows these passages last, oldest first: as the edge's own records tell them."""
        told = [{key: row[key] for key in _REGISTERED} | {"with": len(row["with"])} for row in rows]

        def shown() -> list[dict[str, Any]]:
            items = self._stack.api.get("/api/v1/register", newest_first="true", limit=LIST_LIMIT)["items"]
            passages = [item for item in reversed(items) if item["direction"] in ("in", "out") and item["number"]]
            found = [
                {key: item[name] for key, name in _REGISTERED.items()} | {"with": len(item["partners"])}
                for item in passages
            ]
            return found[-len(told) :]

        self._settles("registered", shown, told)

    def _recorded(self, wanted: Recorded) -> None:
        """The last decision of the edge's journal, as the ledger keeps it byte by byte."""
        record = next((each for each in reversed(self._tail.records()) if decision_in(each)[1] is not None), None)
        current = self._stack.api.get("/api/v1/policy/current", edge=EDGE)["version"]
        version = Version(current["epoch"], current["n"]) if isinstance(current, dict) else Version(*current)
        self._judge.recorded(record, wanted, version)
        if record is None:
            return
        raw = dict(self._tail.raw())[record.seq].decode()
        if not until(lambda: any(raw == line for line in self._ledger_lines(record.seq)), RECORD_TIMEOUT_S):
            self._judge.fail(f"recorded: record {record.seq} is not in the ledger as the edge wrote it")

    def _ledger_lines(self, seq: int) -> list[str]:
        lines = self._stack.api.lines("/api/v1/ledger/export", edge=EDGE, after_seq=seq - 1)
        return [json.loads(line)["record"] for line in lines]

    def _in_force(self, wanted: InForce) -> None:
        kind, name = ("badges", wanted.badge) if wanted.badge is not None else ("contracts", wanted.contract)
        reach: dict[str, Any] = {}

        def reached() -> bool:
            reach.update(self._stack.api.get(f"/api/v1/{kind}/{name}/reach"))
            awaiting = tuple(sorted(edge["edge"] for edge in reach["edges"] if edge["in_force_at"] is None))
            complete = reach["doors_in_force"] == reach["doors"] > 0
            return awaiting == tuple(sorted(wanted.awaiting)) and complete == (not wanted.awaiting)

        held = until(reached, RECORD_TIMEOUT_S)
        self._judge.observed["in_force"] = reach.get("text_en")
        if not held:
            self._judge.fail(f"in_force: {reach.get('text_en') or reach}")
        elif wanted.within_ms is not None and reach["after_s"] * 1000 > wanted.within_ms:
            self._judge.fail(f"in_force: took {reach['after_s']} s, expected within {wanted.within_ms} ms")

    def _shows(self, wanted: Mapping[str, Any]) -> None:
        (kind, name), *fields = wanted.items()

        def found() -> dict[str, Any]:
            shown = self._stack.api.get(f"/api/v1/{kind}s/{name}")
            return {key: _comparable(shown.get(key)) for key, _ in fields}

        self._settles("shows", found, dict(fields))

    def _to_be_returned(self) -> tuple[str, ...]:
        items = self._stack.api.get("/api/v1/badges/to-be-returned", limit=LIST_LIMIT)["items"]
        return tuple(sorted(str(_nested(item)) for item in items))

    def _history(self, wanted: History) -> None:
        kind = next(kind for kind in ("badge", "contract", "customer", "holder") if getattr(wanted, kind) is not None)
        path = f"/api/v1/{kind}s/{getattr(wanted, kind)}/history"
        changes: list[dict[str, Any]] = []

        def complete() -> bool:
            changes[:] = self._stack.api.get(path, limit=LIST_LIMIT)["items"]
            whole = repr(changes)
            return all(text in whole for text in wanted.texts) and (wanted.by is None or changes[-1]["by"] == wanted.by)

        held = until(complete, RECORD_TIMEOUT_S)
        self._judge.observed["history"] = len(changes)
        if not held:
            missing = [text for text in wanted.texts if text not in repr(changes)]
            last = changes[-1]["by"] if changes else None
            self._judge.fail(f"history: {len(changes)} changes, the last by {last!r}; not among them: {missing}")

    def _overdue(self, subject: str) -> tuple[str, ...]:
        items = self._stack.api.get("/api/v1/duty-items", subject=subject, overdue="true")["items"]
        return tuple(sorted(str(item["kind"]) for item in items))

    def _audited(self, act: str) -> bool:
        return act in {entry["act"] for entry in self._audit()}

    def _audit(self) -> list[dict[str, Any]]:
        after, found = 0, []
        while True:
            page = self._stack.api.get("/api/v1/audit", after=after, limit=LIST_LIMIT)
            found += page["items"]
            if not page["next"]:
                return found
            after = page["next"]

    def _settles(self, key: str, look: Callable[[], Any], wanted: Any) -> None:
        found: list[Any] = [None]

        def holds() -> bool:
            try:
                found[0] = look()
            except Refused as error:
                found[0] = error.code
            return bool(found[0] == wanted)

        until(holds, RECORD_TIMEOUT_S)
        self._judge.see(key, found[0], wanted)


def _nested(item: Mapping[str, Any]) -> Any:
    badge = item.get("badge")
    return badge.get("external_id") if isinstance(badge, Mapping) else item.get("external_id") or badge


def _comparable(found: Any) -> Any:
    """Lists of edges by their names alone: times are nobody's to foresee."""
    if isinstance(found, list) and found and all(isinstance(each, dict) and "edge" in each for each in found):
        return [each["edge"] for each in found]
    return found
