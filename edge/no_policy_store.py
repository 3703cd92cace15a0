"""What stands in for a policy store that cannot be opened: ways out and fire release must work with the disk dead (L1).

A policy that the server sends is in force in memory alone: after a restart nobody enters until it comes again.
"""

import logging
from pathlib import Path

from edge.policy_store import PolicyStoreFault, SqlitePolicyStore
from edge.ports import PolicyStore

_log = logging.getLogger(__name__)


def open_policy_store(path: Path) -> PolicyStore:
    """The store, or :class:`NoPolicyStore` when there is no place for one."""
    try:
        return SqlitePolicyStore(path)
    except PolicyStoreFault as fault:
        _log.error("%s", fault)
        return NoPolicyStore(str(fault))


class NoPolicyStore:
    """Implements :class:`edge.ports.PolicyStore`: empty, and keeping anything raises :class:`PolicyStoreFault`."""

    highest_seen = (0, 0)

    def __init__(self, cause: str) -> None:
        self.damage = cause

    def load(self) -> tuple[bytes, list[bytes]] | None:
        return None

    def save_snapshot(self, epoch: int, n: int, snapshot: bytes) -> None:  # noqa: ARG002
        raise PolicyStoreFault(self.damage)

    def save_delta(self, epoch: int, n: int, delta: bytes) -> None:  # noqa: ARG002
        raise PolicyStoreFault(self.damage)

    def close(self) -> None:
        """Nothing is open."""
