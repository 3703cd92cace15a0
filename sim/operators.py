"""The operators who sit at the consoles: people with accounts and passwords of their own, made when somebody needs them.

Two tokens of one administrator would be one person (D1): what takes four eyes takes two accounts. A supervisor's account is authorised in person by the administrator
of the first start, whose one-time password lies in the server's folder.
"""

import secrets

from sim.clients import HttpClient
from sim.stack import Stack

FIRST = "admin"
"""The user name of the account that the first start makes."""
CONSONANTS, VOWELS = "bkmprvz", "aiou"
"""No two of them make a run or a stretch of a keyboard's row, nor a word of an account's name (D2)."""
SYLLABLES = 6


class Operators:
    """``administrator`` is the stack's own client, who may do everything but what takes two people. ``password``: what whoever signs in here
    chooses as their own; else one that nobody learns."""

    def __init__(self, stack: Stack, password: str | None = None) -> None:
        self._stack = stack
        self._password = password
        self._clients: dict[str, HttpClient] = {}

    def client(self, role: str | None) -> HttpClient:
        """Somebody of this role, signed in; None: the administrator."""
        if role in (None, "administrator"):
            return self._stack.api
        assert role is not None
        if role not in self._clients:
            self._clients[role] = self._sign_in(role)
        return self._clients[role]

    def close(self) -> None:
        """Let go of all."""
        for client in self._clients.values():
            client.close()

    def seat(self, username: str, name: str, role: str) -> None:
        """Somebody's account, with the password that they have chosen."""
        self._in_person(username, self.account(username, name, role)).close()

    def first_administrator(self) -> HttpClient:
        """Signed in as whom the first start has made, with a password of their own."""
        if FIRST not in self._clients:
            text = (self._stack.directory / "server" / "first-sign-in.txt").read_text(encoding="utf-8")
            self._clients[FIRST] = self._in_person(FIRST, text.split()[-1])
        return self._clients[FIRST]

    def account(self, username: str, name: str, role: str) -> str:
        """A new account. Returns its one-time password. A supervisor's is authorised by another one first, as management does (D1)."""
        made = self._stack.api.post("/api/v1/operators", {"username": username, "name": name, "role": role})
        if made["one_time_password"] is not None:
            return str(made["one_time_password"])
        waiting = self._stack.api.get("/api/v1/approvals", status="waiting")["items"]
        (asked,) = (one["id"] for one in waiting if one["subject"] == made["id"])
        self.first_administrator().post(f"/api/v1/approvals/{asked}/approve")
        return str(self._stack.api.post(f"/api/v1/operators/{made['id']}/reset-password")["one_time_password"])

    def _sign_in(self, role: str) -> HttpClient:
        if role == "supervisor":
            return HttpClient(self._stack.server_url, self._stack.token(role))
        username = f"sim-{role.replace('_', '-')}"
        return self._in_person(username, self.account(username, f"Sim {role}", role))

    def _in_person(self, username: str, one_time: str) -> HttpClient:
        """Signed in with a password of their own."""
        client = HttpClient(self._stack.server_url)
        client.sign_in(username, one_time)
        client.post("/api/v1/account/password", {"current": one_time, "new": self._password or spoken_password()})
        return client


def spoken_password() -> str:
    """One that is read off a terminal and typed: syllables and a number."""
    made = ["".join((secrets.choice(CONSONANTS), secrets.choice(VOWELS))) for _ in range(SYLLABLES)]
    return (
        "-".join("".join(made[each : each + 2]) for each in range(0, SYLLABLES, 2)) + f"-{10 + secrets.randbelow(90)}"
    )
