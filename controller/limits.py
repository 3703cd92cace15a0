"""Every named limit of the engine, with its default; a site's ``settings`` may override them (DESIGN §7)."""

import math
from collections.abc import Mapping

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """Named limits. Times in seconds."""

    late_read_s: float = 2.0
    """A read older than this opens nothing (L4)."""
    same_read_s: float = 1.0
    """Reads of one badge at one point within this are one read (MEANINGS 10)."""
    unlock_s: float = 0.0
    """Unlock time of every door; 0: as each door says."""
    held_open_s: float = 0.0
    """How long a leaf may stand open; 0: as each door says."""
    pairing_window_s: float = 8.0
    """How long the first of two persons is awaited (R2)."""
    exit_confirm_s: float = 3.0
    """A second tap this long after the prompt at a way out, or later, opens (MEANINGS 9)."""
    exit_prompt_s: float = 60.0
    """How long a prompt at a way out is remembered for that second tap."""
    escort_visitors: float = 5.0
    """How many visitors one escort takes along (MEANINGS 16)."""
    admit_window_s: float = 60.0
    """How long somebody admitted by command waits for the escort's tap."""
    equipment_window_s: float = 120.0
    """A check of equipment ends this long after its last scan (E2, E4)."""
    guard_window_s: float = 60.0
    """How long the guard's answer is awaited where a door asks for it (R8)."""
    lone_occupant_s: float = 300.0
    """Somebody alone for this long: LONE_OCCUPANT is raised anew as overdue."""
    duress_from_s: float = 1.5
    duress_until_s: float = 2.5
    """The second tap of the duress gesture comes within this after the first (MEANINGS 23)."""
    repeat_window_s: float = 300.0
    """An alarm that comes back this soon after it cleared is the same one, counted."""
    maintenance_max_s: float = 28_800.0
    """The longest maintenance of a door."""
    repeated_denials: float = 5.0
    """This many denials at one point …"""
    repeated_denials_window_s: float = 300.0
    """… within this time raise REPEATED_DENIALS."""
    clock_step_s: float = 5.0
    """A wall clock further behind the journal's high-water mark than this raises CLOCK_UNTRUSTED."""
    lease_temporary_s: float = 1_800.0
    lease_customer_s: float = 28_800.0
    lease_staff_s: float = 86_400.0
    lease_keyholder_s: float = 604_800.0
    """What the server writes into its leases (MEANINGS 17)."""


class LimitsError(ValueError):
    """A setting that is unknown or out of range. One line."""


_MAX_S = 31 * 86_400.0
_HIGHEST = {
    "unlock_s": 300.0,
    "held_open_s": 86_400.0,
    "late_read_s": 10.0,
    "same_read_s": 10.0,
    "exit_confirm_s": 60.0,
}
"""What would make a door stand open, a rule empty or somebody wait at a way out, whoever asks for it. Doors have the same bounds (controller.site_checks)."""
_AT_LEAST_ONE = {"repeated_denials", "escort_visitors"}
_MAY_BE_ZERO = {"unlock_s", "held_open_s"}


def limits_from(settings: Mapping[str, float]) -> Limits:
    """The limits with a site's ``settings`` put in. Raises :class:`LimitsError` for an unknown name or a bad value."""
    for name, value in settings.items():
        if name not in Limits.__struct_fields__:
            known = ", ".join(Limits.__struct_fields__)
            raise LimitsError(f"settings: unknown limit {name!r}; known are {known}")
        lowest = 1.0 if name in _AT_LEAST_ONE else 0.0
        too_low = value < lowest or (value == 0.0 and name not in _MAY_BE_ZERO)
        highest = _HIGHEST.get(name, _MAX_S)
        if not math.isfinite(value) or too_low or value > highest:
            raise LimitsError(
                f"settings: {name} = {value} is out of range; give a number above 0 and at most {highest:.0f}"
            )
    return msgspec.structs.replace(Limits(), **settings)
