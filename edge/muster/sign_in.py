"""Who may look at the muster page: sessions, and how often an address may try (told the time; no I/O, no threads).

One password for the guards of this room, not one per person: the page only shows, and each sign-in is in the log.
"""

import hashlib
from collections.abc import Callable

import msgspec

from controller.now import SECOND_US

TRIES = 5
TRIES_WITHIN_US = 60 * SECOND_US
"""Wrong passwords of one address before it waits for the rest of this time. Others and whoever is signed in are not concerned."""
MAX_ADDRESSES = 1_024
SESSION_US = 12 * 3_600 * SECOND_US
"""A shift."""
MAX_SESSIONS = 64
"""The oldest ends when another begins."""


class _Session(msgspec.Struct, frozen=True):
    until_us: int
    password: str


class SignIn:
    """``token``: a new secret that nobody can guess. Sessions are kept by their hashes and end with the password that began them."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token
        self._sessions: dict[str, _Session] = {}
        self._failed_at_us: dict[str, list[int]] = {}

    def wait_us(self, address: str, now_us: int) -> int:
        """How long this address must wait before it may try; 0: now."""
        failed = [at_us for at_us in self._failed_at_us.get(address, []) if now_us - at_us < TRIES_WITHIN_US]
        return failed[0] + TRIES_WITHIN_US - now_us if len(failed) >= TRIES else 0

    def failed(self, address: str, now_us: int) -> None:
        """A wrong password from there."""
        failed = [at_us for at_us in self._failed_at_us.pop(address, []) if now_us - at_us < TRIES_WITHIN_US]
        while len(self._failed_at_us) >= MAX_ADDRESSES:
            del self._failed_at_us[next(iter(self._failed_at_us))]
        self._failed_at_us[address] = [*failed[-(TRIES - 1) :], now_us]

    def begin(self, address: str, password: str, now_us: int) -> str:
        """The right password: a session's token, for the cookie. ``password``: the stored hash that it fitted."""
        self._failed_at_us.pop(address, None)
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        token = self._token()
        self._sessions[_key(token)] = _Session(now_us + SESSION_US, _key(password))
        return token

    def holds(self, token: str, password: str | None, now_us: int) -> bool:
        """Whether the session stands. ``password``: the stored hash now; None: it cannot be read, which ends no session: in an emergency
        the list counts more."""
        session = self._sessions.get(_key(token)) if token else None
        if session is None:
            return False
        if now_us >= session.until_us or (password is not None and _key(password) != session.password):
            self.end(token)
            return False
        return True

    def end(self, token: str) -> None:
        """Signed out."""
        self._sessions.pop(_key(token), None)


def _key(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
