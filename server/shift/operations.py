"""What was done inside a main room, entered once for each entry of the register (R3): by an operator, or at the kiosk by the holder."""

from datetime import datetime

from sqlmodel import Session, col, select

from server.context import Context
from server.db.clock import to_us
from server.operators.actor import Actor
from server.operators.audit import record
from server.problems import Problem, not_found
from server.rooms.models import RegisterEntry, RegisterNote
from server.rooms.notes import MAX_NOTES, add_note
from server.rooms.register_query import OPERATION, notes_of
from server.rooms.showing import main_rooms


def enter_operation(
    session: Session, context: Context, actor: Actor, now: datetime, entry_id: int, text: str, *, by: str | None = None
) -> RegisterNote:
    """The entry is complete then. ``by``: whose word it is, if not the actor's own (:func:`server.kiosk.endpoints.word_of`). Raises :class:`Problem` 404, or 409
    for an entry that wants no operation, or has one."""
    query = select(RegisterEntry).where(col(RegisterEntry.id) == entry_id)
    entry = session.exec(query.with_for_update()).first()  # of two who enter it at once the second is told
    if entry is None:
        raise not_found("entry of the register", "登记记录", str(entry_id))
    if entry.direction != "in" or entry.area not in main_rooms(context.site):
        raise Problem(
            409,
            "no_operation_wanted",
            f"Entry {entry_id} is no entry into a main room: add a note instead.",
            f"登记 {entry_id} 不是进入主机房的记录，请改为添加备注。",
            extra={"entry": entry_id, "rule": "R3"},
        )
    if any(note.kind == OPERATION for note in notes_of(session.connection(), [entry_id]).get(entry_id, [])):
        raise Problem(
            409,
            "operation_entered",
            f"The operation of entry {entry_id} is entered already: correct it by a note of kind operation.",
            f"登记 {entry_id} 已填写操作内容；更正请添加 operation 类备注。",
            extra={"entry": entry_id, "rule": "R3"},
        )
    made = add_note(session, context.keys, entry, OPERATION, text, by or actor.public_id, to_us(now))
    if made is None:
        raise Problem(
            409, "too_many_notes", f"Entry {entry_id} has {MAX_NOTES} notes already.", f"登记 {entry_id} 已有 {MAX_NOTES} 条备注。"
        )  # fmt: skip
    after = {"n": made.n, "text": text} | ({"by": by} if by is not None else {})
    record(session, actor, now, "register.operation", str(entry_id), after=after)
    return made
