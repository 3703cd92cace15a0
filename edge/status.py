"""What the edge says of itself: retained, signed, on change and every STATUS_INTERVAL_US (``controller.wire.Status``).

Only the edge says that it is there; the will, unsigned, may say that it is gone.
"""

from collections.abc import Callable
from typing import Any

from controller.now import SECOND_US, Now
from controller.site import DoorHardware
from controller.state import State
from controller.wire import Status
from edge.ports import DeviceChanged
from edge.sender import Sender

STATUS_INTERVAL_US = 30 * SECOND_US
STATUS_PAUSE_US = SECOND_US
"""Changes are told at most this often."""
_MOVING = ("last_seq", "acked_seq", "outbox", "lease_left_s")
"""Fields that move all the time and cause no status of their own."""


class Health:
    """What works and what does not, as last heard. Boards are open, or have told their fault, before the agent starts;
    readers are opened after."""

    def __init__(
        self, notices: tuple[str, ...] = (), readers: tuple[str, ...] = (), boards: tuple[str, ...] = ()
    ) -> None:
        self.readers = dict.fromkeys(readers, "starting")
        self.boards = dict.fromkeys(boards, "working")
        self.journal = ""
        self.tidying = ""
        self.policy = ""
        self.dropped_reads = 0
        self._notices = notices

    def device(self, change: DeviceChanged) -> None:
        """``working``, or the cause for a technician."""
        devices = self.boards if change.kind == "board" else self.readers
        devices[change.device] = "working" if change.working else change.cause or "not working"

    def warnings(self, policy_store_damage: str, server_silent: bool) -> tuple[str, ...]:
        """One line each; empty when all is well but for the configured notices."""
        found = list(self._notices)
        if self.journal:
            found.append(f"journal cannot commit: {self.journal}")
        if self.tidying:
            found.append(f"journal: {self.tidying}")
        if policy_store_damage:
            found.append(policy_store_damage)
        if self.policy:
            found.append(self.policy)
        if server_silent:
            found.append("the server does not acknowledge records although the broker is connected")
        if self.dropped_reads:
            found.append(f"{self.dropped_reads} card reads or scans dropped: the queue was full")
        return tuple(found)


class StatusReport:
    """Decides when a status goes out."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._said: dict[str, Any] | None = None
        self._look_at_us = 0
        self._repeat_at_us = 0
        self._touched = True

    def link_up(self) -> None:
        """A new session: said at once, whatever was said before."""
        self._said = None
        self._look_at_us = 0
        self._touched = True

    def touch(self) -> None:
        """Something happened that may have changed the status."""
        self._touched = True

    def pump(self, now: Now, report: Callable[[Now], dict[str, Any]], online: bool) -> None:
        """Say it if it is due. ``report`` is called only then."""
        if online and now.mono_us < self._repeat_at_us and not (self._touched and now.mono_us >= self._look_at_us):
            return
        fields = report(now)
        lasting = {name: value for name, value in fields.items() if name not in _MOVING}
        self._touched = False
        self._look_at_us = now.mono_us + STATUS_PAUSE_US
        if online and lasting == self._said and now.mono_us < self._repeat_at_us:
            return
        if self._sender.send(Status, "status", now, retain=True, online=online, **fields):
            self._said = lasting
            self._repeat_at_us = now.mono_us + STATUS_INTERVAL_US
        else:
            self._touched = True

    def deadline_us(self) -> int:
        """When :meth:`pump` has something to do again."""
        return min(self._look_at_us, self._repeat_at_us) if self._touched else self._repeat_at_us


def door_facts(state: State, hardware: tuple[DoorHardware, ...]) -> dict[str, dict[str, str]]:
    """Each door's four facts: mode, position, lock, and the alarms that stand for it, by name (DESIGN §3); and what must be seen of its
    wiring: ``fail``, ``relock_by`` (MEANINGS 28)."""
    wired = {line.door: {"fail": line.fail, "relock_by": line.relock_by} for line in hardware}
    alarms: dict[str, list[str]] = {}
    for standing in state.alarms.values():
        alarms.setdefault(standing.subject, []).append(standing.alarm)
    return {
        name: {
            "mode": door.mode,
            "position": door.position,
            "lock": door.lock,
            "alarm": " ".join(sorted(alarms.get(name, []))),
        }
        | wired.get(name, {})
        for name, door in sorted(state.doors.items())
    }
