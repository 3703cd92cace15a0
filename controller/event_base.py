"""What all events have in common."""

from typing import Literal

import msgspec

AlarmName = Literal[
    "DoorForcedOpen", "DoorHeldOpen", "LONE_OCCUPANT", "ESCORT_LEFT", "OVERSTAY", "EXIT_IRREGULAR",
    "OCCUPANCY_MISMATCH", "BADGE_LOST", "BADGE_IN_TWO_PLACES", "EQUIPMENT_UNCHECKED", "SLIP_REUSED", "EMERGENCY_ENTRY", "DURESS",
    "TAMPER", "FIRE", "GAS", "REPEATED_DENIALS", "READER_FAULT", "BOARD_FAULT", "JOURNAL_UNAVAILABLE",
    "CLOCK_UNTRUSTED", "LINK_LOST", "FORK",
]  # fmt: skip
"""The closed list of alarms (RULES)."""


class Explanation(msgspec.Struct, frozen=True, gc=False):
    """Why: the reason's name, its rule id, and the inputs that decided it. The sentence is made from these by
    :func:`controller.reasons.remedy` in zh-CN or English."""

    reason: str
    rule: str
    inputs: dict[str, str | int] = {}


class Event(msgspec.Struct, frozen=True, tag_field="type", tag=str, omit_defaults=True):
    """Base of all events; ``type`` on the wire is the class name."""
