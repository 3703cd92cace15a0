"""What an operator may ask of an edge. A command's result is an event (DESIGN 9, MEANINGS 20-22)."""

import msgspec


class CommandBase(msgspec.Struct, frozen=True, tag_field="name", tag=str, omit_defaults=True):
    """Base of all commands; ``name`` on the wire is the class name."""


class UnlockDoor(CommandBase, frozen=True):
    """Open one door for its unlock time. ``reason`` is what the operator typed; refused when empty."""

    door: str
    reason: str


class ResetFire(CommandBase, frozen=True):
    """End the latched fire release of a zone whose input is normal again (MEANINGS 27)."""

    zone: str
    reason: str


class AcknowledgeAlarm(CommandBase, frozen=True):
    """An operator has seen an alarm; ``note`` is required. The alarm stands until its cause is gone."""

    alarm: str
    subject: str
    note: str


class Identify(CommandBase, frozen=True):
    """Blink and beep at one access point, to find a reader."""

    access_point: str


class EncodeCard(CommandBase, frozen=True):
    """Write a DESFire card at a desk (DESIGN 21). ``badge``: its public id at the server; ``number``: what is written, 1-24 printable
    ASCII characters; ``replaces``: the credential that the card may carry already, which the server knows to be bound to no live
    badge. The desk waits for a card as long as the command lives."""

    badge: str
    number: str
    replaces: bytes | None = None


Command = UnlockDoor | ResetFire | AcknowledgeAlarm | Identify | EncodeCard
