"""The verbs about equipment, permits and the guard's word in virtual time: scans, the guard's console, what the server does to documents."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from controller.codes import serial_key
from controller.commands import AcknowledgeAlarm, CheckEquipment, Command, ConfirmHolder
from controller.events import Record
from controller.goods_events import DocumentKind
from controller.inputs import DocumentScanned, ItemScanned, ScanCancelled, ScanRefused
from controller.now import SECOND_US
from controller.policy import ExitSlip, Policy, WorkOrder, credential_key
from controller.state import alarm_key
from sim.facts import command_done, events_of, granted_in, scan_in
from sim.goods_facts import GoodsFacts
from sim.judge import Judge
from sim.memory_server import next_version
from sim.scenario import Expect
from sim.scenario_goods import (
    AttestVerb,
    Bind,
    CheckVerb,
    ConfirmVerb,
    OrderVerb,
    PermitVerb,
    Scan,
    SlipVerb,
)
from sim.scenario_times import duration_s, moment
from sim.virtual.building import Building
from sim.virtual.goods_policy import SITE, code_of
from sim.virtual.policy import Cast

UNKNOWN = "unknown"
"""As a slip or an order: a well-made code that no document has."""
AGAIN_US = 600_000
"""Before one code is read again at one scanner, unless the file waits: within half a second a scanner means the same scan."""
_SCANNED = DocumentScanned | ItemScanned | ScanRefused | ScanCancelled
_SHOWN = ("granted", "pending", "denied", "alarm", "accepted")


class Missing(ValueError):
    """The scenario names what is not there, in one line."""


class GoodsVerbs:
    """Each verb as in :mod:`sim.scenario_goods`. ``names``: printed number → the scenario's name of the badge."""

    def __init__(self, building: Building, cast: Cast, judge: Judge, names: dict[str, str]) -> None:
        self._building = building
        self._cast = cast
        self._judge = judge
        self._names = names
        self._numbers = {name: number for number, name in names.items()}
        self._again_us: dict[tuple[str, str], int] = {}

    def waited(self) -> None:
        """The file waits by itself: from here on its times are exact."""
        self._again_us.clear()

    def scan(self, verb: Scan) -> None:
        building = self._building
        self._point(verb.at)
        text = self._text(verb)
        building.advance(max(0, self._again_us.get((verb.at, text), 0) - building.now_us))
        since, asked = building.node.journal.last_seq, len(building.asked)
        late_us = 0 if verb.late is None else round(duration_s(verb.late) * SECOND_US)
        building.scan(verb.at, text, verb.half, late_us)
        self._again_us[verb.at, text] = building.now_us + AGAIN_US
        told = [
            record
            for record in building.records()[since:]
            if isinstance(record.input, _SCANNED) and record.input.access_point == verb.at
        ]
        self._see_at(verb.at, told[-1] if told else None, None, asked)

    def check(self, verb: CheckVerb) -> None:
        self._point(verb.at)
        kind: DocumentKind = "slip" if verb.slip is not None else "order"
        code = credential_key(self._building.node.identity.hash_key, kind, code_of(kind, verb.slip or verb.order or ""))
        items = tuple(map(serial_key, verb.serials))
        asked = len(self._building.asked)
        self._see_at(verb.at, *self._command(CheckEquipment(verb.at, kind, code, items, "as the scenario says")), asked)

    def confirm(self, verb: ConfirmVerb) -> None:
        self._point(verb.at)
        reason = verb.reason if verb.reason or verb.accepted else "as the scenario says"
        asked = len(self._building.asked)
        command = ConfirmHolder(verb.at, self._number(verb.badge), verb.accepted, reason)
        self._see_at(verb.at, *self._command(command), asked)

    def attest(self, verb: AttestVerb) -> None:
        self._building.door(verb.door)
        standing = self._building.node.agent.engine.state.alarms.get(alarm_key("EQUIPMENT_UNCHECKED", verb.door))
        openings = verb.openings
        if openings is None:
            openings = int(standing.inputs.get("openings", 1)) if standing is not None else 1
        attested = AcknowledgeAlarm("EQUIPMENT_UNCHECKED", verb.door, "looked", attested="att_1", openings=openings)
        _, refusal = self._command(attested)
        self._judge.see("reason", refusal)

    def slip(self, verb: SlipVerb) -> None:
        def changed(slip: Any) -> Any:
            if verb.cancel:
                return msgspec.structs.replace(slip, cancelled=True)
            assert verb.bind is not None
            return self._bound(slip, verb.bind)

        self._change("slips", verb.id, changed)

    def order(self, verb: OrderVerb) -> None:
        def changed(order: Any) -> Any:
            if verb.cancel:
                return None
            if verb.unpack:
                return msgspec.structs.replace(order, unpacked=True)
            if verb.exception:
                return msgspec.structs.replace(order, ready_us=0)
            assert verb.bind is not None
            return self._bound(order, verb.bind)

        self._change("orders", verb.id, changed)

    def permit(self, verb: PermitVerb) -> None:
        """What ends a permit is a change of what its badge may enter."""
        building = self._building
        if verb.id not in self._cast.badges:
            raise Missing(f"permit: no permit {verb.id!r}")
        if verb.revoke:
            building.change_badge(self._cast.badges[verb.id], status="revoked")
            return
        assert verb.end is not None
        until_us = round(moment(verb.end, building.wall()).timestamp() * SECOND_US)
        policy = self._policy()
        badge = next(badge for badge in policy.badges if badge.id == self._cast.badges[verb.id])
        grants = tuple(
            msgspec.structs.replace(
                grant, areas=tuple(msgspec.structs.replace(area, until_us=until_us) for area in grant.areas)
            )
            if grant.id == badge.grant
            else grant
            for grant in policy.grants
        )
        building.publish(next_version(policy, grants=grants))

    # expectations

    def judge(self, expected: Expect, settles: Callable[[str, Callable[[], Any], Any], None]) -> None:
        """What is expected of devices and documents."""
        if expected.inventory is not None:
            wanted = {owner: tuple(sorted(map(serial_key, serials))) for owner, serials in expected.inventory.items()}
            settles("inventory", lambda: {owner: self._inventory(owner) for owner in wanted}, wanted)
        if expected.left is not None:
            documents = dict(expected.left)
            settles("left", lambda: {name: self._left(name) for name in documents}, documents)
        if expected.checks is not None:
            checks = {
                point: (running.document, tuple(map(serial_key, running.scanned)))
                for point, running in expected.checks.items()
            }
            settles("checks", self._checks, checks)

    def _inventory(self, owner: str) -> tuple[str, ...]:
        ids: dict[str, int | None] = {customer.code: customer.id for customer in self._cast.policy.customers}
        found = self._facts().inventory(self._cast.policy.items)
        return tuple(found.get((ids | {SITE: None}).get(owner, -1), ()))

    def _left(self, name: str) -> int:
        return self._facts().left(self._document(name))

    def _checks(self) -> dict[str, tuple[str, tuple[str, ...]]]:
        numbers = {document.number: name for name, document in self._documents().items()}
        running = self._facts().checks.items()
        return {point: (numbers.get(check.number, check.number), tuple(check.scanned)) for point, check in running}

    def _facts(self) -> GoodsFacts:
        return GoodsFacts(events_of(self._building.records()))

    # documents

    def _documents(self) -> dict[str, ExitSlip | WorkOrder]:
        policy = self._building.server.policy or self._cast.policy
        found: dict[str, ExitSlip | WorkOrder] = {}
        for name, paper in self._cast.papers.items():
            documents: Sequence[ExitSlip | WorkOrder] = policy.slips if paper.document == "slip" else policy.orders
            for document in documents:
                if document.id == paper.id:
                    found[name] = document
        return found

    def _document(self, name: str) -> ExitSlip | WorkOrder:
        found = self._documents()
        if name not in found:
            raise Missing(f"no slip or order {name!r}; there are {', '.join(sorted(found)) or 'none'}")
        return found[name]

    def _bound(self, document: Any, bind: Bind) -> Any:
        """Bound anew: the lines say what is left now."""
        facts = self._facts()
        kind: DocumentKind = "slip" if isinstance(document, ExitSlip) else "order"
        passed = facts.passed(kind, document.id, document.binding, "out" if kind == "slip" else "in")
        moved = {item.serial for move in facts.moves if move.number == document.number for item in move.items}
        lines = tuple(
            msgspec.structs.replace(
                line,
                quantity=line.quantity - passed.get(line.id, 0),
                serials=tuple(serial for serial in line.serials if serial not in moved),
            )
            for line in document.lines
        )
        changes: dict[str, Any] = {"lines": lines, "binding": document.binding + 1}
        if bind.edge is not None:
            changes["edge"] = bind.edge
        if isinstance(document, ExitSlip):
            changes["door"] = bind.door
        return msgspec.structs.replace(document, **changes)

    def _change(self, key: str, name: str, changed: Callable[[Any], Any]) -> None:
        document, policy = self._document(name), self._policy()
        entries = [changed(entry) if entry.id == document.id else entry for entry in getattr(policy, key)]
        self._building.publish(next_version(policy, **{key: tuple(entry for entry in entries if entry is not None)}))

    def _policy(self) -> Policy:
        policy = self._building.server.policy
        assert policy is not None
        return policy

    # what is said and seen

    def _command(self, command: Command) -> tuple[Record | None, str | None]:
        """The record that it made, and why it was refused."""
        building = self._building
        if not building.connected:
            self._judge.see("result", "no_session")
            return None, None
        since = building.node.journal.last_seq
        command_id = building.command(command, supervisor=False)
        news = building.records()[since:]
        done = command_done(news, command_id)
        self._judge.see("result", done.result if done is not None else "expired")
        record = next((record for record in news if command_done([record], command_id) is not None), None)
        return record, done.because.reason if done is not None and done.because is not None else None

    def _see_at(self, access_point: str, record: Record | None, refusal: str | None, asked: int) -> None:
        """What was told at an access point; ``refusal``: of the command, if it was one."""
        building, judge = self._building, self._judge
        decision, because = scan_in(record, access_point)
        judge.see("decision", decision or "none")
        judge.see("reason", refusal or (because.reason if because is not None else None))
        judge.see("rule", because.rule if because is not None else None)
        door = next(point.door for point in building.site.access_points if point.id == access_point)
        judge.see(
            "unlocked", any(act.subject == door and act.act in ("unlock", "hold") for act in building.asked[asked:])
        )
        shown = building.shown.get(access_point, "")
        judge.see("indicator", shown if shown in _SHOWN else "none")
        if judge.expected is not None and judge.expected.granted is not None:
            granted = tuple(sorted(self._names.get(number, number) for number in granted_in(record)))
            judge.see("granted", granted, tuple(sorted(judge.expected.granted)))

    def _text(self, verb: Scan) -> str:
        if verb.serial is not None:
            return verb.serial
        if verb.raw is not None:
            return verb.raw * verb.times
        name = verb.slip if verb.slip is not None else verb.order or ""
        if name != UNKNOWN and name not in self._cast.papers:
            raise Missing(f"scan: no document {name!r}; there are {', '.join(sorted(self._cast.papers))}, {UNKNOWN}")
        return code_of("slip" if verb.slip is not None else "order", name)

    def _point(self, access_point: str) -> None:
        if access_point not in {point.id for point in self._building.site.access_points}:
            raise Missing(f"no access point {access_point!r}")

    def _number(self, badge: str) -> str:
        if badge not in self._numbers:
            raise Missing(f"no badge {badge!r}; there are {', '.join(sorted(self._numbers))}")
        return self._numbers[badge]
