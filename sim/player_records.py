"""The verbs of a scenario that change records: badge, contract, customer, holder through the API, registry as a CRM does."""

import datetime as dt
from typing import Any

from sim import crm
from sim.clients import Refused
from sim.desk import PARTS, Desk
from sim.judge import Judge
from sim.scenario_times import moment
from sim.scenario_verbs import (
    BadgeVerb,
    ContractVerb,
    CustomerVerb,
    DutyVerb,
    HolderVerb,
    Interrupted,
    RegistryVerb,
    Successor,
    acts_in,
)
from sim.stack import DESK, Stack

REASON = "as the scenario says"
DESK_READER = "desk"
ENCODE_TIMEOUT_S = 60.0


class RecordVerbs:
    """Each verb raises :class:`sim.clients.Refused` when the other side refuses."""

    def __init__(self, stack: Stack, desk: Desk, judge: Judge) -> None:
        self._stack = stack
        self._desk = desk
        self._judge = judge

    def badge(self, verb: BadgeVerb) -> None:
        (act,) = acts_in(verb)
        path = f"/api/v1/badges/{verb.id}"
        match act:
            case "apply":
                self._apply(verb)
            case "attach":
                holder = self._desk.application(verb.id)["holder"]
                self._judge.see("missing", tuple(self._desk.attach(verb.id, holder, verb.attach)["missing"]))
            case "approve":
                self._desk.approve(verb.id)
            case "issue":
                if verb.holder is not None:
                    self._desk.apply(verb.id, verb.holder)
                    self._desk.approve(verb.id)
                self._desk.issue(verb.id, verb.card or "desfire", verb.number)
            case "encode":
                self._encode(verb)
            case "report":
                body = {"as": verb.report, "reason": verb.reason or REASON}
                self._api.post(f"{path}/report", body)
            case "reissue" | "transfer":
                successor: Successor | None = verb.reissue or verb.transfer
                assert successor is not None
                self._succeed(act, verb.id, successor)

    def contract(self, verb: ContractVerb) -> None:
        (act,) = acts_in(verb)
        path = f"/api/v1/contracts/{verb.id}"
        match act:
            case "new":
                assert verb.new is not None
                body = {
                    "external_id": verb.id,
                    "customer": verb.new.customer,
                    "from": _time(verb.new.from_),
                    "until": _time(verb.new.to),
                    "areas": list(verb.new.areas),
                }
                self._api.post("/api/v1/contracts", _given(body))
            case "end":
                self._api.post(f"{path}/end", {} if verb.end == "now" else {"at": _time(verb.end)})
            case "until":
                self._api.patch(path, {"until": _time(verb.until), **({"confirm": True} if verb.confirm else {})})
            case _:
                self._api.post(f"{path}/{act}")

    def customer(self, verb: CustomerVerb) -> None:
        path = f"/api/v1/customers/{verb.id}"
        if verb.new is not None:
            body = {
                "external_id": verb.id,
                "code": verb.id,
                "kind": verb.new.kind,
                "name": verb.new.name,
                "credit_code": verb.new.credit_code,
            }
            self._api.post("/api/v1/customers", _given(body))
        elif verb.merge is not None:
            self._api.post(f"{path}/merge", {"merged": verb.merge, "reason": verb.reason})
        else:
            self._api.patch(path, _given({"name": verb.name, "kind": verb.kind}))

    def holder(self, verb: HolderVerb) -> None:
        path = f"/api/v1/holders/{verb.id}"
        if verb.new is not None:
            body = {
                "external_id": verb.id,
                "name": verb.new.name,
                "customer": verb.new.customer,
                "phone": verb.new.phone,
                "id_document": "id_card" if verb.new.id_number else None,
                "id_number": verb.new.id_number,
            }
            self._api.post("/api/v1/holders", _given(body))
        elif verb.leave:
            self._api.delete(path)
        elif verb.look is not None:
            clear = self._api.post(f"{path}/look", {"fields": list(verb.look.fields), "reason": verb.look.reason})
            self._judge.see("clear", {field: clear.get(field) for field in verb.look.fields})

    def registry(self, verb: RegistryVerb) -> None:
        try:
            rows = crm.write(self._stack.shared_database_url, verb.sql)
        except crm.SqlRefused as error:
            raise Refused(0, "SQL", str(error)) from error
        self._judge.observed["rows"] = rows
        if rows < 1:
            self._judge.fail("the statement touched no row")

    def duty(self, verb: DutyVerb) -> None:
        item = duty_item(self._api, verb.subject, verb.kind)
        body = {"result": verb.result, **({"note": verb.note} if verb.note else {})}
        self._api.post(f"/api/v1/duty-items/{item['id']}/tests", body)

    def _encode(self, verb: BadgeVerb) -> None:
        """Lay a blank card, or the same again, on the desk's reader, and wait for what the desk says."""
        order = self._desk.encode(verb.id, DESK, verb.number)
        if isinstance(verb.encode, Interrupted):
            self._desk.interrupt(verb.id, verb.encode.command, verb.encode.effect)
        answer = self._desk.lay_and_wait(verb.id, DESK_READER, order, ENCODE_TIMEOUT_S)
        self._judge.see("result", answer["result"])
        self._judge.see("reason", (answer.get("because") or {}).get("reason"))

    def _apply(self, verb: BadgeVerb) -> None:
        assert verb.apply is not None
        terms = {"from": _time(verb.apply.from_), "until": _time(verb.apply.to), "schedule": verb.apply.schedule}
        parts = [part for part in PARTS[:3] if part not in verb.apply.without]
        self._judge.see("missing", tuple(self._desk.apply(verb.id, verb.apply.holder, parts, **terms)["missing"]))

    def _succeed(self, kind: str, old: str, successor: Successor) -> None:
        holder = successor.to or self._api.get(f"/api/v1/badges/{old}")["holder"]
        letter = PARTS[3:] if kind == "reissue" and successor.letter else ()
        name = successor.as_
        try:
            self._desk.apply(name, holder, (*PARTS[:3], *letter), kind=kind, replaces=old)
            self._desk.approve(name)
            self._desk.issue(name, successor.card, successor.number)
        except Refused:
            self._withdraw(name)
            raise

    def _withdraw(self, badge: str) -> None:
        """An application that came to nothing does not stand in the way of the next."""
        try:
            self._desk.withdraw(badge)
        except Refused:
            return  # it was never made, or is decided

    @property
    def _api(self) -> Any:
        return self._stack.api


def duty_item(api: Any, subject: str, kind: str) -> dict[str, Any]:
    """What must be tested of a door or an edge. Raises :class:`sim.clients.Refused` where there is no such item."""
    items: list[dict[str, Any]] = api.get("/api/v1/duty-items", subject=subject, kind=kind)["items"]
    if not items:
        raise Refused(404, "no_such_item", f"nothing of kind {kind} is to be tested at {subject!r}")
    return items[0]


def _time(text: str | None) -> str | None:
    return None if text is None else moment(text, dt.datetime.now(dt.UTC)).isoformat()


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}
