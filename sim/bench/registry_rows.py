"""The registry of ``menjin bench revoke``: its site file, and its rows, written into the shared tables as a CRM writes them (docs/registry.md)."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from controller.policy import credential_key

SITE_ID = "bench"
TIME = "%Y-%m-%d %H:%M:%S.%f"
LOAD_TIMEOUT_S = 60.0


class Place(msgspec.Struct, frozen=True):
    """One edge with its one door, and how many badges its policy is to hold."""

    edge: str
    badges: int


def door_of(edge: str) -> str:
    return f"{edge}-door"


def access_point_of(edge: str) -> str:
    """Its way in."""
    return f"{edge}-in"


def room_of(edge: str) -> str:
    """The area behind its door."""
    return f"{edge}-room"


def code_of(customer: int) -> str:
    """A customer's code."""
    return f"C{customer:06}"


def number_of(badge: int) -> str:
    """The number on a badge's card."""
    return f"M{badge:07}"


def site_file(places: Sequence[Place], name: str) -> str:
    """A room, a door and an edge for each place. ``name``: another one makes the server compile all policies anew."""
    lines = [f'id = "{SITE_ID}"', 'time_zone = "Asia/Shanghai"', f'name_en = "{name}"']
    lines += ["[[areas]]", 'id = "lobby"', "public = true"]
    for place in places:
        room, door = room_of(place.edge), door_of(place.edge)
        lines += ["[[areas]]", f'id = "{room}"']
        lines += ["[[doors]]", f'id = "{door}"', f'edge = "{place.edge}"', "unlock_s = 0.5"]
        lines += ["[[access_points]]", f'id = "{access_point_of(place.edge)}"', f'door = "{door}"']
        lines += ['from_area = "lobby"', f'to_area = "{room}"']
    return "\n".join(lines) + "\n"


class Rows:
    """Customers 1 to ``everywhere`` have one badge and a contract for every room; the others two badges and one room, so
    many that each place has its number of badges. Customer and contract have one id; badge and holder, too."""

    def __init__(self, places: Sequence[Place], everywhere: int, hash_key: bytes, from_at: str) -> None:
        self._places = places
        self._everywhere = everywhere
        self._hash_key = hash_key
        self._from_at = from_at
        rooms = [room_of(place.edge) for place in places]
        self._customers: list[tuple[list[str], int]] = [(rooms, 1)] * everywhere
        """(areas, badges) of each."""
        for place, room in zip(places, rooms, strict=True):
            left = place.badges - everywhere
            self._customers += [([room], 2)] * (left // 2) + [([room], 1)] * (left % 2)

    def load(self, file: Path) -> int:
        """Write all into a server's SQLite database. It must not run: what the triggers note of this load is marked as followed, so the
        policies must be compiled anew. Returns the number of badges."""
        with closing(sqlite3.connect(file, isolation_level=None, timeout=LOAD_TIMEOUT_S)) as database:
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("BEGIN IMMEDIATE")
            _insert(database, "customer", ("id", "code", "kind", "name"), self._customer_rows())
            columns = ("id", "customer_id", "kind", "status", "from_at", "areas")
            _insert(database, "contract", columns, self._contract_rows())
            _insert(database, "holder", ("id", "kind", "customer_id"), self._holder_rows())
            badge_columns = (
                "id", "number", "kind", "status", "holder_id", "holder_kind", "customer_id", "customer_kind", "slot", "generation",
                "technology", "credential", "from_at", "created_at", "issued_at", "activated_at",
            )  # fmt: skip
            _insert(database, "badge", badge_columns, self._badge_rows())
            database.execute("UPDATE registry_change SET done_at = ?", (self._from_at,))
            database.execute("COMMIT")
            return int(database.execute("SELECT count(*) FROM badge").fetchone()[0])

    def _customer_rows(self) -> Iterator[tuple[Any, ...]]:
        for customer in range(1, len(self._customers) + 1):
            yield customer, code_of(customer), "organisation", f"公司 {customer}"

    def _contract_rows(self) -> Iterator[tuple[Any, ...]]:
        for customer, (areas, _) in enumerate(self._customers, 1):
            yield customer, customer, "hosting", "active", self._from_at, json.dumps(areas)

    def _holder_rows(self) -> Iterator[tuple[Any, ...]]:
        for badge, customer, _ in self._places_in_quotas():
            yield badge, "customer", customer

    def _badge_rows(self) -> Iterator[tuple[Any, ...]]:
        at = self._from_at
        for badge, customer, slot in self._places_in_quotas():
            number = number_of(badge)
            card = credential_key(self._hash_key, "desfire", number)
            yield (
                badge, number, "customer", "active", badge, "customer", customer, "organisation", slot, 1, "desfire", card,
                at, at, at, at,
            )  # fmt: skip

    def _places_in_quotas(self) -> Iterator[tuple[int, int, int]]:
        """(badge, customer, slot) of each badge."""
        badge = 0
        for customer, (_, badges) in enumerate(self._customers, 1):
            for slot in range(1, badges + 1):
                badge += 1
                yield badge, customer, slot


def _insert(database: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(columns))
    database.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608 - own names
