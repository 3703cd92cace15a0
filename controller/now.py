"""The time that the core is told. It never reads a clock itself (DESIGN 12)."""

import msgspec

SECOND_US = 1_000_000


class Now(msgspec.Struct, frozen=True, gc=False):
    """One instant as the edge knows it.

    ``wall_us``: integer microseconds since 1970 UTC, for schedules and validity. ``mono_us``: microseconds of boot
    time (CLOCK_BOOTTIME), for timers, pairing and late reads; comparable only within one boot. ``wall_trusted``: a
    time source has vouched for the wall clock since boot (MEANINGS 19).
    """

    wall_us: int
    mono_us: int
    wall_trusted: bool = True
