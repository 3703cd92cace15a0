"""Does a batch of records continue what the server holds? Pure (DESIGN 2, 4)."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from controller.wire import GENESIS_HASH, chain


class Head(msgspec.Struct, frozen=True):
    """The last record held of a journal, 0 and :data:`GENESIS_HASH` before the first."""

    seq: int = 0
    hash: bytes = GENESIS_HASH


class Verdict(msgspec.Struct, frozen=True):
    """What to do with a batch.

    - ``extends``: store ``hashes[skip:]`` with their records; the head is then the last of them.
    - ``replay``: everything is there already; acknowledge the head again.
    - ``gap``: store nothing; the edge should send from ``expects``.
    - ``lost``: ``head.seq + 1`` up to ``first_seq - 1`` cannot be had any more; note it, then store all.
    - ``fork``: from ``fork_at`` on the journal tells another history; store ``hashes[skip:]`` as a new branch.
    """

    kind: Literal["extends", "replay", "gap", "lost", "fork"]
    hashes: tuple[bytes, ...] = ()
    skip: int = 0
    expects: int = 0
    fork_at: int | None = None


def chain_hashes(previous: bytes, records: Sequence[bytes]) -> tuple[bytes, ...]:
    """The chain's hash after each record."""
    hashes = []
    for record in records:
        previous = chain(previous, record)
        hashes.append(previous)
    return tuple(hashes)


def judge(
    head: Head,
    first_seq: int,
    previous: bytes,
    hashes: tuple[bytes, ...],
    first_retained_seq: int,
    stored_hash: Callable[[int], bytes | None],
) -> Verdict:
    """Judge a non-empty batch ``first_seq …`` whose chain is ``hashes`` after ``previous``.

    ``stored_hash``: the hash held at a seq up to the head's, None for a range that was declared lost.
    """
    last_seq = first_seq + len(hashes) - 1
    if first_seq > head.seq + 1:
        if first_retained_seq == first_seq:
            return Verdict("lost", hashes)
        return Verdict("gap", expects=max(head.seq + 1, min(first_retained_seq, first_seq)))
    known_before = head.hash if first_seq == head.seq + 1 else stored_hash(first_seq - 1)
    if known_before is not None and known_before != previous:
        return Verdict("fork", hashes, skip=0, fork_at=max(first_seq - 1, 1))
    overlap = min(last_seq, head.seq) - first_seq + 1
    if overlap > 0:
        held = head.hash if last_seq >= head.seq else stored_hash(last_seq)
        if held != hashes[overlap - 1]:
            for index in range(overlap):
                held = stored_hash(first_seq + index)
                if held is not None and held != hashes[index]:
                    return Verdict("fork", hashes, skip=index, fork_at=first_seq + index)
    if overlap >= len(hashes):
        return Verdict("replay")
    return Verdict("extends", hashes, skip=max(overlap, 0))
