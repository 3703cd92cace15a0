"""Many deltas as one: for an edge that was away (DESIGN 5)."""

from collections.abc import Sequence
from typing import Any

from controller.policy import Delta
from controller.policy_digest import LISTS
from server.fleet.book import Book
from server.fleet.versions import Kept


def merged_delta(deltas: Sequence[Delta], book: Book, kept: Kept) -> Delta:
    """From where ``deltas`` begin to ``kept``, the version that ``book`` holds: whatever any of them touched, as it is now."""
    parts: dict[str, Any] = {}
    for name in LISTS:
        touched = {entry.id for delta in deltas for entry in getattr(delta, name)}
        touched.update(entry_id for delta in deltas for entry_id in getattr(delta, f"gone_{name}"))
        held = book.entries(name)
        parts[name] = tuple(held[entry_id] for entry_id in sorted(touched) if entry_id in held)
        parts[f"gone_{name}"] = tuple(entry_id for entry_id in sorted(touched) if entry_id not in held)
    site = book.site if any(delta.site is not None for delta in deltas) else None
    return Delta(base=deltas[0].base, version=kept.version, digest=kept.digest, site=site, **parts)
