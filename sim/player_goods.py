"""The verbs about equipment on a running stack: scans in the hall, documents and the guard's console through the API."""

from collections.abc import Callable
from typing import Any

from controller.codes import CHANCE_CHARACTERS, document_code, serial_key
from controller.events import CommandDone, Record
from controller.goods_events import DocumentKind
from controller.inputs import DocumentScanned, ItemScanned, ScanCancelled, ScanRefused
from sim.clients import HttpClient, Refused
from sim.facts import command_done, events_of, granted_in, scan_in
from sim.goods_desk import GoodsDesk
from sim.goods_facts import GoodsFacts
from sim.journal_tail import JournalTail
from sim.judge import Judge
from sim.operators import Operators
from sim.scenario import Expect
from sim.scenario_given import Given
from sim.scenario_goods import AttestVerb, CheckVerb, ConfirmVerb, OrderVerb, Scan, SlipVerb
from sim.scenario_verbs import acts_in
from sim.waiting import until

SCAN_TIMEOUT_S = 6.0
COMMAND_TIMEOUT_S = 10.0
_SCANNED = DocumentScanned | ItemScanned | ScanRefused | ScanCancelled


class GoodsPlayer:
    """``names``: printed number → the scenario's name of the badge."""

    def __init__(
        self,
        operators: Operators,
        hall: HttpClient,
        tail: JournalTail,
        judge: Judge,
        desk: GoodsDesk,
        names: dict[str, str],
    ) -> None:
        self._operators = operators
        self._hall = hall
        self._tail = tail
        self._judge = judge
        self._desk = desk
        self._names = names
        self._kinds: dict[str, DocumentKind] = {}
        self._models: dict[str, str] = {}

    def load(self, given: Given) -> None:
        """Inventory, orders and slips that exist before the first step."""
        self._models = {item.serial: item.model for item in given.inventory}
        self._desk.stock(given.inventory)
        for order in given.orders:
            self._kinds[order.id] = "order"
            self._desk.given_order(order)
        for slip in given.slips:
            self._kinds[slip.id] = "slip"
            self._desk.given_slip(slip, self._models)

    def scan(self, verb: Scan, since: int) -> None:
        """Hold a code before the scanner at an access point."""
        body: dict[str, Any] = {"access_point": verb.at, "text": self._text(verb)}
        if not (body["text"].isascii() and body["text"].isprintable()):
            body = {"access_point": verb.at, "raw_hex": body["text"].encode().hex(), "terminator": "cr"}
        if verb.half:
            body["fault"] = "half"
        answer = self._hall.post("/scan", body)
        record = self._tail.wait_for(
            lambda found: isinstance(found.input, _SCANNED) and found.input.access_point == verb.at,
            since,
            SCAN_TIMEOUT_S,
        )
        self._judge.see("unlocked", bool(answer["unlocked"]))
        self._judge.see("indicator", answer["indicator"])
        self._see_decision(verb.at, record, None)

    def check(self, verb: CheckVerb, since: int) -> None:
        """The guard's console in the scanner's place."""
        kind: DocumentKind = "slip" if verb.slip is not None else "order"
        code = self._desk.code(kind, verb.slip or verb.order or "")
        body = {"access_point": verb.at, "code": code, "items": list(verb.serials)}
        self._console("/api/v1/equipment-checks", body, verb.at, since)

    def confirm(self, verb: ConfirmVerb, since: int, number: str) -> None:
        """The guard's word on who waits (R8)."""
        reason = verb.reason if verb.reason or verb.accepted else "as the scenario says"
        body = {"access_point": verb.at, "number": number, "accepted": verb.accepted, "reason": reason}
        self._console("/api/v1/holder-confirmations", body, verb.at, since)

    def attest(self, verb: AttestVerb, since: int) -> None:
        """The guard's signature on what left by a door."""
        found: list[dict[str, Any]] = []

        def stands() -> bool:
            alarms = self._guard.get("/api/v1/alarms", limit=200)["items"]
            found[:] = [a for a in alarms if (a["alarm"], a["subject"]) == ("EQUIPMENT_UNCHECKED", verb.door)]
            return bool(found)

        if not until(stands, COMMAND_TIMEOUT_S):
            raise Refused(404, "NO_SUCH_ALARM", f"no EQUIPMENT_UNCHECKED stands at {verb.door}")
        body: dict[str, Any] = {"alarm": found[-1]["id"], "outcome": "nothing_left", "devices": [], "note": "looked"}
        if verb.openings is not None:
            body["openings"] = verb.openings
        self._console("/api/v1/equipment-attestations", body, None, since)

    def slip(self, verb: SlipVerb) -> None:
        """One act on an exit slip."""
        (act,) = acts_in(verb)
        self._kinds[verb.id] = "slip"
        if verb.new is not None:
            self._desk.write_slip(verb.id, verb.new, self._models)
        elif act == "approve":
            self._desk.approve_slip(verb.id)
        elif act == "issue":
            self._desk.issue_slip(verb.id)
        elif act == "cancel":
            self._desk.cancel("slip", verb.id)
        elif verb.bind is not None:
            self._desk.bind("slip", verb.id, verb.bind)

    def order(self, verb: OrderVerb) -> None:
        """One act on a work order. ``exception``: submitted without notice, excepted, approved."""
        (act,) = acts_in(verb)
        self._kinds[verb.id] = "order"
        if verb.new is not None:
            self._models |= {serial: line.model for line in verb.new.lines for serial in line.serials}
            self._desk.write_order(verb.id, verb.new)
        elif act == "exception":
            self._desk.approve_order(verb.id, unpacked=False)
        elif act == "unpack":
            self._desk.unpack(verb.id)
        elif act == "cancel":
            self._desk.cancel("order", verb.id)
        elif verb.bind is not None:
            self._desk.bind("order", verb.id, verb.bind)

    def judge_state(self, expected: Expect, settles: Callable[[str, Callable[[], Any], Any], None]) -> None:
        """What the server tells of devices and documents, and the edge's records of checks."""
        if expected.inventory is not None:
            wanted = {owner: tuple(sorted(serials)) for owner, serials in expected.inventory.items()}
            settles("inventory", lambda: {owner: self._desk.inventory(owner) for owner in wanted}, wanted)
        if expected.left is not None:
            documents = dict(expected.left)
            settles("left", lambda: {name: self._desk.left(self._kinds[name], name) for name in documents}, documents)
        if expected.checks is not None:
            checks = {point: tuple(map(serial_key, check.scanned)) for point, check in expected.checks.items()}
            settles("checks", self._checks, checks)

    def _checks(self) -> dict[str, tuple[str, ...]]:
        facts = GoodsFacts(events_of(self._tail.records()))
        return {point: tuple(check.scanned) for point, check in facts.checks.items()}

    def _console(self, path: str, body: dict[str, Any], access_point: str | None, since: int) -> None:
        """A command by its own call, and what the edge said to it."""
        try:
            command_id = str(self._guard.post(path, body)["command_id"])
        except Refused as error:
            if error.code != "no_session":
                raise
            self._judge.see("result", "no_session")
            return
        record = self._tail.wait_for(
            lambda found: command_done([found], command_id) is not None, since, COMMAND_TIMEOUT_S
        )
        done: CommandDone | None = None if record is None else command_done([record], command_id)
        self._judge.see("result", "expired" if done is None else done.result)
        refusal = done.because.reason if done is not None and done.because is not None else None
        if access_point is None:
            self._judge.see("reason", refusal)
        else:
            self._see_decision(access_point, record, refusal)

    def _see_decision(self, access_point: str, record: Record | None, refusal: str | None) -> None:
        judge = self._judge
        decision, because = scan_in(record, access_point)
        judge.see("decision", decision or "none")
        judge.see("reason", refusal or (because.reason if because is not None else None))
        judge.see("rule", because.rule if because is not None else None)
        if judge.expected is not None and judge.expected.granted is not None:
            granted = tuple(sorted(self._names.get(number, number) for number in granted_in(record)))
            judge.see("granted", granted, tuple(sorted(judge.expected.granted)))

    def _text(self, verb: Scan) -> str:
        if verb.serial is not None:
            return verb.serial
        if verb.raw is not None:
            return verb.raw * verb.times
        kind: DocumentKind = "slip" if verb.slip is not None else "order"
        name = verb.slip if verb.slip is not None else verb.order or ""
        if name == "unknown":
            return document_code(kind, "0" * CHANCE_CHARACTERS)
        return self._desk.code(kind, name)

    @property
    def _guard(self) -> HttpClient:
        return self._operators.client("guard")
