"""An edge's book: a compile of what a change touches leaves it as a compile of everything would."""

import zlib

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.policy import Policy, Version, decode_policy, encode_policy
from controller.policy_delta import apply_delta
from controller.policy_digest import policy_digest
from controller.site import Site
from controller.site_checks import parse_site
from server.fleet.book import Book, Scope, areas_of_edge
from server.fleet.compile import BadgeRow, ContractRow, CustomerRow, Entries, Grants, HolderRow, Rows, compile_rows
from server.fleet.merging import merged_delta
from server.fleet.packing import Packed, Packer
from server.fleet.versions import Kept
from tests.server.conftest import SITE
from tests.server.fleet.test_compile import QUOTAS, badge

SITE_PARSED = parse_site(SITE)
HALL = frozenset({"hall"})


class Edge:
    """A book and the policy that an edge makes of its deltas."""

    def __init__(self, areas: frozenset[str] | None = HALL) -> None:
        self.areas = areas
        self.grants = Grants()
        self.book = Book()
        self.n = 0
        self.policy: Policy | None = None

    def take(self, rows: Rows, scope: Scope, site: Site = SITE_PARSED) -> None:
        """Compile, and follow as the wire has it."""
        found: Entries = compile_rows(rows, QUOTAS, self.grants)
        prepared = self.book.prepare(site, self.areas, scope, found, self.grants)
        before, self.n = Version(1, self.n), self.n + 1
        version = Version(1, self.n)
        digest = prepared.digest.hexdigest(version, site)
        delta = prepared.delta(before, version, digest)
        self.book.adopt(prepared)
        whole = self.book.policy(version)
        assert policy_digest(whole) == digest
        if self.policy is not None:
            assert apply_delta(self.policy, delta) == whole
        self.policy = whole


def registry(
    contracts: dict[int, list[ContractRow]], badges: dict[int, BadgeRow], left: set[int], gone: set[int]
) -> Rows:
    return Rows(
        customers=[CustomerRow(number, f"C{number}", "organisation", number in gone) for number in (1, 2, 3)],
        contracts=[contract for of_one in contracts.values() for contract in of_one],
        holders=[HolderRow(number, None, gone=number in left) for number in range(1, 7)],
        badges=list(badges.values()),
    )


def some(rows: Rows, customers: set[int], holders: set[int], badges: set[int]) -> tuple[Rows, Scope]:
    """What :meth:`server.fleet.registry_rows.RegistryRows.touched` reads for these."""
    found = [row for row in rows.badges if row.id in badges or row.customer_id in customers or row.holder_id in holders]
    cards = {row.credential for row in found}
    found = [row for row in rows.badges if row in found or row.credential in cards]
    touched = customers | {row.customer_id for row in found if row.customer_id is not None}
    people = holders | {row.holder_id for row in found}
    part = Rows(
        customers=[row for row in rows.customers if row.id in touched],
        contracts=[row for row in rows.contracts if row.customer_id in touched],
        holders=[row for row in rows.holders if row.id in people],
        badges=found,
    )
    return part, Scope(customers, holders, badges | {row.id for row in found})


CARDS = st.sampled_from([b"a" * 16, b"b" * 16, b"c" * 16, b"d" * 16, None])
STATUSES = st.sampled_from(["approved", "issued", "active", "lost", "revoked", "returned"])
CONTRACT = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["hall", "lobby", "cage-a"]), max_size=2).map(tuple),
        st.integers(0, 9),
        st.sampled_from(["draft", "active", "suspended", "ended"]),
    ),
    max_size=2,
)
STEP = st.one_of(
    st.tuples(st.just("contracts"), st.integers(1, 3), CONTRACT),
    st.tuples(st.just("badge"), st.integers(1, 5), st.tuples(STATUSES, CARDS, st.integers(1, 3), st.integers(1, 6))),
    st.tuples(st.just("left"), st.integers(1, 6), st.booleans()),
    st.tuples(st.just("gone"), st.integers(1, 3), st.booleans()),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=12), st.sampled_from([HALL, frozenset({"lobby", "cage-a"}), None]))
def test_following_each_change_alone_leads_where_compiling_everything_leads(
    steps: list[tuple[str, int, object]], areas: frozenset[str] | None
) -> None:
    contracts: dict[int, list[ContractRow]] = {}
    badges: dict[int, BadgeRow] = {}
    left: set[int] = set()
    gone: set[int] = set()
    edge = Edge(areas)
    edge.take(registry(contracts, badges, left, gone), Scope(all_of_it=True))
    for what, number, value in steps:
        customers: set[int] = set()
        holders: set[int] = set()
        touched: set[int] = set()
        if what == "contracts":
            customers = {number}
            contracts[number] = [ContractRow(number, *terms[:1], 0, *terms[1:]) for terms in value]  # type: ignore[attr-defined]
        elif what == "badge":
            status, card, customer, holder = value  # type: ignore[misc]
            held = badges.get(number)
            if held is not None:  # a card stays where it is once bound
                card, customer, holder = held.credential or card, held.customer_id, held.holder_id
            badges[number] = badge(number, status=status, credential=card, customer_id=customer, holder_id=holder)
            touched = {number}
        else:
            rows, ids = (left, holders) if what == "left" else (gone, customers)
            ids.add(number)
            (rows.add if value else rows.discard)(number)
        edge.take(*some(registry(contracts, badges, left, gone), customers, holders, touched))
    before = edge.book.policy(Version(9, 9))
    edge.take(registry(contracts, badges, left, gone), Scope(all_of_it=True))
    assert edge.book.policy(Version(9, 9)) == before
    reloaded = Book.of(decode_policy(encode_policy(before)))
    assert reloaded.digest.hexdigest(Version(9, 9), SITE_PARSED) == policy_digest(before)


def rows_of(count: int, **changed: object) -> Rows:
    return Rows(
        customers=[CustomerRow(1, "C1", "organisation")],
        contracts=[ContractRow(1, ("hall",), 0, 99, "active")],
        holders=[HolderRow(number, 1) for number in range(1, count + 1)],
        badges=[badge(number, **changed) for number in range(1, count + 1)],
    )


def test_an_edge_gets_the_badges_of_its_own_areas_and_whom_they_point_to() -> None:
    rows = Rows(
        customers=[CustomerRow(1, "C1", "organisation"), CustomerRow(2, "C2", "organisation")],
        contracts=[ContractRow(1, ("hall",), 0, 99, "active"), ContractRow(2, ("lobby",), 0, 99, "active")],
        holders=[HolderRow(number, None) for number in (1, 2, 3)],
        badges=[badge(1, customer_id=1), badge(2, customer_id=2)],
    )
    edge = Edge()
    edge.take(rows, Scope(all_of_it=True))
    assert (list(edge.book.badges), list(edge.book.customers), list(edge.book.holders)) == ([1], [1], [1])
    assert len(edge.book.grants) == 1


def test_who_was_once_in_the_policy_stays_known_when_the_permission_is_taken_away() -> None:
    edge = Edge()
    edge.take(rows_of(1), Scope(all_of_it=True))
    elsewhere = Rows(
        rows_of(1).customers, [ContractRow(1, ("lobby",), 0, 99, "active")], rows_of(1).holders, rows_of(1).badges
    )
    edge.take(elsewhere, Scope(customers=[1], badges=[1]))
    assert list(edge.book.badges) == [1], "the way out must know them (MEANINGS 8)"
    assert [area.area for grant in edge.book.grants.values() for area in grant.areas] == ["lobby"]
    edge.take(elsewhere, Scope(all_of_it=True))
    assert list(edge.book.badges) == [1]
    other = Edge()
    other.take(elsewhere, Scope(all_of_it=True))
    assert list(other.book.badges) == []


def test_a_desk_gets_the_site_and_no_badge() -> None:
    desk = Edge(None)
    desk.take(rows_of(3), Scope(all_of_it=True))
    assert desk.book.policy(Version(1, 1)) == Policy(Version(1, 1), SITE_PARSED)
    door = Edge()
    door.take(rows_of(3), Scope(all_of_it=True))
    door.areas = None
    door.take(rows_of(3), Scope(all_of_it=True))
    assert door.book.policy(Version(1, 1)) == Policy(Version(1, 1), SITE_PARSED), "a door's edge that became a desk"


def test_one_change_hashes_and_sends_one_bucket_however_many_badges_there_are() -> None:
    edge = Edge()
    edge.take(rows_of(2_000), Scope(all_of_it=True))
    part, scope = some(rows_of(2_000, status="lost"), set(), set(), {700})
    found = compile_rows(part, QUOTAS, edge.grants)
    prepared = edge.book.prepare(SITE_PARSED, HALL, scope, found, edge.grants)
    assert {name for name, entries in prepared.changed.items() if entries} == {"badges"}
    assert list(prepared.changed["badges"]) == [700]
    assert len(found.badges) == 1


def test_many_deltas_become_one_that_leads_to_the_same() -> None:
    edge = Edge()
    edge.take(rows_of(30), Scope(all_of_it=True))
    start = edge.policy
    assert start is not None
    deltas = []
    for number in (3, 4, 3):
        status = "lost" if (number, len(deltas)) != (3, 2) else "active"
        part, scope = some(rows_of(30, status=status), set(), set(), {number})
        found = compile_rows(part, QUOTAS, edge.grants)
        prepared = edge.book.prepare(SITE_PARSED, HALL, scope, found, edge.grants)
        base, edge.n = Version(1, edge.n), edge.n + 1
        version = Version(1, edge.n)
        digest = prepared.digest.hexdigest(version, SITE_PARSED)
        deltas.append(prepared.delta(base, version, digest))
        edge.book.adopt(prepared)
    merged = merged_delta(deltas, edge.book, Kept(version, digest, 0))
    assert [entry.id for entry in merged.badges] == [3, 4]
    assert apply_delta(start, merged) == edge.book.policy(version)


def test_a_policy_is_packed_in_bounded_pieces_and_the_urgent_first() -> None:
    edge = Edge()
    edge.take(rows_of(5_000), Scope(all_of_it=True))
    policy = edge.book.policy(Version(1, 1))
    packer = Packer()
    packer.ask(1)
    packer.ask(2, urgent=True)
    packer.ask(2)
    assert packer.next_edge == 2
    packer.begin(None)
    assert packer.next_edge == 1
    packer.begin(policy)
    steps, packed = 0, None
    while packed is None:
        assert packer.is_busy
        packed = packer.step()
        steps += 1
    assert isinstance(packed, Packed)
    assert steps > 4, "10 000 entries in pieces of 2 000"
    assert zlib.decompress(packed.body) == encode_policy(policy)
    assert not packer.is_busy


def test_a_door_without_an_edge_concerns_every_edge() -> None:
    assert areas_of_edge(SITE_PARSED, "any") == {"outside", "lobby", "hall"}
    named = SITE.replace('id = "hall-door"', 'id = "hall-door"\nedge = "east"')
    assert areas_of_edge(parse_site(named), "west") == {"outside", "lobby"}
    assert areas_of_edge(parse_site(named), "east") == {"outside", "lobby", "hall"}
