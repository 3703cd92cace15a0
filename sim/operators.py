"""The operators who sit at the consoles: people with accounts and passwords of their own, made when somebody needs them.

Two tokens of one administrator would be one person (D1): what takes four eyes takes two accounts. The supervisor of a new site comes from the command
line, as long as there is nobody to authorise one.
"""

import secrets

from sim.clients import HttpClient
from sim.stack import Stack


class Operators:
    """``administrator`` is the stack's own client, who may do everything but what takes two people."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
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

    def account(self, username: str, name: str, role: str) -> str:
        """A new account. Returns its one-time password. A supervisor's is authorised by another one first, as management does (D1)."""
        made = self._stack.api.post("/api/v1/operators", {"username": username, "name": name, "role": role})
        if made["one_time_password"] is not None:
            return str(made["one_time_password"])
        waiting = self._stack.api.get("/api/v1/approvals", status="waiting")["items"]
        (asked,) = (one["id"] for one in waiting if one["subject"] == made["id"])
        self.client("supervisor").post(f"/api/v1/approvals/{asked}/approve")
        return str(self._stack.api.post(f"/api/v1/operators/{made['id']}/reset-password")["one_time_password"])

    def _sign_in(self, role: str) -> HttpClient:
        if role == "supervisor":
            return HttpClient(self._stack.server_url, self._stack.token(role))
        username, password = f"sim-{role.replace('_', '-')}", secrets.token_urlsafe(12)
        one_time = self.account(username, f"Sim {role}", role)
        client = HttpClient(self._stack.server_url)
        client.sign_in(username, one_time)
        client.post("/api/v1/account/password", {"current": one_time, "new": password})
        return client
