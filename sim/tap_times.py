"""Where the time of a tap or a scan went: wire, chip and card, the wait for the reader's next look, and the edge itself.

The simulated chip notes each command of its host. From these a tap's time is taken apart ::

    card in the field ─ poll gap ─► the look that finds it ─ command ─ answer ─ edge ─ command ─ … ─ answer ─ edge ─► relay command

``wire`` and ``chip`` are what the bytes and the radio take by their nominal rates. ``edge`` is what was seen to pass between an
answer's last byte at the host and the next command's first byte. What the simulator itself comes too late is in neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

EXCHANGES_KEPT = 256
REST_S = 0.03
"""A host that says nothing for so long rests between two looks; while it reads a card it answers in a few milliseconds."""


@dataclass(slots=True)
class Exchange:
    """One command. ``host_s``: how long the host was silent before it; ``carried_s``, ``worked_s``: the wire's and the chip's
    seconds up to its first byte; ``found_at_s``: when it found a card, if it searched for one."""

    began_s: float
    host_s: float
    carried_s: float
    worked_s: float
    found_at_s: float | None = None


class Release(msgspec.Struct, frozen=True):
    """A command that released a lock or lit a lamp: its first byte, its last byte, its time on the wire."""

    began_s: float
    at_s: float
    wire_s: float


class ScanTimes(msgspec.Struct, frozen=True):
    """The parts of one scan, in milliseconds, from its last byte at the host to the last byte of the command that lit the lamp. A scanner
    sends by itself, so nobody waits for a look; the scan's own way over the wire is before that and stands in ``scan_ms``."""

    scan_ms: float
    wire_ms: float
    edge_ms: float


class TapTimes(msgspec.Struct, frozen=True):
    """The parts of one tap, in milliseconds."""

    wire_ms: float
    chip_ms: float
    poll_gap_ms: float
    edge_ms: float


def tap_times(exchanges: Sequence[Exchange], tapped_at_s: float, release: Release) -> TapTimes | None:
    """Take a tap apart. ``exchanges``: the chip's, until after the read. None when they do not show a read that was over
    before the release."""
    read = list(exchanges)
    while read and (read[0].found_at_s is None or read[0].found_at_s < tapped_at_s):
        read.pop(0)
    end = next((at for at, each in enumerate(read) if at > 0 and each.host_s > REST_S), None)
    if end is None:
        return None
    first, after = read[0], read[end]
    answered_s = after.began_s - after.host_s
    edge_s = sum(each.host_s for each in read[1:end]) + release.began_s - answered_s
    if release.began_s < answered_s:
        return None
    return TapTimes(
        wire_ms=_ms(after.carried_s - first.carried_s + release.wire_s),
        chip_ms=_ms(after.worked_s - first.worked_s),
        poll_gap_ms=_ms(max(0.0, first.began_s - tapped_at_s)),
        edge_ms=_ms(edge_s),
    )


def scan_times(said_at_s: float, said_s: float, answer: Release) -> ScanTimes | None:
    """``said_at_s``: when the scan's last byte reached the host; ``said_s``: its time on the wire. None when the lamp was lit before."""
    if answer.began_s < said_at_s:
        return None
    return ScanTimes(scan_ms=_ms(said_s), wire_ms=_ms(answer.wire_s), edge_ms=_ms(answer.began_s - said_at_s))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)
