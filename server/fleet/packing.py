"""Packs whole policies, a bounded piece at a time, so that a revocation never waits for one (DESIGN 5).

100 000 badges are 16 MB, which take a second to compress. What comes out is the zlib of :func:`controller.policy.encode_policy`.
"""

import zlib
from collections import deque
from collections.abc import Iterator

import msgspec

from controller.policy import Policy, Version, encode_policy
from controller.policy_digest import LISTS
from server.fleet.versions import COMPRESSION

PIECE_ENTRIES = 2_000
"""Entries encoded and compressed at a time: some 15 ms."""
_FIRST_LIST = b',"customers":[],"holders":[],"grants":[],"badges":[],"items":[],"orders":[],"slips":[]}'


class Packed(msgspec.Struct, frozen=True):
    """A snapshot as it is stored and sent."""

    edge_id: int
    version: Version
    body: bytes


class Packer:
    """Policies that wait to be packed, those first that an edge waits for. One policy for each edge at a time."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, bool]] = deque()
        self._under_way: tuple[int, Version, Iterator[tuple[bytes, int]], list[bytes]] | None = None

    def ask(self, edge_id: int, *, urgent: bool = False) -> None:
        """Pack this edge's policy, as it will be when its turn comes. ``urgent``: before those that nobody waits for."""
        waits = [one for one in self._waiting if one[0] == edge_id]
        if any(before or not urgent for _, before in waits):
            return
        for one in waits:
            self._waiting.remove(one)
        if urgent:
            self._waiting.insert(sum(before for _, before in self._waiting), (edge_id, True))
        else:
            self._waiting.append((edge_id, False))

    @property
    def next_edge(self) -> int | None:
        """The edge whose policy :meth:`begin` is to be given; None while one is under way, or none waits."""
        return self._waiting[0][0] if self._under_way is None and self._waiting else None

    @property
    def is_busy(self) -> bool:
        """Whether there is something to do."""
        return self._under_way is not None or bool(self._waiting)

    def packs(self, edge_id: int, version: Version) -> bool:
        """Whether just this is under way."""
        return self._under_way is not None and self._under_way[:2] == (edge_id, version)

    def begin(self, policy: Policy | None) -> None:
        """The policy of :attr:`next_edge`; None: it is not needed any more."""
        edge_id, _ = self._waiting.popleft()
        if policy is not None:
            self._under_way = edge_id, policy.version, _pieces(policy), []

    def step(self) -> Packed | None:
        """Do about :data:`PIECE_ENTRIES`; the snapshot when these were the last."""
        if self._under_way is None:
            return None
        edge_id, version, pieces, done = self._under_way
        entries = 0
        for piece, size in pieces:
            done.append(piece)
            entries += size
            if entries >= PIECE_ENTRIES:
                return None
        self._under_way = None
        return Packed(edge_id, version, b"".join(done))


def _pieces(policy: Policy) -> Iterator[tuple[bytes, int]]:
    """Compressed bytes, and how many entries are in them."""
    packer = zlib.compressobj(COMPRESSION)
    bare = encode_policy(Policy(policy.version, policy.site))
    yield packer.compress(bare[: bare.index(_FIRST_LIST)]), 0
    for name in LISTS:
        entries = getattr(policy, name)
        yield packer.compress(f',"{name}":['.encode()), 0
        for start in range(0, len(entries), PIECE_ENTRIES):
            some = entries[start : start + PIECE_ENTRIES]
            piece = msgspec.json.encode(some)[1:-1]
            yield packer.compress(piece if start == 0 else b"," + piece), len(some)
        yield packer.compress(b"]"), 0
    yield packer.compress(b"}") + packer.flush(), 0
