"""Permits, visits and emergencies at the desk, through the server's API: customer service writes and approves, the guard checks people in and out."""

import datetime as dt
from typing import Any

from sim.clients import HttpClient
from sim.documents import document
from sim.operators import Operators
from sim.scenario_goods import CheckIn, EmergencyVerb, PermitTerms, PermitVerb
from sim.scenario_times import moment
from sim.scenario_verbs import acts_in
from sim.waiting import until

REASON = "as the scenario says"
DOCUMENT = "id_card"
POOL_FIRST = 9001
COMMAND_TIMEOUT_S = 10.0


class VisitDesk:
    """Every act raises :class:`sim.clients.Refused` when the server refuses it. A permit has one person; the temporary badge lent to them is, in the hall, a card
    called by the permit's id."""

    def __init__(self, operators: Operators, hall: HttpClient, now: dt.datetime) -> None:
        self._operators = operators
        self._hall = hall
        self._now = now
        self._terms: dict[str, PermitTerms] = {}
        self._numbers: dict[str, str] = {}

    @property
    def numbers(self) -> dict[str, str]:
        """Permit → the number printed on the temporary badge that is lent."""
        return self._numbers

    def permit(self, verb: PermitVerb) -> None:
        """One act on a permit."""
        (act,) = acts_in(verb)
        path = f"/api/v1/permits/{verb.id}"
        if verb.new is not None:
            self._apply(verb.id, verb.new)
        elif verb.approve is not None:
            self._by(verb.approve.by).post(f"{path}/approve", {"note": REASON})
        elif verb.check_in is not None:
            self._check_in(verb.id, verb.check_in)
        elif verb.check_out is not None:
            said = {"content": REASON, "operations": REASON, "badge": "returned"}
            self._by(verb.check_out.by).post(f"/api/v1/visits/{self._visit(verb.id)}/check-out", said)
        else:
            assert act in ("end", "revoke")
            self._by(None).post(f"{path}/end", {"reason": REASON})

    def emergency(self, verb: EmergencyVerb) -> None:
        """One act on an emergency. Somebody who is admitted stands there when the command has been answered."""
        path = f"/api/v1/emergencies/{verb.id}"
        if verb.approve is not None:
            body = {"external_id": verb.id, "reason": verb.approve.reason, "areas": list(verb.approve.areas)}
            self._by(verb.approve.by).post("/api/v1/emergencies", body)
        elif verb.admit is not None:
            guard = self._by(verb.admit.by)
            guard.post(f"{path}/document", {"id_document": "other", "number": "F12345", "name": verb.id})
            order = guard.post(f"{path}/admit", {"access_point": verb.admit.at})["command_id"]
            api = self._by(None)
            until(lambda: bool(api.get(f"/api/v1/commands/{order}")["result"] != "waiting"), COMMAND_TIMEOUT_S)
        elif verb.close is not None:
            self._by(verb.close.by).post(f"{path}/close", {"note": verb.close.note})

    def _apply(self, name: str, terms: PermitTerms) -> None:
        service, path = self._by("customer_service"), f"/api/v1/permits/{name}"
        self._terms[name] = terms
        person = {"name": terms.name, "id_document": DOCUMENT, "id_number": terms.id_number}
        body = {
            "external_id": name,
            "kind": "temporary",
            "customer": terms.customer,
            "reason": REASON,
            "areas": list(terms.areas),
            "from": moment(terms.from_, self._now).isoformat(),
            "until": moment(terms.to, self._now).isoformat(),
            "persons": [person],
        }
        made = service.post("/api/v1/permits", {key: value for key, value in body.items() if value is not None})
        if terms.customer is not None:
            service.put(f"{path}/letter", *document("letter", name))
        service.put(f"{path}/persons/{made['persons'][0]['id']}/id-copy", *document("id_copy", name))
        service.post(f"{path}/submit")

    def _check_in(self, name: str, said: CheckIn) -> None:
        guard = self._by("guard" if said.by == "administrator" else said.by)
        path = f"/api/v1/visits/{self._visit(name)}"
        number = said.id_number or self._terms[name].id_number
        guard.post(f"{path}/document", {"id_document": DOCUMENT, "number": number})
        items = [item["item"] for item in guard.get("/api/v1/visits/forms")["declaration"]]
        words = {
            item: {"confirmed": item not in said.refused, "note": REASON if item in said.refused else ""}
            for item in items
        }
        guard.post(f"{path}/declaration", {"items": words})
        guard.put(f"{path}/photo", *document("photo", name))
        guard.post(f"{path}/check-in", {"card": self._card(name)})

    def _card(self, name: str) -> str:
        """A temporary badge of the pool, made when it is first lent."""
        if name not in self._numbers:
            number = f"T{POOL_FIRST + len(self._numbers)}"
            self._hall.post("/cards", {"id": name, "technology": "desfire", "number": number})
            card = {"technology": "desfire", "number": number}
            self._by("customer_service").post("/api/v1/temporary-badges", {"number": number, "card": card})
            self._numbers[name] = number
        return self._numbers[name]

    def _visit(self, name: str) -> str:
        visits: list[dict[str, Any]] = self._by(None).get("/api/v1/visits", permit=name)["items"]
        return str(visits[-1]["id"]) if visits else "none"

    def _by(self, role: str | None) -> Any:
        return self._operators.client(role)
