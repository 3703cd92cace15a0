"""Rooms with rules about several people, and people going through their doors."""

from collections.abc import Sequence

import msgspec

from controller.commands import Admit, ReconcileOccupancy
from controller.engine import Outcome
from controller.events import AccessDenied, AccessGranted, AccessPending, AccessTaken
from controller.inputs import CommandArrived, DoorContact, LinkChanged, RexPressed, TimeElapsed
from controller.policy import Badge, Holder, Policy
from controller.presence import Occupancy, occupancy
from controller.site import Site
from tests.controller.building import GRANTS, GUO, HOLDERS, KEYHOLDER, LI, SITE, SUN, WANG, XU, Hall, badge, policy
from tests.controller.stories import order

XU_2 = badge(7, "xu-2", kind="temporary", slot=None)
XU_3 = badge(8, "xu-3", kind="temporary", slot=None)
CHEN = badge(9, "chen", kind="staff", customer=None, slot=None)
EVERYBODY = (LI, WANG, SUN, GUO, KEYHOLDER, XU, XU_2, XU_3, CHEN)


def site_with(settings: dict[str, float] | None = None, **areas: dict[str, object]) -> Site:
    """The building, with fields of areas changed: ``site_with(hall={"two_person": True})``; ``_`` stands for ``-``."""
    changed = {name.replace("_", "-"): fields for name, fields in areas.items()}
    return msgspec.structs.replace(
        SITE,
        areas=tuple(msgspec.structs.replace(area, **changed.get(area.id, {})) for area in SITE.areas),
        settings=settings or {},
    )


def room_policy(
    site: Site, *, badges: Sequence[Badge] = EVERYBODY, holders: Sequence[Holder] = (), n: int = 1
) -> Policy:
    """A policy in which all these people carry badges; ``holders`` replace those of the building."""
    changed = {holder.id: holder for holder in (*HOLDERS, Holder(7), Holder(8), Holder(9), *holders)}
    return msgspec.structs.replace(
        policy(*badges, site=site, n=n), holders=tuple(changed[number] for number in sorted(changed)), grants=GRANTS
    )


def room(
    settings: dict[str, float] | None = None,
    *,
    badges: Sequence[Badge] = EVERYBODY,
    holders: Sequence[Holder] = (),
    **areas: dict[str, object],
) -> Hall:
    """The building in order, with rules for its areas."""
    return Hall(room_policy(site_with(settings, **areas), badges=badges, holders=holders))


def pair_hall(settings: dict[str, float] | None = None, **hall: object) -> Hall:
    """A two-person hall."""
    return room(settings, hall={"two_person": True, **hall})


def taps(at: Hall, *who: Badge, point: str = "hall-in") -> Outcome:
    """One after the other; the outcome of the last."""
    for one in who:
        outcome = at.tap(one, point)
    return outcome


def opens(at: Hall, door: str = "hall-door") -> Outcome:
    """The leaf opens and closes; the outcome of the opening."""
    opened = at.give(DoorContact(door, open=True))
    at.give(DoorContact(door, open=False))
    at.wait(2)
    return opened


def go(at: Hall, *who: Badge, point: str = "hall-in") -> Outcome:
    """They tap one after the other, the door opens and closes."""
    taps(at, *who, point=point)
    return opens(at, point.rpartition("-")[0] + "-door")


def rex(at: Hall, door: str = "hall-door") -> Outcome:
    """Somebody leaves without a badge."""
    at.give(RexPressed(door))
    return opens(at, door)


def elapsed(at: Hall, seconds: float) -> Outcome:
    """So much later."""
    at.wait(seconds)
    return at.give(TimeElapsed())


def inside(at: Hall, area: str = "hall") -> Occupancy:
    in_force = at.engine.policy
    assert in_force is not None
    return occupancy(at.engine.state, in_force.site, area)


def numbers(at: Hall, area: str = "hall") -> set[str]:
    """The badge numbers of those listed."""
    return {at.engine.state.presence[holder].number for holder in inside(at, area).holders}


def answers(outcome: Outcome) -> list[tuple[str, str, str]]:
    """What each was answered: number, what, reason."""
    words = {AccessGranted: "granted", AccessPending: "pending", AccessDenied: "denied"}
    return [
        (event.number, words[type(event)], event.because.reason)
        for event in (() if outcome.record is None else outcome.record.events)
        if isinstance(event, AccessGranted | AccessPending | AccessDenied)
    ]


def answer(outcome: Outcome) -> tuple[str, str]:
    """What the last of them was answered, and why."""
    _, what, reason = answers(outcome)[-1]
    return what, reason


def granted(outcome: Outcome) -> list[AccessGranted]:
    return [] if outcome.record is None else [one for one in outcome.record.events if isinstance(one, AccessGranted)]


def taken(outcome: Outcome) -> list[AccessTaken]:
    return [] if outcome.record is None else [one for one in outcome.record.events if isinstance(one, AccessTaken)]


def alarm_inputs(at: Hall, alarm: str, subject: str = "hall") -> dict[str, str | int]:
    return at.engine.state.alarms[f"{alarm}/{subject}"].inputs


def count(at: Hall, *who: Badge, others: int = 0, area: str = "hall", reason: str = "counted") -> Outcome:
    """A guard counts."""
    return at.give(order(ReconcileOccupancy(area, reason, tuple(one.number for one in who), others)))


def admit(at: Hall, person: str = "P-1", *, emergency: bool = False, point: str = "hall-in") -> Outcome:
    return at.give(order(Admit(point, person, "approved", emergency)))


def cut_off(at: Hall) -> Hall:
    at.give(LinkChanged(up=False))
    return at


def by_supervisor(command: object) -> CommandArrived:
    return CommandArrived("c1", command, "op-1", supervisor=True)  # type: ignore[arg-type]
