"""Keeps a chattering contact, button or alarm input from flooding the journal, and loses nothing that matters (docs/rooms.md, Rattling).

Pure: told the time (boot time). One :class:`ContactFilter` for all doors; its memory is bounded by the inputs of ``edge.toml``. ::

    single    each change passes as DoorContact; more than SINGLE_CHANGES within SINGLE_WITHIN_US: rattling
    rattling  ContactRattling at most once in TOLD_EVERY_US: how many changes since the last word, and the level
    at rest   for REST_US: its true level passes as DoorContact, and single changes pass again

While a contact rattles the core counts its door as open, so a change that is only counted never hides an open door. Each press of a REX acts; presses
within SAME_PRESS_US after one that was passed on are that one: the door is still unlocked by it.

Fire, gas, lockdown, tamper and supply inputs: ``active`` always passes at once (L1). After more than SINGLE_CHANGES changes within
SINGLE_WITHIN_US the input counts as active until it has been at rest for REST_US; only then a level that is not active passes.
"""

from collections import deque
from dataclasses import dataclass, field

from controller.inputs import (
    AnyInput,
    ContactRattling,
    DoorContact,
    FireInput,
    GasInput,
    LockdownInput,
    PowerInput,
    RexPressed,
    TamperInput,
)
from controller.now import SECOND_US

SINGLE_CHANGES = 20
SINGLE_WITHIN_US = 60 * SECOND_US
TOLD_EVERY_US = 30 * SECOND_US
REST_US = 10 * SECOND_US
SAME_PRESS_US = SECOND_US // 5


AlarmInput = FireInput | GasInput | LockdownInput | TamperInput | PowerInput


@dataclass(slots=True)
class _AlarmLevel:
    """``level``: as last heard, None before. ``changes_at_us``: its last changes. ``held``, while ``flooding``: the level, not active, that
    waits for rest."""

    level: bool | None = None
    changes_at_us: deque[int] = field(default_factory=lambda: deque(maxlen=SINGLE_CHANGES))
    held: AlarmInput | None = None
    flooding: bool = False
    changed_at_us: int = 0


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
        self._levels: dict[tuple[str, ...], _AlarmLevel] = {}

    def take(self, item: AnyInput, mono_us: int) -> list[AnyInput]:
        """What the core is told of this input now: itself, a count in its place, or nothing."""
        if isinstance(item, DoorContact):
            return self._contact(item, mono_us)
        if isinstance(item, RexPressed):
            last_us = self._pressed_at_us.get(item.door)
            if last_us is not None and mono_us - last_us < SAME_PRESS_US:
                return []
            self._pressed_at_us[item.door] = mono_us
        if isinstance(item, AlarmInput):
            return self._alarm(item, mono_us)
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
        for known in self._levels.values():
            if known.held is not None and mono_us - known.changed_at_us >= REST_US:
                told.append(known.held)
                _calm(known)
        return told

    def deadline_us(self) -> int | None:
        """Boot time at which :meth:`due` has something to tell; None while nothing rattles."""
        ends: list[int] = []
        for contact in self._contacts.values():
            if contact.rattling:
                ends.append(contact.changed_at_us + REST_US)
                if contact.changes:
                    ends.append(contact.told_at_us + TOLD_EVERY_US)
        ends += [known.changed_at_us + REST_US for known in self._levels.values() if known.held is not None]
        return min(ends, default=None)

    def _contact(self, told: DoorContact, mono_us: int) -> list[AnyInput]:
        contact = self._contacts.setdefault(told.door, _Contact())
        changed = contact.level != told.open
        contact.level = told.open
        if not contact.rattling:
            if not changed:
                return [told]  # a board that was reopened tells all its levels again
            if not _is_full(contact.passed_at_us, mono_us):
                contact.passed_at_us.append(mono_us)
                return [told]
            contact.rattling = True
            contact.changes, contact.changed_at_us = 1, mono_us
            return [_count(told.door, contact, mono_us)]
        if changed:
            contact.changes += 1
            contact.changed_at_us = mono_us
        return []

    def _alarm(self, told: AlarmInput, mono_us: int) -> list[AnyInput]:
        known = self._levels.setdefault(_name(told), _AlarmLevel())
        if known.flooding and known.held is None and mono_us - known.changed_at_us >= REST_US:
            _calm(known)
        if known.level != told.active:
            known.level, known.changed_at_us = told.active, mono_us
            known.flooding = known.flooding or _is_full(known.changes_at_us, mono_us)
            known.changes_at_us.append(mono_us)
        known.held = told if known.flooding and not told.active else None
        return [] if known.held is not None else [told]


def _calm(known: _AlarmLevel) -> None:
    known.flooding, known.held = False, None
    known.changes_at_us.clear()


def _name(told: AlarmInput) -> tuple[str, ...]:
    match told:
        case FireInput() | GasInput():
            return type(told).__name__, told.zone
        case LockdownInput():
            return type(told).__name__, told.area
        case TamperInput():
            return type(told).__name__, told.subject
        case PowerInput():
            return told.kind, told.subject


def _is_full(passed: deque[int], mono_us: int) -> bool:
    return len(passed) == SINGLE_CHANGES and mono_us - passed[0] < SINGLE_WITHIN_US


def _count(door: str, contact: _Contact, mono_us: int) -> ContactRattling:
    told = ContactRattling(door, contact.changes, bool(contact.level))
    contact.changes, contact.told_at_us = 0, mono_us
    return told
