"""What goes to hardware. Actions say lock and unlock, never energise: the edge knows the wiring (DESIGN §3)."""

from typing import Literal

import msgspec

Pattern = Literal["granted", "pending", "denied", "alarm", "degraded", "accepted", "off"]


class Action(msgspec.Struct, frozen=True, tag_field="type", tag=str):
    """Base. ``before_journal``: a way out or fire release, done first and recorded after (MEANINGS 1);
    the others come from :meth:`controller.engine.Engine.commit`."""


class Unlock(Action, frozen=True):
    """Unlock for ``unlock_us``; board or edge relocks as the hardware says."""

    door: str
    unlock_us: int
    before_journal: bool = False


class HoldUnlocked(Action, frozen=True):
    """Unlock until :class:`Lock` (fire release)."""

    door: str
    before_journal: bool = True


class Lock(Action, frozen=True):
    """Return the door's output to its locked state."""

    door: str
    before_journal: bool = False


class Indicate(Action, frozen=True):
    """Show a pattern at a reader's LED and buzzer channels."""

    access_point: str
    pattern: Pattern
    before_journal: bool = False


class WriteCard(Action, frozen=True):
    """The desk's reader writes the next card that is laid down before ``until_mono_us``; ``EncodingEnded`` tells how it went.
    ``replaces``: the credential that the card may carry already."""

    command_id: str
    number: str
    replaces: bytes | None
    until_mono_us: int
    before_journal: bool = False


AnyAction = Unlock | HoldUnlocked | Lock | Indicate | WriteCard
