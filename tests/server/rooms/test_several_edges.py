"""A room with doors of two edges: who came in by the one and left by the other is inside once, and then not at all (R2, R3, MEANINGS 13)."""

import itertools
from collections.abc import Iterator

import pytest
from sqlmodel import select

from controller.events import FireLatched
from controller.room_events import AreaUncertain, Found, OccupancyReconciled
from server.ledger.writer import Ledger
from server.rooms.models import RegisterStay
from tests.server.conftest import ON_SQLITE
from tests.server.edges import AT_US
from tests.server.rooms.conftest import LI, WANG, House, RoomEdge, taken
from tests.server.rooms.test_two_places import settle

WALK = ("lobby-in", "hall-in", "hall-out", "hall-in", "hall-out", "lobby-out", "lobby-in", "lobby-out")
"""The lobby's door is edge-1's, the hall's edge-2's."""
WALKED = [
    ("lobby", 1, 2, "exit"),
    ("hall", 2, 3, "exit"),
    ("lobby", 3, 4, "exit"),
    ("hall", 4, 5, "exit"),
    ("lobby", 5, 6, "exit"),
    ("lobby", 7, 8, "exit"),
]


def of(house: House, point: str) -> RoomEdge:
    """Whose door it is."""
    return house.other if point.startswith("hall") else house.edge


def inside(house: House) -> list[tuple[str, str]]:
    """Area and number of everybody who is listed."""
    return [(area["area"], person["number"]) for area in house.get("occupancy")["items"] for person in area["people"]]


def walked(house: House) -> list[tuple[str, int, int | None, str | None]]:
    """Every stay: room, from, until, how it ended."""
    with house.context.database.read() as session:
        stays = session.exec(select(RegisterStay)).all()
        return sorted(
            ((stay.area, _s(stay.in_us) or 0, _s(stay.out_us), stay.ended_by) for stay in stays), key=lambda one: one[1]
        )


def _s(at_us: int | None) -> int | None:
    return (at_us - AT_US) // 1_000_000 if at_us is not None else None


def test_who_walks_through_rooms_of_two_edges_is_in_one_of_them_and_then_nowhere(house: House) -> None:
    where = []
    for at_s, point in enumerate(WALK, 1):
        of(house, point).happen(taken(point), at_s=at_s)
        where.append(inside(house))
        assert settle(house) == []
    lobby, hall = [("lobby", "M1")], [("hall", "M1")]
    assert where == [lobby, hall, lobby, hall, lobby, [], lobby, []]
    assert walked(house) == WALKED
    assert house.register(open=True) == []


def orders() -> Iterator[tuple[int, ...]]:
    """The walk's records in every order in which two edges can tell them."""
    first = [number for number, point in enumerate(WALK) if point.startswith("lobby")]
    second = [number for number, point in enumerate(WALK) if point.startswith("hall")]
    for places in itertools.combinations(range(len(WALK)), len(first)):
        one, other = iter(first), iter(second)
        yield tuple(next(one) if place in places else next(other) for place in range(len(WALK)))


SOME_ORDERS = [order for number, order in enumerate(sorted(orders())) if number % 9 == 0]


@ON_SQLITE
@pytest.mark.parametrize("order", SOME_ORDERS)
def test_whichever_edge_tells_first_the_stays_are_the_same(house: House, order: tuple[int, ...]) -> None:
    for number in order:
        of(house, WALK[number]).happen(taken(WALK[number]), at_s=number + 1)
    assert walked(house) == WALKED
    assert inside(house) == []


def test_an_edge_that_tells_all_late_puts_its_stays_between_the_others(house: House) -> None:
    for number, point in enumerate(WALK):
        if of(house, point) is house.edge:
            house.edge.happen(taken(point), at_s=number + 1)
        else:
            house.other.note(taken(point), at_s=number + 1)
    with Ledger(house.context.database, "test", house.context.site).writing(AT_US) as writer:
        writer.take(house.other.id, house.other.wire.batch(1, 4))
    assert walked(house) == WALKED
    assert inside(house) == []
    [last] = [entry for entry in house.register() if entry["at"].endswith(":06Z")]
    assert [(stay["area"], stay["in_at"][17:19]) for stay in last["stays"]] == [("lobby", "05")], (
        "the exit tells its stay"
    )


def test_a_stay_in_the_hall_goes_on_when_its_cage_has_a_door_of_another_edge(house: House) -> None:
    house.edge.happen(taken("hall-in"), at_s=1)
    house.other.happen(taken("cage-in"), at_s=2)
    assert inside(house) == [("hall", "M1"), ("cage-a", "M1")]
    house.edge.happen(taken("hall-out"), at_s=3)
    assert inside(house) == [("lobby", "M1")]
    assert walked(house) == [("hall", 1, 3, "exit"), ("cage-a", 2, 3, "exit"), ("lobby", 3, None, None)]


def test_who_is_in_two_places_is_listed_in_both_and_leaves_one(house: House) -> None:
    house.edge.happen(taken("hall-in"), at_s=1)
    house.other.happen(taken("annex-in"), at_s=2)
    assert inside(house) == [("hall", "M1"), ("annex", "M1")]
    house.other.happen(taken("annex-out"), at_s=3)
    assert inside(house) == [("hall", "M1")]
    assert walked(house) == [("hall", 1, None, None), ("annex", 2, 3, "exit")]


def came_back(house: House) -> None:
    """Li and Wang are in the lobby by the word of edge-2."""
    for number, who in enumerate((LI, WANG)):
        house.other.happen(taken("hall-in", who), at_s=1 + number)
        house.other.happen(taken("hall-out", who), at_s=3 + number)


@ON_SQLITE
def test_a_count_by_one_edge_says_who_of_the_other_edges_people_is_gone(house: House) -> None:
    came_back(house)
    found = Found(WANG, WANG, "M2", "lobby", 1, "customer")
    house.edge.happen(OccupancyReconciled("lobby", (), (found,), (), "opr_9", "counted"), at_s=10)
    assert inside(house) == [("lobby", "M2")]
    assert [(entry["direction"], entry["number"]) for entry in house.register()[4:]] == [("missed", "M1")]
    assert [entry["number"] for entry in house.register(open=True)] == ["M2"]


@ON_SQLITE
def test_who_may_have_left_by_a_door_of_another_edge_is_not_sure(house: House) -> None:
    came_back(house)
    house.edge.happen(AreaUncertain("lobby", "rex"), at_s=10)
    [lobby] = [area for area in house.get("occupancy")["items"] if area["area"] == "lobby"]
    assert (lobby["lowest"], lobby["highest"], lobby["certain"]) == (0, 2, False)
    assert [person["sure"] for person in lobby["people"]] == [False, False]


@ON_SQLITE
def test_who_was_found_by_an_edges_own_count_is_there_though_they_passed_elsewhere_before(house: House) -> None:
    house.edge.happen(taken("lobby-in"), at_s=1)
    house.other.happen(taken("hall-in"), at_s=2)
    house.other.happen(taken("hall-out", to_area="outside", presence="gone"), at_s=3)
    house.edge.happen(
        OccupancyReconciled("lobby", (), (Found(LI, LI, "M1", "lobby", 1, "customer"),), (), "opr_9", "counted"), at_s=4
    )
    assert inside(house) == [("lobby", "M1")]


@ON_SQLITE
def test_the_muster_of_a_fire_names_nobody_whom_another_edge_had_let_out(house: House) -> None:
    came_back(house)
    house.edge.happen(taken("lobby-out"), at_s=10)
    house.other.happen(FireLatched("z1"), at_s=20)
    house.edge.happen(taken("lobby-out", WANG), at_s=30)
    [muster] = house.get("occupancy")["muster"]
    assert [person["number"] for person in muster["people"]] == ["M2"], "who got out since is ticked off by hand"


@ON_SQLITE
def test_a_ghost_of_another_edge_is_no_second_place(house: House) -> None:
    house.edge.happen(taken("lobby-in"), at_s=1)
    house.other.happen(taken("hall-in"), at_s=2)
    house.other.happen(taken("hall-out"), at_s=3)
    house.edge.happen(taken("lobby-out"), at_s=4)
    house.edge.happen(taken("annex-in"), at_s=5)
    assert inside(house) == [("annex", "M1")]
    assert settle(house) == []


@ON_SQLITE
def test_many_records_of_one_holder_at_two_edges_in_one_transaction_are_put_in_time(house: House) -> None:
    for number, point in enumerate(WALK):
        of(house, point).note(taken(point), at_s=number + 1)
    with Ledger(house.context.database, "test", house.context.site).writing(AT_US) as writer:
        for edge in (house.other, house.edge):
            writer.take(edge.id, edge.wire.batch(1, 4))
    assert walked(house) == WALKED
