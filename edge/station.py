"""What an agent is told of its place: who it is, what it stands on, and its world."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from controller.now import SECOND_US
from controller.site import DoorHardware, Site
from edge.ports import Desk, Journal, Link, Locks, MusterBoard, PolicyStore, Random
from edge.sender import Signer

RETENTION_US = 180 * 86_400 * SECOND_US
"""How long acknowledged records stay on the edge (D5)."""


class Identity(Signer, Protocol):
    """``edge.keys.Bundle``: who this edge is, and the key that card numbers are hashed with."""

    hash_key: bytes


class Station(msgspec.Struct, frozen=True):
    """What ``edge.toml`` and the machine say about this edge. ``objections``: why a site cannot run on its hardware.
    ``notices``: what the operators shall always see beside this edge's health. ``desk``: the reader that writes cards, if any.
    ``scanners``: each with its access point."""

    hardware: tuple[DoorHardware, ...]
    hardware_digest: str
    boot_id: str
    software: str
    objections: Callable[[Site], list[str]]
    readers: tuple[str, ...] = ()
    scanners: tuple[tuple[str, str], ...] = ()
    boards: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    retention_us: int = RETENTION_US
    desk: str = ""


class Ports(msgspec.Struct, frozen=True):
    """The world, real or simulated. ``desk``: only where the station names one. ``muster``: only where ``edge.toml`` asks for a page."""

    journal: Journal
    policies: PolicyStore
    link: Link
    locks: Locks
    random: Random
    desk: Desk | None = None
    muster: MusterBoard | None = None
