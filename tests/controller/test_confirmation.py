"""The guard confirms who enters where the door asks for it (R8; docs/goods.md, The guard confirms the holder)."""

import msgspec

from controller.commands import Admit, ConfirmHolder
from controller.engine import Outcome
from controller.goods_events import HolderConfirmed
from controller.inputs import FireInput, JournalChanged, LinkChanged
from controller.policy import Holder
from controller.site import Site
from tests.controller.building import GUO, KEYHOLDER, LI, SITE, WANG, XU, Hall, badge, events, reason
from tests.controller.rooms import (
    EVERYBODY,
    answer,
    answers,
    by_supervisor,
    elapsed,
    go,
    granted,
    opens,
    room_policy,
    site_with,
    taken,
)
from tests.controller.stories import order, result


def guarded(settings: dict[str, float] | None = None, **hall: object) -> Hall:
    """The hall's door asks the guard."""
    return Hall(room_policy(_guarded(site_with(settings, hall=hall)), badges=EVERYBODY))


def _guarded(site: Site) -> Site:
    return msgspec.structs.replace(
        site,
        doors=tuple(
            msgspec.structs.replace(door, guard_confirms=True) if door.id == "hall-door" else door
            for door in SITE.doors
        ),
    )


def confirm(at: Hall, number: str, *, accepted: bool = True, reason: str = "", point: str = "hall-in") -> Outcome:
    return at.give(order(ConfirmHolder(point, number, accepted, reason)))


def test_the_tapper_waits_for_the_guard_and_then_enters() -> None:
    at = guarded()
    assert answer(at.tap(LI)) == ("pending", "GUARD_CONFIRMATION_REQUIRED")
    confirmed = confirm(at, "li")
    assert result(confirmed) == ("done", "")
    (word,) = events(confirmed, HolderConfirmed)
    assert isinstance(word, HolderConfirmed)
    assert (word.number, word.operator) == ("li", "op-1")
    assert answer(confirmed) == ("granted", "PERMITTED")
    assert [one.number for one in taken(opens(at))] == ["li"]


def test_who_may_not_enter_is_not_shown_to_the_guard() -> None:
    at = guarded()
    assert answer(at.tap("nobody")) == ("denied", "UNKNOWN_BADGE")


def test_a_holder_who_does_not_match_is_denied() -> None:
    at = guarded()
    at.tap(LI)
    refused = confirm(at, "li", accepted=False, reason="another face")
    assert result(refused) == ("done", "")
    assert answers(refused) == [("li", "denied", "HOLDER_MISMATCH")]
    assert result(confirm(at, "li")) == ("refused", "NOBODY_WAITS")


def test_a_refusal_needs_a_reason() -> None:
    at = guarded()
    at.tap(LI)
    assert result(confirm(at, "li", accepted=False)) == ("refused", "REASON_REQUIRED")
    assert answer(confirm(at, "li")) == ("granted", "PERMITTED")


def test_nobody_of_that_number_waits() -> None:
    at = guarded()
    at.tap(LI)
    assert result(confirm(at, "wang")) == ("refused", "NOBODY_WAITS")
    assert result(confirm(at, "li", point="lobby-in")) == ("refused", "NOBODY_WAITS")
    assert result(confirm(at, "li", point="nowhere")) == ("refused", "NO_SUCH_POINT")


def test_the_guard_who_does_not_answer_denies() -> None:
    at = guarded()
    at.tap(LI)
    assert answers(elapsed(at, 59)) == []
    assert answers(elapsed(at, 1)) == [("li", "denied", "GUARD_CONFIRMATION_REQUIRED")]
    assert result(confirm(at, "li")) == ("refused", "NOBODY_WAITS")


def test_a_second_tap_waits_anew() -> None:
    at = guarded()
    at.tap(LI)
    at.wait(50)
    assert answer(at.tap(LI)) == ("pending", "GUARD_CONFIRMATION_REQUIRED")
    assert answers(elapsed(at, 59)) == []
    assert answer(confirm(at, "li")) == ("granted", "PERMITTED")


def test_with_the_link_down_nobody_waits_for_a_word_that_cannot_come() -> None:
    at = guarded()
    at.give(LinkChanged(up=False))
    assert answer(at.tap(LI)) == ("denied", "CONSOLE_UNREACHABLE")


def test_ways_out_never_ask() -> None:
    """L1."""
    at = guarded()
    at.give(LinkChanged(up=False))
    assert answer(at.tap(LI, "hall-out")) == ("granted", "WAY_OUT")


def test_a_released_door_does_not_ask() -> None:
    at = guarded()
    at.tap(LI)
    at.give(FireInput("z1", active=True))
    assert answer(at.tap(WANG)) == ("granted", "PERMITTED")
    assert answer(confirm(at, "li")) == ("granted", "PERMITTED")


def test_who_waits_for_the_guard_is_nobodys_partner() -> None:
    """R2: a pair is two confirmed persons."""
    at = guarded(two_person=True)
    at.tap(LI)
    assert answer(at.tap(WANG)) == ("pending", "GUARD_CONFIRMATION_REQUIRED")
    assert answer(confirm(at, "li")) == ("pending", "SECOND_PERSON_REQUIRED")
    both = confirm(at, "wang")
    assert {one.number for one in granted(both)} == {"li", "wang"}
    assert [one.partners for one in granted(both)] == [(2,), (1,)]


def test_who_was_confirmed_and_waits_for_a_second_person_is_not_asked_again() -> None:
    at = guarded(two_person=True)
    at.tap(LI)
    confirm(at, "li")
    at.wait(2)
    assert answer(at.tap(LI)) == ("pending", "SECOND_PERSON_REQUIRED")
    elapsed(at, 8)
    assert answer(at.tap(LI)) == ("pending", "GUARD_CONFIRMATION_REQUIRED")


def test_a_visitor_is_confirmed_before_waiting_for_the_escort() -> None:
    at = guarded()
    at.tap(XU)
    at.tap(GUO)
    assert [one.number for one in granted(confirm(at, "guo"))] == ["guo"]
    opens(at)
    assert answer(confirm(at, "xu")) == ("pending", "ESCORT_REQUIRED")
    at.tap(KEYHOLDER)
    assert {one.number for one in granted(confirm(at, "key"))} == {"xu", "key"}


def test_somebody_admitted_by_command_is_not_asked() -> None:
    at = guarded()
    at.give(order(Admit("hall-in", "P-1", "repair")))
    at.tap(GUO)
    assert {one.number for one in granted(confirm(at, "guo"))} == {"P-1", "guo"}


def test_an_emergency_with_the_link_down_asks_no_console() -> None:
    """B7: the guard stands at the door."""
    duties = (Holder(5, None, keyholder=True, duties=("supervisor",)), Holder(4, None, ("hall",), duties=("guard",)))
    at = Hall(room_policy(_guarded(site_with(hall={"two_person": True})), holders=duties))
    at.give(LinkChanged(up=False))
    assert answer(at.tap(KEYHOLDER)) == ("pending", "GUARD_CONFIRMATION_REQUIRED")
    assert len(granted(at.tap(GUO))) == 2


def test_a_supervisor_waits_for_the_guards_badge_no_longer_than_for_a_partner() -> None:
    duties = (Holder(5, None, keyholder=True, duties=("supervisor",)),)
    at = Hall(room_policy(_guarded(site_with()), holders=duties))
    at.give(LinkChanged(up=False))
    at.tap(KEYHOLDER)
    assert answers(elapsed(at, 8)) == [("key", "denied", "GUARD_CONFIRMATION_REQUIRED")]


def test_the_person_is_judged_again_when_the_word_comes() -> None:
    at = guarded(anti_passback="hard")
    at.tap(LI)
    revoked = room_policy(_guarded(site_with()), badges=(msgspec.structs.replace(LI, status="revoked"), GUO), n=2)
    at.keep(at.engine.adopt(revoked, "d2", at.now))
    at.engine.commit()
    confirmed = confirm(at, "li")
    assert result(confirmed) == ("done", "")
    assert answers(confirmed) == [("li", "denied", "BADGE_REVOKED")]


def test_a_badge_that_passed_to_somebody_else_meanwhile_opens_nothing() -> None:
    at = guarded()
    at.tap(LI)
    passed_on = room_policy(_guarded(site_with()), badges=(badge(1, "li", holder=2), GUO), n=2)
    at.keep(at.engine.adopt(passed_on, "d2", at.now))
    at.engine.commit()
    assert answers(confirm(at, "li")) == [("li", "denied", "UNKNOWN_BADGE")]


def test_the_group_rules_deny_after_the_word() -> None:
    at = guarded(first_in=True)
    at.tap(LI)
    assert answers(confirm(at, "li")) == [("li", "denied", "FIRST_IN_REQUIRED")]
    assert result(confirm(at, "li")) == ("refused", "NOBODY_WAITS")


def test_while_the_journal_fails_no_word_counts() -> None:
    at = guarded()
    at.tap(LI)
    at.engine.handle(JournalChanged(available=False, cause="disk full"), at.now)
    refused = at.engine.handle(by_supervisor(ConfirmHolder("hall-in", "li", True)), at.now)
    assert result(refused) == ("refused", "JOURNAL_UNAVAILABLE")


def test_a_prompt_at_an_entry_that_leaves_one_alone_is_confirmed_without_asking_the_guard_again() -> None:
    site = msgspec.structs.replace(
        site_with(lobby={"two_person": True}, hall={}),
        areas=tuple(msgspec.structs.replace(area, two_person=area.id == "lobby") for area in SITE.areas),
    )
    at = Hall(room_policy(_guarded(site)))
    go(at, LI, WANG, point="lobby-in")
    at.tap(LI)
    assert answer(confirm(at, "li")) == ("pending", "SECOND_PERSON_REQUIRED")
    at.wait(3)
    assert reason(at.tap(LI)) == "PERMITTED"
