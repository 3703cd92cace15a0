"""The register: every passage one entry, entry and exit one stay, nothing changed afterwards (R3)."""

import csv
import io
import itertools
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select

from controller.commands import Admit
from controller.events import CommandDone, ExitByRequest
from controller.room_events import AreaUncertain, Found, OccupancyReconciled
from server.badges.models import Application, Badge
from server.ledger.writer import Ledger
from server.operators.models import AuditEntry
from server.rooms import endpoints
from server.rooms.register_query import Place, Sought, page_query
from server.rooms.showing import passed_at
from tests.server.conftest import ON_SQLITE, START
from tests.server.rooms.conftest import LI, WANG, House, stays, taken


def test_entry_and_exit_are_entries_that_share_one_stay(house: House) -> None:
    house.edge.happen(taken("hall-in", partners=(WANG,), grant=7), taken("hall-in", WANG, partners=(LI,)), at_s=10)
    house.edge.happen(taken("hall-out"), at_s=70)
    first, second, out = house.register()
    assert (first["direction"], first["area"], first["door"], first["access_point"]) == (
        "in",
        "hall",
        "hall-door",
        "hall-in",
    )
    assert (first["number"], first["name"], first["customer_code"], first["kind"]) == ("M1", "李*", "C001", "customer")
    assert first["partners"] == [{"holder": WANG, "name": "王*", "number": "M2"}]
    assert (first["permission"]["code"], first["permission"]["grant"]) == ("contract", 7)
    assert stays(first) == [("hall", "08:00:10", "08:01:10", "exit")]
    assert stays(second) == [("hall", "08:00:10", None, None)]
    assert (out["direction"], out["area"], out["to_area"]) == ("out", "hall", "lobby")
    assert stays(out) == [("hall", "08:00:10", "08:01:10", "exit"), ("lobby", "08:01:10", None, None)]
    assert first["stays"][0]["exit"] == out["id"]
    assert first["record"]["hash"] == house.edge.wire.head(1).hex()


@ON_SQLITE
def test_a_cage_lies_in_the_hall_whose_stay_goes_on(house: House) -> None:
    house.edge.happen(taken("hall-in"), at_s=10)
    house.edge.happen(taken("cage-in"), at_s=20)
    house.edge.happen(taken("cage-out"), at_s=30)
    house.edge.happen(taken("hall-out"), at_s=40)
    into_hall, into_cage, out_of_cage, _ = house.register()
    assert stays(into_hall) == [("hall", "08:00:10", "08:00:40", "exit")]
    assert stays(into_cage) == [("cage-a", "08:00:20", "08:00:30", "exit")]
    assert (out_of_cage["direction"], out_of_cage["area"]) == ("out", "cage-a")
    assert [one["direction"] for one in house.register(area="cage-a")] == ["in", "out"]


@ON_SQLITE
def test_a_cabinet_that_is_opened_is_an_entry_without_a_stay(house: House) -> None:
    house.edge.happen(taken("rack-in", presence="unchanged"))
    [entry] = house.register()
    assert (entry["direction"], entry["area"], entry["stays"]) == ("opened", "cage-a", [])


def test_who_left_by_the_button_is_an_exit_of_nobody_and_the_stay_ends_unseen_when_they_come_again(
    house: House,
) -> None:
    house.edge.happen(taken("hall-in"), at_s=10)
    house.edge.happen(ExitByRequest("hall-door", "hall"), AreaUncertain("hall", "rex"), at_s=20)
    assert [one["id"] for one in house.register(open=True)] == [1]
    house.edge.happen(taken("hall-in"), at_s=30)
    first, button, again = house.register()
    assert stays(first) == [("hall", "08:00:10", None, "unseen")]
    assert (button["direction"], button["holder"], button["name"], button["permission"]) == ("out", None, None, None)
    assert stays(again) == [("hall", "08:00:30", None, None)]
    assert [one["id"] for one in house.register(open=True)] == [again["id"]]


def test_a_count_ends_the_stay_of_who_was_missed_and_begins_one_for_who_was_found(house: House) -> None:
    house.edge.happen(taken("hall-in"), at_s=10)
    house.edge.happen(taken("cage-in"), at_s=15)
    found = Found(WANG, WANG, "M2", "hall", 1, "customer")
    count = OccupancyReconciled("hall", ("cage-a",), (found,), (LI,), "opr_9", "counted on site")
    house.edge.happen(count, at_s=20)
    first, second, came, went = house.register()
    assert stays(first) == [("hall", "08:00:10", "08:00:20", "count")]
    assert stays(second) == [("cage-a", "08:00:15", "08:00:20", "count")]
    assert (came["direction"], came["number"], came["purpose"], came["operator"]) == (
        "found",
        "M2",
        "counted on site",
        "opr_9",
    )
    assert stays(came) == [("hall", "08:00:20", None, None)]
    assert (went["direction"], went["number"], went["customer_code"]) == ("missed", "M1", "C001")
    house.edge.happen(count, at_s=30)
    assert len(house.register()) == 5, "who is found where they were listed makes no entry"
    house.edge.happen(taken("cage-in", WANG), at_s=40)
    house.edge.happen(OccupancyReconciled("hall", ("cage-a",), (found,), (), "opr_9", "again"), at_s=50)
    [stay] = house.register(area="cage-a")[-1]["stays"]
    assert (stay["ended_by"], stay["exit"]) == ("count", None), "moved by a count that made no entry"


def test_an_admitted_person_carries_the_reason_and_who_admitted_them(house: House) -> None:
    admit = Admit("hall-in", "P-7", "repair of the cooling", emergency=True, customer=1)
    house.edge.happen(CommandDone("cmd_1", admit, "opr_9", "done"))
    house.edge.happen(CommandDone("cmd_2", Admit("hall-in", "P-8", "no"), "opr_9", "refused"))
    person = {"badge": 0, "number": "P-7", "kind": "temporary", "escort": LI, "emergency": True}
    house.edge.happen(taken("hall-in", LI), taken("hall-in", -1, **person), at_s=5)
    _, entry = house.register()
    assert (entry["purpose"], entry["operator"], entry["emergency"]) == ("repair of the cooling", "opr_9", True)
    assert (entry["permission"]["code"], entry["escort"]["number"]) == ("emergency", "M1")
    house.edge.happen(taken("hall-out", -1, **person), at_s=9)
    assert stays(house.register(badge="P-7")[0]) == [("hall", "08:00:05", "08:00:09", "exit")]


@ON_SQLITE
def test_the_purpose_of_a_badge_is_its_applications(house: House) -> None:
    with house.context.database.write() as session:
        session.add(
            Badge(
                id=1, kind="customer", status="approved", holder_id=LI, holder_kind="customer", customer_id=1,
                customer_kind="organisation", slot=1, from_at=START, created_at=START,
            )
        )  # fmt: skip
        session.flush()
        session.add(
            Application(
                public_id="app_1", holder_id=LI, status="approved", purpose="monthly maintenance", decided_at=START,
                badge_id=1, created_by="opr_1", created_at=START,
            )
        )  # fmt: skip
    house.edge.happen(taken("hall-in"))
    assert house.register()[0]["purpose"] == "monthly maintenance"


@ON_SQLITE
def test_pages_follow_the_time_in_both_directions_and_meet_every_entry_once(house: House) -> None:
    for number in range(7):
        house.edge.happen(taken("hall-in" if number % 2 == 0 else "hall-out"), at_s=number // 2)
    everything = [one["id"] for one in house.register()]
    assert everything == list(range(1, 8))
    for newest_first in (False, True):
        met: list[int] = []
        after: dict[str, Any] = {}
        for _ in range(4):
            page = house.get("register", limit=2, newest_first=newest_first, **after)
            met += [one["id"] for one in page["items"]]
            if page["next"] is None:
                break
            after = {"after": page["next"]}
        assert met == (everything[::-1] if newest_first else everything)


def test_entries_are_sought_by_area_customer_holder_badge_and_time(house: House) -> None:
    house.edge.happen(taken("hall-in"), at_s=10)
    house.other.happen(taken("annex-in", WANG, customer=None), at_s=20)
    sought: list[tuple[dict[str, str], list[int]]] = [
        ({"area": "annex"}, [2]),
        ({"customer": "C001"}, [1]),
        ({"holder": "hld_王伟"}, [2]),
        ({"badge": "M1"}, [1]),
        ({"from": "2026-03-02T08:00:20Z"}, [2]),
        ({"until": "2026-03-02T08:00:20Z"}, [1]),
        ({"from": "2026-03-03"}, []),
        ({"until": "2026-03-02"}, [1, 2]),
    ]
    for query, expected in sought:
        assert [one["id"] for one in house.register(**query)] == expected, query


@ON_SQLITE
@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"area": "attic"}, 422, "unknown_area"),
        ({"customer": "C999"}, 404, "not_found"),
        ({"holder": "nobody"}, 404, "not_found"),
        ({"from": "yesterday"}, 422, "invalid_input"),
        ({"after": "newest"}, 422, "invalid_input"),
        ({"limit": 0}, 422, "invalid_input"),
    ],
)
def test_what_cannot_be_sought_is_told_in_both_languages(
    house: House, query: dict[str, Any], status: int, code: str
) -> None:
    answer = house.client().get("/api/v1/register", params=query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["detail"]
    assert answer.json()["detail_zh"]


@ON_SQLITE
def test_every_filter_runs_on_an_index_that_ends_with_the_time(house: House) -> None:
    shapes = [
        Sought(area="hall"),
        Sought(customer=1),
        Sought(holder=1),
        Sought(number="M1"),
        Sought(),
        Sought(customer=1, from_us=5),
    ]
    with house.context.database.read() as session:
        for sought in shapes:
            query = page_query(sought, Place(1, 1), 10).compile(
                session.connection(), compile_kwargs={"literal_binds": True}
            )
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
            told = " ".join(str(row) for row in plan)
            assert "register_entry USING INDEX ix_register_entry" in told, (sought, told)
            assert "TEMP B-TREE" not in told, (sought, told)


@ON_SQLITE
@pytest.mark.parametrize("times", [[1], list(range(500))])
def test_who_passed_together_is_looked_up_by_the_time_and_not_in_the_whole_register(
    house: House, times: list[int]
) -> None:
    with house.context.database.read() as session:
        query = passed_at(times).compile(session.connection(), compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")]
    assert plan == ["SEARCH register_entry USING INDEX ix_register_entry_at (at_us=?)"]


@ON_SQLITE
def test_a_main_room_entry_is_incomplete_until_its_operation_is_noted(house: House) -> None:
    house.edge.happen(taken("lobby-in"), at_s=1)
    house.edge.happen(taken("hall-in"), at_s=2)
    assert [one["incomplete"] for one in house.register()] == [False, True]
    [entry] = house.register(incomplete=True)
    note = {"text": "replaced a disk", "kind": "operation"}
    assert house.client().post(f"/api/v1/register/{entry['id']}/notes", json=note).status_code == 201
    assert house.register(incomplete=True) == []
    assert house.register()[1]["operation"] == "replaced a disk"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE register_entry SET holder = 2",
        "DELETE FROM register_entry",
        "UPDATE register_note SET text = 'other'",
        "DELETE FROM register_note",
    ],
)
def test_the_database_itself_refuses_to_change_the_register(house: House, statement: str) -> None:
    house.edge.happen(taken("hall-in"))
    assert house.client().post("/api/v1/register/1/notes", json={"text": "seen"}).status_code == 201
    with (
        pytest.raises(DBAPIError, match="the register is only added to"),
        house.context.database.write() as session,
    ):
        session.connection().execute(text(statement))


@ON_SQLITE
def test_the_export_holds_every_entry_and_no_formula(house: House) -> None:
    admit = Admit("hall-in", "P-7", "=HYPERLINK(1)")
    house.edge.happen(CommandDone("cmd_1", admit, "opr_9", "done"))
    house.edge.happen(taken("hall-in"), taken("hall-in", -1, badge=0, number="P-7"), at_s=1)
    house.edge.happen(taken("hall-out"), at_s=2)
    answer = house.client().get("/api/v1/register/export.csv", params={"area": "hall"})
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [line["direction"] for line in lines] == ["in", "in", "out"]
    assert (lines[0]["name"], lines[0]["out_at"], lines[0]["ended_by"]) == ("李*", "2026-03-02T08:00:02Z", "exit")
    assert lines[1]["purpose"] == "'=HYPERLINK(1)"
    with house.context.database.read() as session:
        acts = [entry.act for entry in session.exec(select(AuditEntry)).all()]
    assert "register.export" in acts


@ON_SQLITE
def test_who_may_read_the_register_and_who_may_add(house: House) -> None:
    house.edge.happen(taken("hall-in"))
    roles = ("guard", "customer_service", "supervisor", "auditor", "administrator")
    may_add = {
        role: house.client(role).post("/api/v1/register/1/notes", json={"text": "seen"}).status_code for role in roles
    }
    assert may_add == {"guard": 201, "customer_service": 403, "supervisor": 201, "auditor": 403, "administrator": 201}
    assert {house.client(role).get("/api/v1/register/1").status_code for role in roles} == {200}


@ON_SQLITE
def test_one_batch_of_many_records_makes_the_same_register_as_many_batches(house: House) -> None:
    events = [taken("hall-in"), taken("cage-in"), taken("hall-in", WANG), taken("cage-out"), taken("hall-out")]
    for number, event in enumerate(events):
        house.edge.happen(event, at_s=number)
        house.other.wire.record(msgspec.structs.replace(event, holder=event.holder + 10))
    with Ledger(house.context.database, "test", house.context.site).writing(0) as writer:
        writer.take(house.other.id, house.other.wire.batch(1, len(events)))
    shapes = {
        edge: [
            (one["direction"], one["area"], [(stay["area"], stay["ended_by"]) for stay in one["stays"]])
            for one in group
        ]
        for edge, group in itertools.groupby(
            sorted(house.register(), key=lambda one: (one["edge"], one["id"])), key=lambda one: one["edge"]
        )
    }
    assert shapes["edge-1"] == shapes["edge-2"]
    assert len(shapes["edge-1"]) == len(events)


def test_whoever_went_from_the_cage_into_the_hall_is_still_inside_by_the_entry_that_began_both(house: House) -> None:
    house.edge.happen(taken("cage-in", from_area="lobby"), at_s=10)
    house.edge.happen(taken("cage-out"), at_s=20)
    assert [one["id"] for one in house.register(open=True)] == [1]
    house.edge.happen(taken("hall-out"), at_s=30)
    assert [one["id"] for one in house.register(open=True, area="cage-a")] == []


@ON_SQLITE
def test_people_without_a_badge_at_two_edges_are_not_taken_for_each_other(house: House) -> None:
    house.edge.happen(taken("hall-in", -1, badge=0, number="P-1", customer=None), at_s=10)
    house.other.happen(taken("annex-in", -1, badge=0, number="P-2", customer=None), at_s=11)
    house.edge.happen(taken("hall-in", partners=(-1,)), at_s=12)
    house.other.happen(taken("annex-in", WANG, partners=(-1,)), at_s=13)
    company = [entry["partners"] for entry in house.register() if entry["partners"]]
    assert [partner["number"] for [partner] in company] == ["P-1", "P-2"]


def test_an_export_that_would_be_cut_off_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for at_s in range(3):
        house.edge.happen(taken("hall-in"), at_s=at_s)
    monkeypatch.setattr(endpoints, "MAX_EXPORTED", 2)
    path = "/api/v1/register/export.csv"
    answer = house.client().get(path)
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_entries")
    until = (START + timedelta(seconds=2)).isoformat().replace("+00:00", "Z")
    lines = house.client().get(path, params={"until": until}).text.splitlines()
    assert len(lines) == 3, "the head and two entries"
