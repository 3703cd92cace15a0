"""Keeps a chattering contact or exit button from flooding the journal, and loses nothing that matters (docs/rooms.md, Rattling).

Pure: told the time (boot time). One :class:`ContactFilter` for all doors; its memory is bounded by the doors of ``edge.toml``. ::

    single    each change passes as DoorContact; more than SINGLE_CHANGES within SINGLE_WITHIN_US: rattling
    rattling  ContactRattling at most once in TOLD_EVERY_US: how many changes since the last word, and the level
    at rest   for REST_US: its true level passes as DoorContact, and single changes pass again

While a contact rattles the core counts its door as open, so a change that is only counted never hides an open door. Each press of a REX acts; presses
within SAME_PRESS_US after one that was passed on are that one: the door is still unlocked by it.
"""

from collections import deque
from dataclasses import dataclass, field

from controller.inputs import AnyInput, ContactRattling, DoorContact, RexPressed
from controller.now import SECOND_US

SINGLE_CHANGES = 20
SINGLE_WITHIN_US = 60 * SECOND_US
TOLD_EVERY_US = 30 * SECOND_US
REST_US = 10 * SECOND_US
SAME_PRESS_US = SECOND_US // 5


@dataclass(slots=True)
class _Contact:
    """``level`` None: nothing heard yet. ``changes``: since the last word, while ``rattling``."""

    level: bool | None = None
    passed_at_us: deque[int] = field(default_factory=lambda: deque(maxlen=SINGLE_CHANGES))
    rattling: bool = False
    changes: int = 0
    changed_at_us: int = 0
    told_at_us: int = 0


class ContactFilter:
    """Give every input to :meth:`take`, and ask :meth:`due` when :meth:`deadline_us` has come."""

    def __init__(self) -> None:
        self._contacts: dict[str, _Contact] = {}
        self._pressed_at_us: dict[str, int] = {}

    def take(self, item: AnyInput, mono_us: int) -> list[AnyInput]:
        """What the core is told of this input now: itself, a count in its place, or nothing."""
        if isinstance(item, DoorContact):
            return self._contact(item, mono_us)
        if isinstance(item, RexPressed):
            last_us = self._pressed_at_us.get(item.door)
            if last_us is not None and mono_us - last_us < SAME_PRESS_US:
                return []
            self._pressed_at_us[item.door] = mono_us
        return [item]

    def due(self, mono_us: int) -> list[AnyInput]:
        """What time alone brings: counts that are due again, and the levels of contacts that have come to rest."""
        told: list[AnyInput] = []
        for door, contact in self._contacts.items():
            if not contact.rattling or contact.level is None:
                continue
            if mono_us - contact.changed_at_us >= REST_US:
                contact.rattling, contact.changes = False, 0
                contact.passed_at_us.clear()
                told.append(DoorContact(door, contact.level))
            elif contact.changes and mono_us - contact.told_at_us >= TOLD_EVERY_US:
                told.append(_count(door, contact, mono_us))
        return told

    def deadline_us(self) -> int | None:
        """Boot time at which :meth:`due` has something to tell; None while nothing rattles."""
        ends: list[int] = []
        for contact in self._contacts.values():
            if contact.rattling:
                ends.append(contact.changed_at_us + REST_US)
                if contact.changes:
                    ends.append(contact.told_at_us + TOLD_EVERY_US)
        return min(ends, default=None)

    def _contact(self, told: DoorContact, mono_us: int) -> list[AnyInput]:
        contact = self._contacts.setdefault(told.door, _Contact())
        changed = contact.level != told.open
        contact.level = told.open
        if not contact.rattling:
            if not changed:
                return [told]  # a board that was reopened tells all its levels again
            if not _is_full(contact, mono_us):
                contact.passed_at_us.append(mono_us)
                return [told]
            contact.rattling = True
            contact.changes, contact.changed_at_us = 1, mono_us
            return [_count(told.door, contact, mono_us)]
        if changed:
            contact.changes += 1
            contact.changed_at_us = mono_us
        return []


def _is_full(contact: _Contact, mono_us: int) -> bool:
    passed = contact.passed_at_us
    return len(passed) == SINGLE_CHANGES and mono_us - passed[0] < SINGLE_WITHIN_US


def _count(door: str, contact: _Contact, mono_us: int) -> ContactRattling:
    told = ContactRattling(door, contact.changes, bool(contact.level))
    contact.changes, contact.told_at_us = 0, mono_us
    return told
