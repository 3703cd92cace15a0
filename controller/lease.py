"""How long a policy may be used without hearing from the server (MEANINGS 17-19, B6).

A lease counts from its acceptance, on boot time and on wall time, whichever ends first. Boot time says nothing across boots
except that at least the time since this boot has passed.
"""

import msgspec

from controller.now import SECOND_US
from controller.policy import Badge, BadgeKind, Lease, Version


class AcceptedLease(msgspec.Struct, frozen=True):
    """The last lease and when it was accepted."""

    lease: Lease
    wall_us: int
    mono_us: int
    boot_id: str


def renews(held: AcceptedLease | None, offered: Lease, version: Version | None, digest: str) -> bool:
    """Whether an offered lease counts: it vouches for exactly the policy in force, and is no repetition of an older one."""
    if version is None or offered.version != version or offered.digest != digest:
        return False
    return held is None or offered.version > held.lease.version or offered.issued_at_us > held.lease.issued_at_us


def age_us(held: AcceptedLease, wall_us: int, mono_us: int, boot_id: str) -> int:
    """How long ago the lease was accepted, at least. ``wall_us`` never goes below the journal's high-water mark."""
    by_mono = mono_us - held.mono_us if held.boot_id == boot_id else mono_us
    by_wall = wall_us - held.wall_us
    return by_mono if by_mono > by_wall else by_wall


def class_limit_s(lease: Lease, kind: BadgeKind, keyholder: bool) -> int:
    """The limit for a class of badges in seconds. A keyholder has the longer of the two."""
    limit = lease.temporary_s
    if kind == "customer":
        limit = lease.customer_s
    elif kind == "staff":
        limit = lease.staff_s
    return max(limit, lease.keyholder_s) if keyholder else limit


def left_us(held: AcceptedLease | None, kind: BadgeKind, keyholder: bool, age: int) -> int:
    """What is left of the lease for a class; 0 or less when it has ended or there never was one."""
    return 0 if held is None else class_limit_s(held.lease, kind, keyholder) * SECOND_US - age


def lets_in(held: AcceptedLease | None, badge: Badge, keyholder: bool, age: int) -> bool:
    """Whether this badge may still enter under the lease."""
    if held is None:
        return False
    lease = held.lease
    if not keyholder and badge.kind == "customer":  # nearly everybody
        return lease.customer_s * SECOND_US > age
    return class_limit_s(lease, badge.kind, keyholder) * SECOND_US > age
