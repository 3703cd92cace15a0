"""From rows to entries: what stands in a policy, and why."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy import FOREVER_US, Badge
from server.fleet.compile import BadgeRow, ContractRow, CustomerRow, Entries, Grants, HolderRow, Rows, compile_rows

QUOTAS = {"organisation": 2, "individual": 1}
Areas = list[tuple[str, int, int, str | None]]


class Compiled:
    """Rows compiled, and what the tests look at."""

    def __init__(self, rows: Rows) -> None:
        self.grants = Grants()
        self.entries: Entries = compile_rows(rows, QUOTAS, self.grants)

    def areas(self, number: int = 1) -> Areas:
        entry = self.entries.badges[number]
        return [(area.area, area.from_us, area.until_us, area.schedule) for area in self.grants.areas(entry.grant)]

    def touches(self, number: int = 1) -> frozenset[str] | None:
        return next(touches for touches, ids in self.entries.by_touches.items() if number in ids)


def badge(number: int, **changed: Any) -> BadgeRow:
    values: dict[str, Any] = {
        "id": number, "credential": number.to_bytes(16, "big"), "number": f"M{number}", "kind": "customer", "status": "active",
        "holder_id": number, "customer_id": 1, "from_us": 0, "until_us": FOREVER_US, "slot": 1, "generation": 1,
        "schedule": None,
    }  # fmt: skip
    return BadgeRow(**(values | changed))


def rows(contracts: list[ContractRow], badges: list[BadgeRow], *, gone: bool = False, left: bool = False) -> Rows:
    return Rows(
        customers=[CustomerRow(1, "C001", "organisation", gone)],
        contracts=contracts,
        holders=[
            HolderRow(row.holder_id, row.customer_id, ("lobby", "hall"), ("hall",), gone=left, duties=("guard",))
            for row in badges
        ],
        badges=badges,
    )


def contract(from_us: int, until_us: int, *areas: str, status: str = "active") -> ContractRow:
    return ContractRow(1, areas, from_us, until_us, status)


def staff(number: int = 1, **changed: Any) -> BadgeRow:
    return badge(number, **({"kind": "staff", "customer_id": None, "slot": None} | changed))


def test_a_customers_areas_are_the_union_of_its_contracts_each_with_its_own_window() -> None:
    terms = [contract(0, 10, "hall"), contract(5, 20, "hall", "lobby"), contract(30, 40, "hall")]
    made = Compiled(rows(terms, [badge(1)]))
    assert made.areas() == [("hall", 0, 20, None), ("hall", 30, 40, None), ("lobby", 5, 20, None)]
    customer = made.entries.customers[1]
    assert (customer.until_us, customer.status, customer.quota) == (40, "active", 2)


def test_a_suspended_contract_permits_nothing_and_names_the_customer_suspended() -> None:
    suspended = contract(0, FOREVER_US, "hall", status="suspended")
    made = Compiled(rows([suspended], [badge(1)]))
    assert (made.areas(), made.entries.customers[1].status) == ([], "suspended")
    assert made.touches() == {"hall"}, "the edges of its doors can still say why"
    both = Compiled(rows([suspended, contract(0, 10, "lobby")], [badge(1)]))
    assert (both.areas(), both.entries.customers[1].status) == ([("lobby", 0, 10, None)], "active")
    assert both.entries.customers[1].until_us == 10, "the suspended contract does not carry it further"


def test_an_ended_contract_permits_nothing_whatever_end_it_states() -> None:
    made = Compiled(rows([contract(3, FOREVER_US, "hall", status="ended")], [badge(1)]))
    assert made.areas() == [("hall", 3, 3, None)], "no moment, and the door can say that it ended"
    assert made.entries.customers[1].status == "ended"
    both = Compiled(rows([contract(0, 50, "hall", status="ended"), contract(0, 10, "lobby")], [badge(1)]))
    assert both.areas() == [("hall", 0, 0, None), ("lobby", 0, 10, None)]
    assert both.entries.customers[1].until_us == 10


def test_a_draft_permits_nothing_and_leads_nowhere() -> None:
    made = Compiled(rows([contract(0, FOREVER_US, "hall", status="draft")], [badge(1)]))
    assert (made.areas(), made.touches(), made.entries.customers[1].status) == ([], frozenset(), "ended")


def test_a_customer_without_a_contract_has_ended() -> None:
    customer = Compiled(rows([], [badge(1)])).entries.customers[1]
    assert (customer.status, customer.until_us) == ("ended", 0)


def test_the_badges_of_a_deleted_or_merged_customer_get_nothing() -> None:
    made = Compiled(rows([contract(0, FOREVER_US, "hall")], [badge(1)], gone=True))
    assert (made.areas(), made.entries.customers[1].status) == ([], "ended")
    assert made.touches() == {"hall"}


def test_staff_open_what_the_head_named_and_temporary_badges_nothing_by_themselves() -> None:
    made = Compiled(rows([], [staff(1), staff(2, kind="temporary")]))
    assert made.areas(1) == [("hall", 0, FOREVER_US, None), ("lobby", 0, FOREVER_US, None)]
    assert made.areas(2) == []
    assert (made.touches(1), made.touches(2)) == ({"hall", "lobby"}, None)


def test_badges_with_equal_areas_share_a_grant_and_a_schedule_makes_another() -> None:
    made = Compiled(rows([contract(0, 9, "hall")], [badge(1), badge(2, slot=2), badge(3, slot=3, schedule="office")]))
    grants = {number: entry.grant for number, entry in made.entries.badges.items()}
    assert grants[1] == grants[2] != grants[3]
    assert made.areas(3) == [("hall", 0, 9, "office")]


def test_the_status_on_the_wire() -> None:
    stored = ["issued", "active", "suspended", "lost", "revoked", "returned"]
    badges = [badge(number, status=status) for number, status in enumerate(stored, 1)]
    told = [entry.status for entry in Compiled(rows([], badges)).entries.badges.values()]
    assert told == ["issued", "active", "suspended", "lost", "revoked", "revoked"]
    left = [entry.status for entry in Compiled(rows([], badges, left=True)).entries.badges.values()]
    assert left == ["revoked", "revoked", "revoked", "lost", "revoked", "revoked"]


def test_who_has_left_escorts_nobody_and_has_no_duties() -> None:
    here = Compiled(rows([], [staff(1)])).entries.holders[1]
    gone = Compiled(rows([], [staff(1)], left=True)).entries.holders[1]
    assert (here.may_escort, here.duties) == (("hall",), ("guard",))
    assert (gone.may_escort, gone.duties) == ((), ())


def test_a_badge_without_a_card_does_not_travel() -> None:
    without = [badge(1, status="approved", credential=None), badge(2, status="revoked", credential=None)]
    assert Compiled(rows([contract(0, 9, "hall")], without)).entries.badges == {}


def test_a_card_belongs_to_its_live_badge_else_to_the_newest() -> None:
    card = b"c" * 16
    gone = [badge(1, status="revoked", credential=card), badge(3, status="returned", credential=card)]
    live = badge(2, status="suspended", credential=card)
    assert list(Compiled(rows([], [*gone, live])).entries.badges) == [2]
    assert list(Compiled(rows([], gone)).entries.badges) == [3]


CONTRACTS = st.lists(
    st.builds(
        ContractRow,
        st.integers(1, 3),
        st.lists(st.sampled_from(["hall", "lobby", "cage-a"]), max_size=3).map(tuple),
        st.integers(0, 50),
        st.integers(0, 60),
        st.sampled_from(["draft", "active", "suspended", "ended"]),
    ),
    max_size=6,
)
BADGES = st.lists(
    st.builds(
        badge,
        st.integers(1, 6),
        status=st.sampled_from(["approved", "issued", "active", "suspended", "lost", "revoked", "returned"]),
        schedule=st.sampled_from([None, "office"]),
        customer_id=st.integers(1, 3),
        credential=st.sampled_from([b"a" * 16, b"b" * 16, b"c" * 16, b"d" * 16]),
    ),
    max_size=6,
    unique_by=lambda row: row.id,
)


@settings(max_examples=100)
@given(CONTRACTS, BADGES, st.sets(st.integers(1, 3)), st.integers(0, 60))
def test_no_badge_gains_a_moment_that_no_contract_gives(
    contracts: list[ContractRow], badges: list[BadgeRow], gone: set[int], at_us: int
) -> None:
    made = Compiled(
        Rows(
            customers=[CustomerRow(number, f"C{number}", "organisation", number in gone) for number in (1, 2, 3)],
            contracts=contracts,
            holders=[HolderRow(number, None) for number in range(1, 7)],
            badges=badges,
        )
    )
    assert len({entry.credential for entry in made.entries.badges.values()}) == len(made.entries.badges)
    for entry in made.entries.badges.values():
        permitted = {area for area, from_us, until_us, _ in made.areas(entry.id) if from_us <= at_us < until_us}
        assert permitted == given_by_contracts(entry, contracts, gone, at_us)


def given_by_contracts(entry: Badge, contracts: list[ContractRow], gone: set[int], at_us: int) -> set[str]:
    return {
        area
        for row in contracts
        if row.customer_id == entry.customer and row.customer_id not in gone
        if row.status == "active" and row.from_us <= at_us < row.until_us
        for area in row.areas
    }
