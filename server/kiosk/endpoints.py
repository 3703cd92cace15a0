"""``/api/v1/kiosk`` (docs/console/kiosk.md): what the screen at the entrance may ask, and write."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import Session

from controller.codes import MAX_SCAN_BYTES
from server.context import Context
from server.kiosk.answers import ComerShown, Found, Unknown, VisitFound
from server.kiosk.lent import note_lent
from server.kiosk.looking import badge_of, expected_now, look_up, open_entries
from server.kiosk.misses import note_miss, refuse_guessing
from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.permits.arrivals import say_here
from server.personal.fields import masked_field
from server.problems import Problem, not_found
from server.registry.models import Holder
from server.routes import AppContext, DbSession, api_router
from server.shift.operations import enter_operation

router = api_router("/kiosk", "kiosk")

Uses = Annotated[Actor, requires(Permission.KIOSK_USE)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=MAX_SCAN_BYTES, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(min_length=2, max_length=1_000, strip_whitespace=True)]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Scan(_Input):
    """What was scanned or typed."""

    code: Code


class Done(_Input):
    """What was done, by whom: the number printed on the badge. ``entries``: of the badge's holder; all that are open, if left out."""

    badge: Code
    text: Text
    entries: Annotated[list[Annotated[int, Field(ge=1, le=2**62)]], Field(min_length=1, max_length=50)] | None = None


class Here(_Input):
    """Who is here: the number of the permit or the visit, and which of its persons."""

    code: Code
    person: Annotated[str, StringConstraints(max_length=64)]


class Completed(BaseModel):
    """The entries that are complete now; ``n``: the note's number in each."""

    entries: list[int]
    signed_by: str


@router.post("/scan")
def scan(session: DbSession, context: AppContext, actor: Uses, given: Scan) -> Found:
    """What a code is, with what the person before the screen may know of it. 429 after too many that lead nowhere, or too many lent badges."""
    now = context.clock.now()
    refuse_guessing(session, actor.public_id, now)
    found = look_up(session, context, given.code)
    leads = found.kind != "badge" or bool(found.entries)
    if (isinstance(found, Unknown) and not found.misread) or not leads:
        note_miss(session, actor.public_id, now)
    if isinstance(found, VisitFound):
        note_lent(session, actor.public_id, found.number, now)
    return found


@router.post("/operation", status_code=201)
def enter(session: DbSession, context: AppContext, actor: Uses, given: Done) -> Completed:
    """What was done inside, for the holder's own entries (R3). Signed by the server's key as the word of the badge at this kiosk, not of a guard."""
    now = context.clock.now()
    refuse_guessing(session, actor.public_id, now)
    badge = badge_of(session, given.badge)
    if badge is None or badge.kind == "temporary":
        _count_miss(session, actor, now)
        raise not_found("badge", "出入证", given.badge[:24])
    own = [one.id for one in open_entries(session, context, badge)]
    wanted = sorted(set(given.entries)) if given.entries is not None else own
    if not wanted or not set(wanted) <= set(own):
        _count_miss(session, actor, now)
        raise Problem(
            409,
            "operation_entered",
            "These entries are not open for this badge any more: scan it again.",
            "这些登记已填写或不属于该出入证，请重新扫描。",
            extra={"rule": "R3"},
        )
    by = word_of(badge.number or "", actor)
    for entry in wanted:
        enter_operation(session, context, actor, now, entry, given.text, by=by)
    return Completed(entries=wanted, signed_by=by)


@router.post("/arrival")
def arrive(session: DbSession, context: AppContext, actor: Uses, given: Here) -> ComerShown:
    """I am here: the visit says since when, and the desk sees it. Nobody is checked in by it."""
    now = context.clock.now()
    refuse_guessing(session, actor.public_id, now)
    for one in expected_now(session, context, given.code):
        if one.person.public_id == given.person:
            visit = say_here(session, actor, now, one)
            state = "checked_in" if visit.status == "checked_in" else "arrived"
            return ComerShown(person=given.person, name=_name(session, context, one.person.holder_id), state=state)
    _count_miss(session, actor, now)
    raise not_found("visitor of today", "今日访客", given.code[:40])


def word_of(number: str, actor: Actor) -> str:
    """Whose word a note is that was written at a kiosk."""
    return f"badge {number} via kiosk {actor.public_id}"


def _count_miss(session: Session, actor: Actor, now: datetime) -> None:
    """Whoever asks by writing guesses, too."""
    session.rollback()
    note_miss(session, actor.public_id, now)
    session.commit()  # the refusal rolls back all else


def _name(session: Session, context: Context, holder_id: int) -> str | None:
    return masked_field(context.personal, session.get_one(Holder, holder_id), "name")
