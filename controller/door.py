"""The door's state machine: one table over (state, input) in which every pair is decided (L1, L2, MEANINGS 14, 27).

A state joins three of a door's facts: its lock (locked, unlocked), its position (closed, open, unknown), and whether its mode is
``released`` by fire, which has a lock of its own. Alarms are facts beside them. ``docs/door-states.md`` is drawn from this table.
"""

import enum

import msgspec


class DoorCondition(enum.Enum):
    """Lock or mode, and position."""

    LOCKED_CLOSED = "locked, closed"
    LOCKED_OPEN = "locked, open"
    LOCKED_UNKNOWN = "locked, position unknown"
    UNLOCKED_CLOSED = "unlocked, closed"
    UNLOCKED_OPEN = "unlocked, open"
    UNLOCKED_UNKNOWN = "unlocked, position unknown"
    RELEASED_CLOSED = "released by fire, closed"
    RELEASED_OPEN = "released by fire, open"
    RELEASED_UNKNOWN = "released by fire, position unknown"


class DoorInput(enum.Enum):
    """What can happen to a door."""

    GRANT = "access granted"
    REX = "request to exit"
    COMMAND = "UnlockDoor"
    FIRE = "fire release"
    FIRE_RESET = "fire reset"
    OPENED = "leaf opened"
    CLOSED = "leaf closed"
    WINDOW_ENDED = "unlock time over"
    WARNED = "held-open alarm near"
    HELD = "held-open time over"
    LOCKDOWN = "lockdown, nobody leaving"
    STARTED = "edge started"
    STOPPED = "edge stops"


class Effect(enum.Enum):
    """What the engine then does, in order."""

    UNLOCK = "unlock for the unlock time"
    RELEASE = "unlock until reset"
    LOCK = "lock"
    TAKE = "outstanding grants and exit requests are taken"
    LAPSE = "outstanding grants lapse"
    FORCED = "alarm DoorForcedOpen"
    WARN = "warning that DoorHeldOpen is near"
    HELD_ALARM = "alarm DoorHeldOpen"
    CALM = "door alarms clear"
    RESTART_HELD = "held-open time starts again, its alarm clears"


class Move(msgspec.Struct, frozen=True):
    """The next state and what to do."""

    to: DoorCondition
    effects: tuple[Effect, ...] = ()


_C, _I, _E = DoorCondition, DoorInput, Effect
_LC, _LO, _LU = _C.LOCKED_CLOSED, _C.LOCKED_OPEN, _C.LOCKED_UNKNOWN
_UC, _UO, _UU = _C.UNLOCKED_CLOSED, _C.UNLOCKED_OPEN, _C.UNLOCKED_UNKNOWN
_RC, _RO, _RU = _C.RELEASED_CLOSED, _C.RELEASED_OPEN, _C.RELEASED_UNKNOWN

TABLE: dict[tuple[DoorCondition, DoorInput], Move] = {
    # locked, closed: at rest
    (_LC, _I.GRANT): Move(_UC, (_E.UNLOCK,)),
    (_LC, _I.REX): Move(_UC, (_E.UNLOCK,)),
    (_LC, _I.COMMAND): Move(_UC, (_E.UNLOCK,)),
    (_LC, _I.FIRE): Move(_RC, (_E.RELEASE,)),
    (_LC, _I.FIRE_RESET): Move(_LC),
    (_LC, _I.OPENED): Move(_LO, (_E.FORCED,)),
    (_LC, _I.CLOSED): Move(_LC),
    (_LC, _I.WINDOW_ENDED): Move(_LC, (_E.LAPSE,)),
    (_LC, _I.WARNED): Move(_LC),
    (_LC, _I.HELD): Move(_LC),
    (_LC, _I.LOCKDOWN): Move(_LC, (_E.LAPSE,)),
    (_LC, _I.STARTED): Move(_LU, (_E.LAPSE,)),
    (_LC, _I.STOPPED): Move(_LC, (_E.LAPSE,)),
    # locked, open: relocked on opening, or forced; a grant is taken at once (MEANINGS 14)
    (_LO, _I.GRANT): Move(_LO, (_E.TAKE, _E.RESTART_HELD)),
    (_LO, _I.REX): Move(_UO, (_E.UNLOCK, _E.TAKE)),
    (_LO, _I.COMMAND): Move(_UO, (_E.UNLOCK, _E.RESTART_HELD)),
    (_LO, _I.FIRE): Move(_RO, (_E.RELEASE,)),
    (_LO, _I.FIRE_RESET): Move(_LO),
    (_LO, _I.OPENED): Move(_LO),
    (_LO, _I.CLOSED): Move(_LC, (_E.CALM,)),
    (_LO, _I.WINDOW_ENDED): Move(_LO, (_E.LAPSE,)),
    (_LO, _I.WARNED): Move(_LO, (_E.WARN,)),
    (_LO, _I.HELD): Move(_LO, (_E.HELD_ALARM,)),
    (_LO, _I.LOCKDOWN): Move(_LO, (_E.LAPSE,)),
    (_LO, _I.STARTED): Move(_LU, (_E.LAPSE,)),
    (_LO, _I.STOPPED): Move(_LO, (_E.LAPSE,)),
    # locked, position unknown: before the first word of the contact, or a door without one; opening proves no force
    (_LU, _I.GRANT): Move(_UU, (_E.UNLOCK,)),
    (_LU, _I.REX): Move(_UU, (_E.UNLOCK,)),
    (_LU, _I.COMMAND): Move(_UU, (_E.UNLOCK,)),
    (_LU, _I.FIRE): Move(_RU, (_E.RELEASE,)),
    (_LU, _I.FIRE_RESET): Move(_LU),
    (_LU, _I.OPENED): Move(_LO),
    (_LU, _I.CLOSED): Move(_LC, (_E.CALM,)),
    (_LU, _I.WINDOW_ENDED): Move(_LU, (_E.LAPSE,)),
    (_LU, _I.WARNED): Move(_LU),
    (_LU, _I.HELD): Move(_LU),
    (_LU, _I.LOCKDOWN): Move(_LU, (_E.LAPSE,)),
    (_LU, _I.STARTED): Move(_LU, (_E.LAPSE,)),
    (_LU, _I.STOPPED): Move(_LU, (_E.LAPSE,)),
    # unlocked, closed: a grant, a REX or a command is outstanding; opening takes it and relocks
    (_UC, _I.GRANT): Move(_UC, (_E.UNLOCK,)),
    (_UC, _I.REX): Move(_UC, (_E.UNLOCK,)),
    (_UC, _I.COMMAND): Move(_UC, (_E.UNLOCK,)),
    (_UC, _I.FIRE): Move(_RC, (_E.RELEASE,)),
    (_UC, _I.FIRE_RESET): Move(_UC),
    (_UC, _I.OPENED): Move(_LO, (_E.TAKE, _E.LOCK)),
    (_UC, _I.CLOSED): Move(_UC),
    (_UC, _I.WINDOW_ENDED): Move(_LC, (_E.LAPSE, _E.LOCK)),
    (_UC, _I.WARNED): Move(_UC),
    (_UC, _I.HELD): Move(_UC),
    (_UC, _I.LOCKDOWN): Move(_LC, (_E.LAPSE, _E.LOCK)),
    (_UC, _I.STARTED): Move(_LU, (_E.LAPSE, _E.LOCK)),
    (_UC, _I.STOPPED): Move(_LC, (_E.LAPSE, _E.LOCK)),
    # unlocked, open: unlocked while the leaf stood open already
    (_UO, _I.GRANT): Move(_UO, (_E.UNLOCK, _E.TAKE, _E.RESTART_HELD)),
    (_UO, _I.REX): Move(_UO, (_E.UNLOCK, _E.TAKE)),
    (_UO, _I.COMMAND): Move(_UO, (_E.UNLOCK, _E.RESTART_HELD)),
    (_UO, _I.FIRE): Move(_RO, (_E.RELEASE,)),
    (_UO, _I.FIRE_RESET): Move(_UO),
    (_UO, _I.OPENED): Move(_UO),
    (_UO, _I.CLOSED): Move(_UC, (_E.CALM,)),
    (_UO, _I.WINDOW_ENDED): Move(_LO, (_E.LAPSE, _E.LOCK)),
    (_UO, _I.WARNED): Move(_UO, (_E.WARN,)),
    (_UO, _I.HELD): Move(_UO, (_E.HELD_ALARM,)),
    (_UO, _I.LOCKDOWN): Move(_LO, (_E.LAPSE, _E.LOCK)),
    (_UO, _I.STARTED): Move(_LU, (_E.LAPSE, _E.LOCK)),
    (_UO, _I.STOPPED): Move(_LO, (_E.LAPSE, _E.LOCK)),
    # unlocked, position unknown
    (_UU, _I.GRANT): Move(_UU, (_E.UNLOCK,)),
    (_UU, _I.REX): Move(_UU, (_E.UNLOCK,)),
    (_UU, _I.COMMAND): Move(_UU, (_E.UNLOCK,)),
    (_UU, _I.FIRE): Move(_RU, (_E.RELEASE,)),
    (_UU, _I.FIRE_RESET): Move(_UU),
    (_UU, _I.OPENED): Move(_LO, (_E.TAKE, _E.LOCK)),
    (_UU, _I.CLOSED): Move(_UC, (_E.CALM,)),
    (_UU, _I.WINDOW_ENDED): Move(_LU, (_E.LAPSE, _E.LOCK)),
    (_UU, _I.WARNED): Move(_UU),
    (_UU, _I.HELD): Move(_UU),
    (_UU, _I.LOCKDOWN): Move(_LU, (_E.LAPSE, _E.LOCK)),
    (_UU, _I.STARTED): Move(_LU, (_E.LAPSE, _E.LOCK)),
    (_UU, _I.STOPPED): Move(_LU, (_E.LAPSE, _E.LOCK)),
    # released, closed: nothing relocks it but a reset; a REX still drives the output again
    (_RC, _I.GRANT): Move(_RC),
    (_RC, _I.REX): Move(_RC, (_E.UNLOCK,)),
    (_RC, _I.COMMAND): Move(_RC),
    (_RC, _I.FIRE): Move(_RC),
    (_RC, _I.FIRE_RESET): Move(_LC, (_E.LAPSE, _E.LOCK)),
    (_RC, _I.OPENED): Move(_RO, (_E.TAKE,)),
    (_RC, _I.CLOSED): Move(_RC),
    (_RC, _I.WINDOW_ENDED): Move(_RC, (_E.LAPSE,)),
    (_RC, _I.WARNED): Move(_RC),
    (_RC, _I.HELD): Move(_RC),
    (_RC, _I.LOCKDOWN): Move(_RC),
    (_RC, _I.STARTED): Move(_RU, (_E.LAPSE, _E.RELEASE)),
    (_RC, _I.STOPPED): Move(_RC, (_E.LAPSE,)),
    # released, open: no held-open alarm while people leave
    (_RO, _I.GRANT): Move(_RO, (_E.TAKE,)),
    (_RO, _I.REX): Move(_RO, (_E.UNLOCK, _E.TAKE)),
    (_RO, _I.COMMAND): Move(_RO),
    (_RO, _I.FIRE): Move(_RO),
    (_RO, _I.FIRE_RESET): Move(_LO, (_E.LAPSE, _E.LOCK)),
    (_RO, _I.OPENED): Move(_RO),
    (_RO, _I.CLOSED): Move(_RC, (_E.CALM,)),
    (_RO, _I.WINDOW_ENDED): Move(_RO, (_E.LAPSE,)),
    (_RO, _I.WARNED): Move(_RO),
    (_RO, _I.HELD): Move(_RO),
    (_RO, _I.LOCKDOWN): Move(_RO),
    (_RO, _I.STARTED): Move(_RU, (_E.LAPSE, _E.RELEASE)),
    (_RO, _I.STOPPED): Move(_RO, (_E.LAPSE,)),
    # released, position unknown
    (_RU, _I.GRANT): Move(_RU),
    (_RU, _I.REX): Move(_RU, (_E.UNLOCK,)),
    (_RU, _I.COMMAND): Move(_RU),
    (_RU, _I.FIRE): Move(_RU),
    (_RU, _I.FIRE_RESET): Move(_LU, (_E.LAPSE, _E.LOCK)),
    (_RU, _I.OPENED): Move(_RO, (_E.TAKE,)),
    (_RU, _I.CLOSED): Move(_RC, (_E.CALM,)),
    (_RU, _I.WINDOW_ENDED): Move(_RU, (_E.LAPSE,)),
    (_RU, _I.WARNED): Move(_RU),
    (_RU, _I.HELD): Move(_RU),
    (_RU, _I.LOCKDOWN): Move(_RU),
    (_RU, _I.STARTED): Move(_RU, (_E.LAPSE, _E.RELEASE)),
    (_RU, _I.STOPPED): Move(_RU, (_E.LAPSE,)),
}


def condition(locked: bool, position: str, released: bool) -> DoorCondition:
    """The state that a door's facts make up."""
    lock = "RELEASED" if released else "LOCKED" if locked else "UNLOCKED"
    return _BY_NAME[f"{lock}_{position.upper()}"]


_BY_NAME = {member.name: member for member in DoorCondition}


def diagram() -> str:
    """The table as a mermaid state diagram; moves that stay and do nothing are left out."""
    lines = ["stateDiagram-v2", "    [*] --> LOCKED_UNKNOWN"]
    lines += [f"    {state.name}: {state.value}" for state in DoorCondition]
    for (state, event), move in TABLE.items():
        if move.to is state and not move.effects:
            continue
        done = " / " + ", ".join(effect.value for effect in move.effects) if move.effects else ""
        lines.append(f"    {state.name} --> {move.to.name}: {event.value}{done}")
    return "\n".join(lines) + "\n"
