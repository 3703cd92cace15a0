"""Reports: what is counted, in whose hours, narrowed by what, for whom; the same as files (R2-R5)."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook
from sqlalchemy import text

from controller.event_base import AlarmName, Explanation
from controller.events import AccessDenied, AlarmCleared, AlarmRaised
from controller.reasons import Reason
from server.db.clock import to_us
from server.ledger.writer import Ledger
from server.permits.models import Permit, PermitPerson, Visit
from server.problems import Problem
from server.registry.models import Customer
from server.reports import counting
from server.reports.counting import DOOR_ALARMS, FILTERS, REPORTS
from server.reports.period import period_of
from server.reports.words import FIGURES, REASONS, TITLES
from tests.server.conftest import ON_SQLITE, START
from tests.server.rooms.conftest import WANG, House, taken

HOUR = 3600
SHANGHAI = "Asia/Shanghai"


@pytest.fixture
def house(app: FastAPI) -> Iterator[House]:
    made = House(app)
    yield made
    for client in made.clients.values():
        client.close()


def denied(reason: str, point: str = "hall-in", customer: int | None = 1) -> AccessDenied:
    because = Explanation(reason, "R1", {"number": "M1", "area": "hall"})
    return AccessDenied(point, point.replace("-in", "-door"), because, 1, 1, "M1", customer=customer)


def counts(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    """Hour or day → code → how many, where anything happened."""
    return {
        one["at"]: {code: count for code, count in zip(report["codes"], one["counts"], strict=True) if count}
        for one in report["buckets"]
        if any(one["counts"])
    }


def totals(report: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {one["code"]: one["figures"] for one in report["totals"]}


def test_entries_are_counted_by_hour_and_room_of_the_site_s_day(house: House) -> None:
    house.edge.happen(taken("hall-in"), at_s=10)
    house.edge.happen(taken("hall-in", WANG), taken("cage-in", WANG), at_s=HOUR)
    house.edge.happen(taken("hall-out"), at_s=HOUR + 5)
    house.edge.happen(taken("hall-in"), at_s=-17 * HOUR)
    report = house.get("reports/entries")
    assert (report["from"], report["until"], report["step"]) == ("2026-03-01T16:00:00Z", "2026-03-02T16:00:00Z", "hour")
    assert len(report["buckets"]) == 24
    assert counts(report) == {"2026-03-02T08:00:00Z": {"hall": 1}, "2026-03-02T09:00:00Z": {"hall": 1, "cage-a": 1}}
    assert totals(report) == {"hall": {"entries": 2}, "cage-a": {"entries": 1}}
    earlier = house.get("reports/entries", **{"from": "2026-03-01", "step": "day"})
    assert counts(earlier) == {"2026-02-28T16:00:00Z": {"hall": 1}, "2026-03-01T16:00:00Z": {"hall": 2, "cage-a": 1}}
    assert totals(house.get("reports/entries", area="cage-a")) == {"cage-a": {"entries": 1}}


def test_refusals_are_counted_by_reason_and_narrowed_to_a_room_s_doors(house: House) -> None:
    house.edge.happen(*(denied("NO_PERMISSION") for _ in range(3)), denied("ANTI_PASSBACK", customer=None), at_s=1)
    house.edge.happen(denied("BADGE_LOST", "lobby-in"), at_s=2)
    report = house.get("reports/denials")
    assert report["codes"] == ["NO_PERMISSION", "ANTI_PASSBACK", "BADGE_LOST"]
    assert totals(house.get("reports/denials", area="lobby")) == {"BADGE_LOST": {"denials": 1}}
    assert "ANTI_PASSBACK" not in totals(house.get("reports/denials", customer="C001"))


@ON_SQLITE
def test_more_kinds_than_have_a_line_are_one_and_stay_apart_in_the_table(house: House) -> None:
    reasons = sorted(REASONS)[:9]
    house.edge.happen(*(denied(reason) for number, reason in enumerate(reasons) for _ in range(number + 1)), at_s=1)
    report = house.get("reports/denials")
    assert report["codes"] == [*reversed(reasons[3:]), "other"]
    assert sum(report["buckets"][16]["counts"]) == sum(range(10))
    assert report["buckets"][16]["counts"][-1] == 1 + 2 + 3
    assert len(report["totals"]) == 9


def test_doors_say_how_often_and_how_long(house: House) -> None:
    held: AlarmName = "DoorHeldOpen"
    forced: AlarmName = "DoorForcedOpen"
    house.edge.happen(AlarmRaised(held, "hall-door", "R1", {}), at_s=0)
    house.edge.happen(AlarmCleared(held, "hall-door"), at_s=90)
    house.edge.happen(AlarmRaised(held, "hall-door", "R1", {}), at_s=HOUR)
    house.edge.happen(AlarmCleared(held, "hall-door"), at_s=HOUR + 30)
    house.edge.happen(AlarmRaised(forced, "lobby-door", "R1", {}), at_s=-60)
    report = house.get("reports/doors")
    assert totals(report) == {
        "hall-door": {held: 2, forced: 0, "total_s": 120, "longest_s": 90},
        "lobby-door": {held: 0, forced: 1, "total_s": 60, "longest_s": 60},
    }
    assert set(totals(house.get("reports/doors", area="lobby"))) == {"hall-door", "lobby-door"}
    assert set(totals(house.get("reports/doors", area="cage-a"))) == set()


def test_who_was_alone_is_told_by_room(house: House) -> None:
    house.edge.happen(
        AlarmRaised("LONE_OCCUPANT", "hall", "R2", {}), AlarmRaised("ESCORT_LEFT", "hall", "R4", {}), at_s=-10
    )
    report = house.get("reports/alone")
    assert totals(report)["hall"] | {"total_s": 0, "longest_s": 0} == {
        "LONE_OCCUPANT": 1,
        "ESCORT_LEFT": 1,
        "total_s": 0,
        "longest_s": 0,
    }


def test_an_edge_s_silence_counts_with_its_time_in_the_period_and_every_edge_is_listed(house: House) -> None:
    ledger = Ledger(house.context.database, "test", house.context.site)
    midnight = to_us(START) - 16 * HOUR * 1_000_000
    with ledger.writing(midnight - HOUR * 1_000_000) as writer:
        writer.raise_alarm(house.edge.id, "LINK_LOST", "edge-1", "L2", {})
    with ledger.writing(midnight + HOUR * 1_000_000) as writer:
        writer.clear_alarm(house.edge.id, "LINK_LOST", "edge-1")
    report = house.get("reports/edges")
    assert totals(report)["edge-1"]["total_s"] == HOUR, "what lay before midnight is yesterday's"
    assert totals(report)["edge-1"]["silent_percent"] == 6
    assert totals(report)["edge-2"] == {"LINK_LOST": 0, "total_s": 0, "longest_s": 0, "silent_percent": 0}
    assert counts(report) == {"2026-03-01T16:00:00Z": {"LINK_LOST": 1}}


def received(house: House, customer: int | None, at: datetime) -> None:
    """A visit that was checked in then."""
    with house.context.database.write() as session:
        number = 1 + int(session.connection().scalar(text("SELECT count(*) FROM permit")) or 0)
        permit = Permit(
            id=number, public_id=f"prm_{number}", kind="temporary", customer_id=customer, areas=["hall"], reason="fan", created_by="opr_1",
            created_at=at, submitted_at=at, from_at=at - timedelta(days=1), until_at=at + timedelta(days=1),
        )  # fmt: skip
        session.add(permit)
        session.flush()
        session.add(PermitPerson(id=number, permit_id=number, holder_id=1, public_id=f"per_{number}"))
        session.flush()
        session.add(
            Visit(
                public_id=f"vis_{number}", permit_id=number, person_id=number, holder_id=1, status="closed", created_at=at,
                checked_in_at=at, checked_out_at=at,
            )
        )  # fmt: skip


def test_visits_are_told_by_customer_and_other_departments_stay_nameless(house: House) -> None:
    with house.context.database.write() as session:
        other = Customer(
            public_id="cus_2", code="C002", kind="organisation", name="别人", department="sales", created_at=START
        )
        session.add(other)
        session.flush()
        other_id = other.id
    received(house, 1, START)
    received(house, None, START)
    received(house, other_id, START - timedelta(days=2))
    house.edge.happen(taken("hall-in"), taken("hall-in", WANG, customer=other_id), at_s=1)
    report = house.get("reports/customers")
    assert totals(report) == {
        "C001": {"visits": 1, "entries": 1},
        "": {"visits": 1, "entries": 0},
        "other": {"visits": 0, "entries": 1},
    }
    assert counts(report) == {"2026-03-02T08:00:00Z": {"visits": 2}}
    assert [one["name"] for one in report["totals"] if one["code"] == "C001"] == ["华云数据"]
    assert totals(house.get("reports/customers", "administrator"))["C002"]["entries"] == 1
    assert house.client().get("/api/v1/reports/customers", params={"customer": "C002"}).status_code == 404


@ON_SQLITE
def test_what_cannot_be_counted_is_told_with_its_field(house: House) -> None:
    for name, query, field in (
        ("entries", {"from": "2026-03-09", "until": "2026-03-01"}, "until"),
        ("entries", {"from": "2024-01-01"}, "from"),
        ("entries", {"from": "2026-01-01", "step": "hour"}, "step"),
        ("entries", {"from": "soon"}, "from"),
        ("entries", {"area": "attic"}, "area"),
        ("edges", {"area": "hall"}, "area"),
        ("doors", {"customer": "C001"}, "customer"),
    ):
        answer = house.client().get(f"/api/v1/reports/{name}", params=query)
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert house.client().get("/api/v1/reports/weather").status_code in (404, 422)
    assert house.client("kiosk").get("/api/v1/reports/entries").status_code == 403


@ON_SQLITE
def test_a_report_is_saved_as_a_workbook_and_a_table(house: House) -> None:
    house.edge.happen(denied("NO_PERMISSION"), at_s=1)
    book = CalamineWorkbook.from_filelike(io.BytesIO(house.client().get("/api/v1/reports/denials/export.xlsx").content))
    assert book.sheet_names == ["拒绝原因 汇总", "拒绝原因 每小时"]
    rows = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    assert rows[-1][:3] == ["NO_PERMISSION", "没有该区域权限 no permission for the room", 1]
    assert any("test-guard" in str(row[0]) for row in rows)
    answer = house.client().get("/api/v1/reports/denials/export.csv")
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert lines[17] == ["2026-03-02 16:00", "1"]
    assert len(lines) == 25
    for name in REPORTS:
        assert house.client().get(f"/api/v1/reports/{name}/export.xlsx").content.startswith(b"PK")


def test_every_report_and_every_reason_has_its_words() -> None:
    assert set(TITLES) == set(REPORTS) == set(FILTERS)
    told = {
        reason.name for reason in Reason if reason.value.since == "edge" and reason.value.kind in ("denied", "pending")
    }
    assert told <= set(REASONS)
    assert {*DOOR_ALARMS, "LONE_OCCUPANT", "ESCORT_LEFT", "LINK_LOST"} <= set(FIGURES)


ZONES = ("Asia/Shanghai", "Asia/Kolkata", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(ZONES),
    st.integers(0, 700 * 24).map(lambda hours: START + timedelta(hours=hours)),
    st.integers(0, 40),
    st.sampled_from(["hour", "day"]),
    st.lists(st.floats(0, 0.999999), max_size=6),
)
def test_whatever_happens_in_a_period_lies_in_one_of_its_hours_or_days(
    zone: str, now: datetime, days: int, step: Any, moments: list[float]
) -> None:
    begin = (now - timedelta(days=min(days, 30 if step == "hour" else 40))).date().isoformat()
    try:
        period = period_of(begin, now.date().isoformat(), step, now, zone)
    except Problem as problem:
        pytest.fail(problem.detail)
    buckets = [to_us(at) for at in period.buckets()]
    assert len(set(buckets)) == len(buckets)
    places = []
    for share in moments:
        at_us = period.from_us + int((period.until_us - period.from_us) * share)
        rows = counting._series(period, {(at_us // period.slot_us, "x"): 1}, ["x"])
        places.append(rows.index([1]))
        assert buckets[places[-1]] <= at_us
        assert at_us < [*buckets, period.until_us][places[-1] + 1]


def test_the_hour_that_comes_twice_is_two() -> None:
    period = period_of("2026-10-25", "2026-10-25", "hour", datetime(2026, 10, 25, 12, tzinfo=UTC), "Europe/Berlin")
    assert len({to_us(at) for at in period.buckets()}) == 25
    twice = to_us(datetime(2026, 10, 25, 0, 30, tzinfo=UTC)), to_us(datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    rows = [counting._series(period, {(at_us // period.slot_us, "x"): 1}, ["x"]) for at_us in twice]
    assert [row.index([1]) for row in rows] == [2, 3]
