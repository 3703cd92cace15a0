"""The pages of who is inside, the register and the reports: what they say, to whom, in both languages (R2-R4, R3, C4)."""

import re
from typing import Any

import pytest

from controller.event_base import Explanation
from controller.events import AccessDenied, AlarmRaised, DoorOpened
from controller.room_events import AreaUncertain
from server.console.rendering import Renderer
from server.reports.counting import REPORTS
from tests.server.conftest import ON_SQLITE
from tests.server.console.test_record_pages import forms, shown, words
from tests.server.rooms.conftest import WANG, House, taken

pytestmark = ON_SQLITE
PATHS = ("/inside", "/register", "/register?incomplete=true", *(f"/reports?report={name}" for name in REPORTS))


@pytest.fixture
def house(app: Any) -> House:
    made = House(app)
    app.state.renderer = Renderer(made.context.site)
    return made


def panel(text: str, area: str) -> str:
    """What the page says of one room."""
    found = re.search(rf'data-area="{area}".*?</section>', text, re.S)
    assert found is not None
    return words(found[0])


def two_inside(house: House) -> None:
    house.edge.happen(taken("hall-in", partners=(WANG,)), taken("hall-in", WANG, partners=(1,)), at_s=10)


def test_who_may_not_read_or_see_names_is_not_offered_it(house: House) -> None:
    kiosk = house.client("kiosk")
    for path in ("/inside", "/register", "/reports"):
        shown(kiosk, path, expect=403)
    assert "data-names" in shown(house.client(), "/register")
    assert "data-names" not in shown(house.client("auditor"), "/register")


def test_an_empty_page_says_so_in_both_languages(house: House) -> None:
    client = house.client("administrator")
    for path in PATHS:
        english, chinese = shown(client, path), shown(client, path, "zh")
        assert 'class="empty' in english or "report=edges" in path, (
            f"{path}: every edge is listed, also one never silent"
        )
        assert not re.search(r"<(script|style)>| style=| onclick=", english), "the policy allows nothing inline"
        visible = re.sub(r"<svg.*?</svg>", "", chinese.split("<main", 1)[1].split("</main>", 1)[0], flags=re.S)
        assert not re.findall(r">[^<]*[A-Za-z]{3,} [a-z]{3,}[^<]*<", visible), f"{path}: an untranslated sentence"


def test_the_page_says_who_is_where_since_when_and_with_whom(house: House) -> None:
    two_inside(house)
    house.edge.happen(taken("cage-in", escort=WANG), at_s=20)
    text = shown(house.client(), "/inside")
    hall, cage = panel(text, "hall"), panel(text, "cage-a")
    assert "M2 王* C001" in hall
    assert "of them 1 in inner rooms" in hall
    assert "two-person rule" in hall
    assert "escort M2" in cage
    assert "03-02 16:00" in cage
    assert "李娜" not in text
    assert 'class="big-count" data-certain="true">2<' in text
    assert "/api/v1/occupancy/muster.pdf" in text


def test_who_came_back_through_a_door_of_another_edge_keeps_their_entry(house: House) -> None:
    two_inside(house)
    house.other.happen(taken("cage-in"), at_s=20)
    house.other.happen(taken("cage-out"), at_s=30)
    hall = shown(house.client(), "/inside").split('data-area="hall"')[1]
    assert hall.count('href="/register/1"') == hall.count('href="/register/2"') == 1


def test_the_page_says_how_many_at_least_why_and_whose_stay_is_over(house: House) -> None:
    two_inside(house)
    house.edge.happen(AreaUncertain("hall", "restart"), at_s=11)
    text = shown(house.client(), "/inside")
    assert "Not certain since" in panel(text, "hall")
    assert "not sure" in panel(text, "hall")
    assert 'data-act="count"' in text
    assert 'data-act="count"' not in shown(house.client("auditor"), "/inside")
    assert "边缘控制器" in panel(shown(house.client(), "/inside", "zh"), "hall") or "控制器" in panel(
        shown(house.client(), "/inside", "zh"), "hall"
    )
    house.edge.happen(AlarmRaised("OVERSTAY", "M1", "B8", {"number": "M1"}), at_s=12)
    assert shown(house.client(), "/inside").count("Stay is over") == 1


def test_while_an_edge_is_silent_no_page_shows_who_is_inside_as_certain(house: House) -> None:
    two_inside(house)
    house.edge.happen(DoorOpened("hall-door"), at_s=11)
    assert '<span class="big-count" data-certain="true">2<' in shown(house.client(), "/inside")
    house.edge.fall_silent()
    text = shown(house.client(), "/inside")
    assert text.count('<span class="big-count" data-certain="false">2 ?<') == 2, "of the site, of the hall"
    assert "Edge edge-1 is silent since 03-02 16:00:00" in words(text)
    assert "edge-1: old: as of 03-02 16:00" in panel(text, "hall")
    assert 'class="flag good"' not in text, "two persons are not known to be there"
    assert 'data-act="count"' not in text, "a count cannot be ordered at it"
    assert "certain" not in panel(text, "annex")
    assert "自 03-02 16:00:00 起失联" in words(shown(house.client(), "/inside", "zh"))
    live = shown(house.client(), "/live")
    hall = re.search(r'<li class="area stale"[^>]*data-area="hall".*?</li>', live, re.S)
    assert hall is not None
    assert "2 ?" in words(hall[0])
    assert "edge-1: old: as of 03-02 16:00" in words(hall[0])
    assert re.search(r'data-area="hall"[^>]*aria-label="hall: 2 persons, old"', live)


def test_the_register_shows_a_stay_on_one_line_and_finds_by_its_filters(house: House) -> None:
    two_inside(house)
    house.edge.happen(taken("hall-out"), at_s=100)
    guard = house.client()
    text = shown(guard, "/register?area=hall")
    assert text.count("data-entry=") == 2
    assert "2026-03-02 16:00:10 → 16:01:40" in words(text)
    assert text.count("still inside") == 2, "the filter's name, and Wang"
    assert shown(guard, "/register?area=hall&passages=true").count("data-entry=") == 3
    back = words(shown(guard, "/register?badge=M1&open=true").split("<tbody>")[1])
    assert "still inside" in back
    assert "lobby" in back, "who went back from the hall is inside there"
    assert shown(guard, "/register?area=hall&badge=M1&open=true").count("data-entry=") == 0
    assert shown(guard, "/register?area=lobby&open=true").count("data-entry=") == 1
    assert shown(guard, "/register?customer=C001&from=2026-03-02&until=2026-03-02").count("data-entry=") == 3
    assert shown(guard, "/register?from=2026-03-03").count("data-entry=") == 0
    assert "李娜" not in text
    assert "export.xlsx?area=hall&amp;book=true" in text


def test_pages_follow_each_other_and_a_full_house_is_listed_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.console.register.ON_A_PAGE", 2)
    for at_s in range(3):
        house.edge.happen(taken("hall-in", at_s + 1), at_s=at_s)
    first = shown(house.client(), "/register?area=hall")
    onward = re.search(r'href="(/register\?[^"]*after=[^"]*)"', first)
    assert onward is not None
    second = shown(house.client(), onward[1].replace("&amp;", "&"))
    entries = re.findall(r'data-entry="(\d+)"', first + second)
    assert entries == sorted(entries, key=int, reverse=True)
    assert len(entries) == 3
    assert "data-fresh" not in second
    count = 200
    house.edge.happen(*(taken("lobby-in", number) for number in range(1, count + 1)), at_s=1)
    assert shown(house.client(), "/inside").count("data-holder=") == count


def test_an_entry_takes_an_operation_and_notes_and_shows_that_their_signatures_hold(house: House) -> None:
    two_inside(house)
    entry = house.register(area="hall")[0]["id"]
    path, guard = f"/register/{entry}", house.client()
    assert forms(shown(guard, path)) == {f"/api/v1/register/{entry}/operation", f"/api/v1/register/{entry}/notes"}
    assert forms(shown(house.client("auditor"), path)) == set()
    assert guard.post(f"/api/v1/register/{entry}/operation", json={"text": "a <b>fan</b> replaced"}).status_code == 201
    text = shown(guard, path)
    assert "a &lt;b&gt;fan&lt;/b&gt; replaced" in text
    assert "signature holds" in text
    assert forms(text) == {f"/api/v1/register/{entry}/notes"}
    assert "test-guard" in text
    shown(guard, "/register/999999", expect=404)


def test_a_line_whose_end_nobody_knows_says_so(house: House) -> None:
    house.edge.happen(taken("hall-in"), folds=False)
    text = words(shown(house.client(), "/register").split("<tbody>")[1])
    assert "when they left is not known" in text
    assert "离开时间不详" in words(shown(house.client(), "/register", "zh").split("<tbody>")[1])


def test_the_worklist_holds_what_lacks_its_operation_and_a_mistyped_search_marks_its_field(house: House) -> None:
    two_inside(house)
    first, second = (one["id"] for one in house.register(area="hall"))
    text = shown(house.client(), "/register?incomplete=true")
    assert re.findall(r'data-api="/api/v1/register/(\d+)/operation"', text) == [str(first), str(second)]
    house.client().post(f"/api/v1/register/{first}/operation", json={"text": "fan"})
    assert f"register/{first}/operation" not in shown(house.client(), "/register?incomplete=true")
    assert "/operation" not in shown(house.client("auditor"), "/register?incomplete=true")
    for query, name in (("customer=nobody&badge=M1", "customer"), ("from=soon", "from"), ("area=attic", "area")):
        text = shown(house.client(), f"/register?{query}")
        assert 'role="alert" id="problem"' in text
        assert re.search(rf'name="{name}"[^>]* aria-invalid="true"', text), query


def test_a_report_shows_its_numbers_as_a_table_and_keeps_what_was_typed_wrong(house: House) -> None:
    two_inside(house)
    because = Explanation("NO_PERMISSION", "R1", {"number": "M1", "area": "hall"})
    house.edge.happen(AccessDenied("hall-in", "hall-door", because, 1, 1, "M1", customer=1), at_s=12)
    guard = house.client()
    text = shown(guard, "/reports?period=today")
    assert re.search(r"<td>hall</td><td class=\"n\">2</td>", text)
    assert '<tr data-at="2026-03-02T08:00:00Z"><td>2026-03-02 16:00</td>' in text
    assert "没有该区域权限" in shown(guard, "/reports?report=denials&period=today", "zh")
    assert "no permission for the room" in shown(guard, "/reports?report=denials&period=month")
    assert "C001 华云数据" in shown(guard, "/reports?report=customers&from=2026-03-02")
    text = shown(house.client(), "/reports?from=2026-03-09&until=2026-03-01&customer=nobody")
    assert 'role="alert" id="problem"' in text
    assert 'value="2026-03-09"' in text
