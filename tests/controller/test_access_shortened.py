"""What is left out of the numbered list for speed would have refused nothing: the whole list gives the same answer (R1, MEANINGS 3)."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from controller.access import RULES, Denied, Granted, checks_at, decide
from controller.group import Member, _refusal, refused_together, second_person
from controller.index import PolicyIndex
from controller.presence import listed, on_the_way_out, sure
from controller.state import Presence, State, place
from tests.controller.building import SITE, policy
from tests.controller.test_access import REFUSALS, case, closed_for_a_week, with_area

CASES = st.sampled_from([disturbed for _, disturbed in REFUSALS] + [case(), case(at="lobby-in"), case(at="cage-in")])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "refused": st.sampled_from(["", "two_cards", "not_authenticated"]),
        "gas_zone": st.sampled_from(["", "z1"]),
        "locked_down": st.sampled_from([None, "", "hall"]),
        "released": st.booleans(),
        "wall_trusted": st.booleans(),
        "journal_available": st.booleans(),
        "authenticated": st.booleans(),
        "read_age_us": st.sampled_from([0, 2_000_001]),
        "vouched": st.booleans(),
        "presence": st.sampled_from([None, Presence("hall", 1, 1, "li"), Presence("hall", 1, 1, "li", sure=False)]),
    },
)
PLACES = st.sampled_from(["hall-in", "lobby-in", "cage-in"])
INDEXES: list[PolicyIndex] = [
    PolicyIndex(policy()),
    closed_for_a_week(),
    with_area(anti_passback="hard"),
    with_area(anti_passback="soft", two_person=True),
    with_area(closed=True),
    with_area(customers=("C002",)),
]


@given(CASES, FIELDS, st.sampled_from(INDEXES), PLACES)
def test_the_whole_list_gives_the_same_answer(
    disturbed: Any, fields: dict[str, Any], index: PolicyIndex, place_: str
) -> None:
    asked = msgspec.structs.replace(disturbed, index=index, point=index.points[place_], **fields)
    refusals = [refusal for rule in RULES if (refusal := rule.check(asked)) is not None]
    answer = decide(asked)
    if refusals:
        assert answer == Denied(refusals[0])
    else:
        assert isinstance(answer, Granted)


def test_every_rule_is_asked_where_it_may_refuse() -> None:
    traits = frozenset(rule.asked_at for rule in RULES)
    assert checks_at(traits, calm=False) == tuple(rule.check for rule in RULES)


ROOMS = [
    {"two_person": two, "capacity": capacity, "composition": composition, "first_in": first}
    for two in (False, True)
    for capacity in (None, 2, 4)
    for composition in ("any", "with_staff", "same_customer")
    for first in (False, True)
]
PEOPLE = st.dictionaries(
    st.integers(1, 8),
    st.builds(
        Presence,
        area=st.sampled_from(["hall", "cage-a", "lobby"]),
        since_us=st.just(1),
        badge=st.just(1),
        number=st.just("n"),
        customer=st.sampled_from([None, 1, 2]),
        kind=st.sampled_from(["customer", "staff"]),
        sure=st.booleans(),
    ),
    max_size=6,
)
MEMBERS = st.lists(
    st.builds(
        Member,
        holder=st.integers(1, 9),
        badge=st.just(1),
        number=st.just("n"),
        because=st.none(),
        kind=st.sampled_from(["customer", "staff"]),
        customer=st.sampled_from([1, 2]),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda member: member.holder,
)
ASKING = [(PolicyIndex(policy(site=msgspec.structs.replace(SITE, areas=tuple(
    msgspec.structs.replace(area, **asked) if area.id == "hall" else area for area in SITE.areas))))) for asked in ROOMS]  # fmt: skip


@given(st.sampled_from(ASKING), PEOPLE, MEMBERS, st.frozensets(st.integers(1, 9), max_size=2))
def test_bounds_and_counts_answer_as_the_lists_themselves_do(
    index: PolicyIndex, people: dict[int, Presence], group: list[Member], inside: frozenset[int]
) -> None:
    state = State()
    for holder, presence in people.items():
        place(state, holder, presence)
    point, room = index.points["hall-in"], index.rooms["hall"]
    staff = any(member.kind == "staff" for member in group)
    whole = _refusal(state, index, point, group, group, inside, 0, staff)
    assert refused_together(state, index, point, group, group, inside) == whole
    holders = {member.holder for member in group}
    if whole is not None and whole.reason == "AREA_FULL":
        assert whole.inputs["people"] == len(listed(state, room) | holders)
    there = (sure(state, room) | inside) - on_the_way_out(state, index, room) - holders
    wanting = room.two_person and len(group) < 2 and len(there) < 2
    assert (second_person(state, index, point, group, inside) is not None) == wanting
