"""The register as a book: a line for each stay, in the room where it was, until they left (R3)."""

import csv
import io
from typing import Any

from server.rooms.register_book import INSIDE, NOT_KNOWN, Line, book_lines
from server.rooms.register_query import Place, Sought, page_query
from tests.server.conftest import ON_SQLITE
from tests.server.rooms.conftest import LI, WANG, House, taken


def lines(house: House, **sought: Any) -> list[tuple[str, str | None, str]]:
    """Room, when they came, when they left, of each line."""
    return [(line.room, _clock(line.came), _clock(line.left) or "") for line in whole(house, **sought)]


def whole(house: House, **sought: Any) -> list[Line]:
    return book_lines(house.context, Sought(**({"book": True} | sought)), 100, {})


def _clock(at: Any) -> str | None:
    return at if at is None or isinstance(at, str) else f"{at:%H:%M:%S}"


def through_the_hall(house: House) -> None:
    """Into the lobby, into the hall, back, and out of the lobby."""
    for at_s, point in enumerate(("lobby-in", "hall-in", "hall-out", "lobby-out"), 1):
        house.edge.happen(taken(point), at_s=at_s * 10)


def test_who_came_back_out_of_the_hall_has_a_line_until_they_left_the_lobby(house: House) -> None:
    through_the_hall(house)
    assert lines(house) == [
        ("lobby", "16:00:10", "16:00:20"),
        ("hall", "16:00:20", "16:00:30"),
        ("lobby", "16:00:30", "16:00:40"),
    ]
    assert [line.number for line in whole(house)] == [1, 2, 3]
    assert lines(house, area="lobby") == [("lobby", "16:00:10", "16:00:20"), ("lobby", "16:00:30", "16:00:40")]
    assert lines(house, area="hall") == [("hall", "16:00:20", "16:00:30")]
    assert lines(house, area="lobby", holder=LI) == lines(house, area="lobby")
    assert lines(house, area="lobby", holder=WANG) == []


def test_who_left_the_hall_is_still_inside_the_lobby_and_not_the_hall(house: House) -> None:
    for at_s, point in enumerate(("lobby-in", "hall-in", "hall-out"), 1):
        house.edge.happen(taken(point), at_s=at_s)
    assert lines(house, area="hall", open=True) == []
    assert lines(house, area="lobby", open=True) == [("lobby", "16:00:03", INSIDE)]
    assert house.register(area="hall", open=True) == []
    [entry] = house.register(area="lobby", open=True)
    assert entry["area"] == "hall", "by the entry that says that they came out of it"


def test_a_door_straight_into_the_cage_begins_a_line_in_the_hall_as_well(house: House) -> None:
    house.edge.happen(taken("cage-in", from_area="lobby"), at_s=10)
    house.edge.happen(taken("cage-out"), at_s=20)
    house.edge.happen(taken("hall-out"), at_s=30)
    assert sorted(lines(house)[:2]) == [("cage-a", "16:00:10", "16:00:20"), ("hall", "16:00:10", "16:00:30")]
    assert lines(house, area="hall") == [("hall", "16:00:10", "16:00:30")]
    table = csv.DictReader(io.StringIO(house.client().get("/api/v1/register/export.csv", params={"book": True}).text))
    assert sorted((line["area"], line["out_at"][11:19]) for line in list(table)[:2]) == [
        ("cage-a", "08:00:20"),
        ("hall", "08:00:30"),
    ]


@ON_SQLITE
def test_what_no_stay_tells_of_keeps_its_line_in_its_room(house: House) -> None:
    house.edge.happen(taken("rack-in", presence="unchanged"), at_s=1)
    house.edge.happen(taken("hall-out", to_area="outside", presence="gone"), at_s=2)
    assert lines(house) == [("cage-a", "16:00:01", ""), ("hall", None, "16:00:02")]
    assert lines(house, area="cage-a") == [("cage-a", "16:00:01", "")]
    assert lines(house, area="hall", number="M1") == [("hall", None, "16:00:02")]


@ON_SQLITE
def test_a_record_that_came_late_says_that_nobody_knows_when_they_left(house: House) -> None:
    house.edge.happen(taken("hall-in"), folds=False)
    assert lines(house) == [("hall", "16:00:00", NOT_KNOWN)]


def test_pages_of_a_rooms_book_follow_each_other_in_both_directions(house: House) -> None:
    for round_ in range(3):
        for at_s, point in enumerate(("lobby-in", "hall-in", "hall-out", "lobby-out")):
            house.edge.happen(taken(point), at_s=round_ * 2 + at_s // 2)
        house.edge.happen(taken("lobby-out"), at_s=round_ * 2 + 1)  # an exit alone
    for area in ("lobby", "hall"):
        everything = [row.id for row in rows(house, None, 100, area)]
        assert len(everything) == (9 if area == "lobby" else 3)
        for newest_first in (False, True):
            met: list[int] = []
            place = None
            while page := rows(house, place, 2, area, newest_first):
                met += [row.id for row in page]
                place = Place(page[-1].at_us, page[-1].id)
            assert met == (everything[::-1] if newest_first else everything)


@ON_SQLITE
def test_a_page_of_a_rooms_book_reads_no_more_than_the_page(house: House) -> None:
    for newest_first in (False, True):
        sought = Sought(area="lobby", book=True, from_us=1)
        query = page_query(sought, Place(5, 1), 10, newest_first=newest_first)
        with house.context.database.read() as session:
            text = query.compile(session.connection(), compile_kwargs={"literal_binds": True})
            plan = [row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
        told = "\n".join(plan)
        assert "INDEX ix_register_stay_area (area=? AND in_us" in told, told
        assert "INDEX ix_register_entry_stayless (area=? AND at_us" in told, told
        assert "SCAN register_" not in told, told
        of_page = told.split("MATERIALIZE")[1].split("SCAN")[0]
        assert "TEMP B-TREE" not in of_page, f"only the page is put in order: {told}"


@ON_SQLITE
def test_where_few_stays_are_looked_at_it_is_not_all_of_the_room(house: House) -> None:
    for sought in (Sought(area="lobby", book=True, customer=1), Sought(area="lobby", open=True)):
        with house.context.database.read() as session:
            text = page_query(sought, None, 10).compile(session.connection(), compile_kwargs={"literal_binds": True})
            plan = [row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
        assert not any("ix_register_stay_area" in step or step == "SCAN register_stay" for step in plan), plan
        assert "SCAN register_entry" not in "".join(plan), plan


def rows(house: House, after: Place | None, limit: int, area: str, newest_first: bool = False) -> Any:
    with house.context.database.read() as session:
        query = page_query(Sought(area=area, book=True), after, limit, newest_first=newest_first)
        return session.connection().execute(query).all()
