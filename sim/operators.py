"""The operators who sit at the consoles, each with a token of a role; they are made when somebody needs them."""

from sim.clients import HttpClient
from sim.stack import Stack


class Operators:
    """``administrator`` is the stack's own client, who may do everything but what takes two people."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._clients: dict[str, HttpClient] = {}

    def client(self, role: str | None) -> HttpClient:
        """Somebody of this role; None: the administrator."""
        if role in (None, "administrator"):
            return self._stack.api
        assert role is not None
        if role not in self._clients:
            token = self._stack.api.post("/api/v1/tokens", {"name": f"sim-{role}", "role": role})["token"]
            self._clients[role] = HttpClient(self._stack.server_url, token)
        return self._clients[role]

    def close(self) -> None:
        """Let go of all."""
        for client in self._clients.values():
            client.close()
