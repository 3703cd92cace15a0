"""What the edge knew when it ended: the journal's last checkpoint and the records after it, folded (DESIGN 3)."""

import msgspec

from controller.events import decode_record
from controller.fold import fold
from controller.state import State, decode_state
from edge.ports import Journal, JournalFault

REPLAY_RECORDS = 1_000


def recover(journal: Journal) -> State:
    """The state as of the journal's end. Raises :class:`JournalFault` with one line when what is kept cannot be read: damaged, or
    written by another version."""
    kept = journal.checkpoint()
    try:
        seq, state = (kept[0], decode_state(kept[1])) if kept is not None else (0, State())
    except (ValueError, RecursionError) as error:
        raise _unreadable("its checkpoint", error) from error
    if seq + 1 < journal.first_retained_seq:
        raise _unreadable("what came before its first record", LookupError("no checkpoint covers what was purged"))
    while records := journal.after(seq, REPLAY_RECORDS):
        for entry in records:
            try:
                fold(state, decode_record(entry.record))
            except (ValueError, LookupError, TypeError) as error:
                raise _unreadable(f"record {entry.seq}", error) from error
        seq = records[-1].seq
    return state


def _unreadable(what: str, error: Exception) -> JournalFault:
    cause = str(error) if isinstance(error, msgspec.MsgspecError) else f"{type(error).__name__}: {error}"
    return JournalFault(
        f"journal: {what} cannot be read ({cause}); install the menjin that wrote it, or keep the file and start with an"
        " empty state_dir"
    )
