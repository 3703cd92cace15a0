"""What customer service does at the desk, through the server's API: papers handed in, badges approved, issued, replaced.

An application is called ``app-`` and the badge that it asks for, so that scenarios need one name for both.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sim.clients import HttpClient
from sim.documents import document
from sim.waiting import until

PARTS = ("photo", "id_copy", "letter", "loss_letter")
FIRST_NUMBER = 1001
PURPOSE = "日常维护自有设备 routine maintenance"


class Desk:
    """See the module's docstring. Every call raises :class:`sim.clients.Refused` when the server refuses it."""

    def __init__(self, api: HttpClient, hall: HttpClient) -> None:
        self._api = api
        self._hall = hall
        self._next_number = FIRST_NUMBER
        self._numbers: dict[str, str] = {}

    def apply(self, badge: str, holder: str, parts: Iterable[str] = PARTS[:3], **more: Any) -> Mapping[str, Any]:
        """Make the application for a badge and hand in its papers. Returns it as the server shows it then."""
        body = {"external_id": application_of(badge), "holder": holder, "purpose": PURPOSE, "consent": True, **more}
        shown = self._api.post("/api/v1/applications", {key: value for key, value in body.items() if value is not None})
        return self.attach(badge, holder, parts) or shown

    def attach(self, badge: str, holder: str, parts: Iterable[str]) -> Mapping[str, Any]:
        """Hand in papers. Returns the application as it stands then."""
        shown: Mapping[str, Any] = {}
        for part in parts:
            content, media_type = document(part, holder)
            shown = self._api.put(f"{self._application(badge)}/attachments/{part}", content, media_type)
        return shown

    def application(self, badge: str) -> Mapping[str, Any]:
        """The application as the server shows it."""
        shown: Mapping[str, Any] = self._api.get(self._application(badge))
        return shown

    def approve(self, badge: str) -> Mapping[str, Any]:
        """Approve: the badge is there, under its own name, and has its place."""
        shown: Mapping[str, Any] = self._api.post(f"{self._application(badge)}/approve", {"external_id": badge})
        return shown

    def withdraw(self, badge: str) -> None:
        """Take the application back before it is decided."""
        self._api.post(f"{self._application(badge)}/withdraw")

    def issue(self, badge: str, technology: str = "desfire", number: str | None = None) -> Mapping[str, Any]:
        """Make a card, called by the badge's name in the hall, and bind it."""
        number = number or self.next_number()
        card = self._hall.post("/cards", {"id": badge, "technology": technology, "number": number})
        bound = {"technology": technology, "number": card["uid"] if technology == "uid" else number}
        shown: Mapping[str, Any] = self._api.post(f"/api/v1/badges/{badge}/issue", {"number": number, "card": bound})
        return shown

    def encode(self, badge: str, edge: str, number: str | None = None) -> str:
        """Have a desk write a card, called by the badge's name in the hall: a blank one, and from then on the same with the same
        number. Returns the command's id."""
        if badge not in self._numbers:
            self._hall.post("/cards", {"id": badge, "technology": "desfire-blank", "number": ""})
            self._numbers[badge] = number or self.next_number()
        number = number or self._numbers[badge]
        return str(self._api.post(f"/api/v1/badges/{badge}/encode", {"edge": edge, "number": number})["command_id"])

    def interrupt(self, card: str, command: int, effect: str) -> None:
        """Let a card lose power in its ``command``-th command from now."""
        self._hall.post("/interrupt", {"card": card, "command": command, "effect": effect, "away": True})

    def lay_and_wait(self, card: str, reader: str, command_id: str, timeout_s: float) -> Mapping[str, Any]:
        """Lay a card on the desk's reader until the command has an answer. Returns it."""
        answer: dict[str, Any] = {}

        def answered() -> bool:
            answer.update(self._api.get(f"/api/v1/commands/{command_id}"))
            return bool(answer["result"] != "waiting")

        self._hall.post("/lay", {"card": card, "reader": reader})
        until(answered, timeout_s)
        self._hall.post("/remove", {"reader": reader})
        return answer

    def next_number(self) -> str:
        """A number that no badge has been printed with yet."""
        number = f"M{self._next_number}"
        self._next_number += 1
        return number

    def _application(self, badge: str) -> str:
        return f"/api/v1/applications/{application_of(badge)}"


def application_of(badge: str) -> str:
    """What the application for this badge is called."""
    return f"app-{badge}"
