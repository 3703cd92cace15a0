"""Pages without scripts: signing in and out, preferences, errors, what the live page says at its loading."""

import re
from datetime import timedelta

import msgspec
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from controller.commands import CheckEquipment, UnlockDoor
from controller.event_base import Explanation
from controller.events import (
    AccessPending,
    AccessTaken,
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRaised,
    AnyEvent,
    CommandDone,
    DeviceStateChanged,
    DoorModeChanged,
    DoorOpened,
    DoorUnlocked,
    FireLatched,
    RangeLost,
)
from controller.goods_events import (
    EquipmentCheckEnded,
    EquipmentCheckStarted,
    EquipmentRefused,
    HolderConfirmed,
    ItemAccepted,
    ItemsFreed,
    ItemsMoved,
    ItemsReserved,
    ScannedItem,
)
from controller.room_events import (
    AreaCertain,
    AreaUncertain,
    DegradedChanged,
    DoorHeldWarning,
    DoorRattled,
    EscortChanged,
    EscortConfirmed,
    Found,
    InterlockBroken,
    LockdownChanged,
    MaintenanceChanged,
    OccupancyReconciled,
    PeopleCounted,
)
from server.console import view
from server.console.errors import local_path
from server.console.rendering import Audience, Renderer
from server.db.clock import FixedClock, to_us
from server.fleet.models import EdgeCommand
from server.operators.actor import SYSTEM
from server.operators.guard import COOKIE
from server.operators.permissions import Permission
from server.operators.service import create_token
from tests.server.browser import PASSWORD, administrator, browser, context_of_app, first_password, token_client
from tests.server.conftest import ON_SQLITE
from tests.server.console.conftest import EdgeRow, denied, granted, photo_of

HTML = {"Accept": "text/html"}


def page(client: TestClient, path: str = "/live", **headers: str) -> str:
    """A page's text."""
    answer = client.get(path, headers=HTML | headers)
    assert answer.status_code == 200, answer.text
    return answer.text


def english(client: TestClient) -> TestClient:
    """The client, speaking English."""
    client.headers["Accept-Language"] = "en"
    return client


def row(text: str, seq: int) -> str:
    """One row of the stream, without markup."""
    found = re.search(rf'<li class="event" data-seq="{seq}".*?</li>', text, re.S)
    assert found is not None, f"no row {seq}"
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", found[0])).strip()


def test_the_whole_way_in_with_a_one_time_password_and_out_again(app: FastAPI) -> None:
    client = browser(app)
    assert client.get("/", headers=HTML).url.path == "/sign-in"
    form = {"username": "admin", "password": first_password(app), "to": "/live"}
    answer = client.post("/sign-in", data=form, headers=HTML)
    assert (answer.status_code, answer.url.path) == (200, "/password"), "nothing else before a password of one's own"
    assert answer.url.params["to"] == "/live"
    change = {"current": form["password"], "new": PASSWORD, "again": PASSWORD, "to": "/live"}
    assert client.post("/password", data=change, headers=HTML).url.path == "/live"
    out = client.post("/sign-out", headers=HTML)
    assert (out.url.path, client.cookies.get(COOKIE)) == ("/sign-in", None)
    assert client.get("/live", headers=HTML).url.path == "/sign-in"


@ON_SQLITE
def test_who_was_signed_out_is_told_and_comes_back_where_they_were(app: FastAPI, clock: FixedClock) -> None:
    client = administrator(app)
    assert page(client)
    clock.advance(timedelta(hours=13))
    answer = client.get("/live", headers=HTML)
    assert answer.url.params["ended"] == "1"
    assert "登录已失效" in answer.text
    assert 'name="to" value="/live"' in answer.text
    again = client.post("/sign-in", data={"username": "admin", "password": PASSWORD, "to": "/live"}, headers=HTML)
    assert (again.status_code, again.url.path) == (200, "/live")


@ON_SQLITE
def test_a_wrong_password_keeps_the_name_and_says_so_in_the_language_of_the_page(app: FastAPI) -> None:
    client = english(browser(app))
    answer = client.post("/sign-in", data={"username": 'admin"><b>', "password": "wrong"}, headers=HTML)
    assert answer.status_code == 401
    assert "User name or password is wrong." in answer.text
    assert "<b>" not in answer.text
    assert "admin&#34;&gt;&lt;b&gt;" in answer.text


@ON_SQLITE
@pytest.mark.parametrize(
    ("new", "again", "said"),
    [
        ("a1b2c3d4e5f6", "other", "The two new passwords differ"),
        ("short", "short", "Choose another password"),
    ],
)
def test_a_bad_new_password_is_refused_with_its_reason(app: FastAPI, new: str, again: str, said: str) -> None:
    client = english(administrator(app))
    answer = client.post("/password", data={"current": PASSWORD, "new": new, "again": again}, headers=HTML)
    assert answer.status_code == 422
    assert said in answer.text


@ON_SQLITE
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/password"])
def test_another_sites_form_is_refused(app: FastAPI, path: str) -> None:
    client = administrator(app)
    answer = client.post(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")


@pytest.mark.parametrize(
    "given",
    ["//evil.example", "https://evil.example", "/\\evil", "/a\\b", "live", "", "/a\r\nb", "/" + "a" * 600, None],
)
def test_no_sign_in_leads_elsewhere(given: str | None) -> None:
    assert local_path(given) == "/live"


@ON_SQLITE
def test_language_and_theme_are_kept_in_cookies(app: FastAPI) -> None:
    client = browser(app)
    assert 'lang="zh-CN"' in page(client, "/sign-in")
    answer = client.post("/preferences", data={"language": "en", "theme": "dark", "to": "/sign-in"}, headers=HTML)
    assert 'lang="en"' in answer.text
    assert 'data-bs-theme="dark"' in answer.text
    client.post("/preferences", data={"language": "xx", "theme": "pink", "to": "/sign-in"}, headers=HTML)
    assert 'data-bs-theme="dark"' in page(client, "/sign-in")


@ON_SQLITE
def test_files_are_cached_for_ever_under_their_digest_only(app: FastAPI) -> None:
    client = browser(app)
    sheet = re.search(r'href="(/static/\w+/console.css)"', page(client, "/sign-in"))
    assert sheet is not None
    answer = client.get(sheet[1])
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert client.get(sheet[1], headers={"Accept-Encoding": "identity"}).text == answer.text
    for path in ("/static/0000/console.css", sheet[1] + "x", sheet[1].replace("console.css", "../words.py")):
        assert client.get(path).status_code == 404
    assert "no-store" in client.get("/sign-in").headers["cache-control"]


@ON_SQLITE
def test_pages_hold_no_script_or_style_of_their_own(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen(denied(), AlarmRaised("DoorForcedOpen", "hall-door", "R1"))
    client = administrator(app)
    for text in (page(client), page(client, "/password"), page(browser(app), "/sign-in")):
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)
        assert not re.search(r"(?:src|href)=\"(?![/#])", text), "nothing from elsewhere"


@ON_SQLITE
def test_a_page_that_is_not_there_is_a_page_and_a_program_gets_a_problem(app: FastAPI) -> None:
    client = english(administrator(app))
    answer = client.get("/nowhere", headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert client.get("/api/v1/nowhere", headers=HTML).json()["code"] == "not_found"
    assert client.get("/nowhere").json()["code"] == "not_found"


def test_the_live_page_shows_what_happened_and_why(app: FastAPI, edge: EdgeRow) -> None:
    taken = AccessTaken("hall-in", "hall-door", 1, 1, "M1001", "lobby", "hall", 1)
    edge.happen(granted(), taken, denied(reason="BADGE_EXPIRED", until_us=1), DoorOpened("hall-door"))
    text = page(english(administrator(app)))
    last = int(re.search(r'data-last="(\d+)"', text)[1])  # type: ignore[index]
    first = last - 3
    assert "16:00:00 Granted M1001 李* C001 华云数据 lobby → hall Access to hall is permitted." in row(text, first)
    assert "Passed M1001" in row(text, first + 1)
    refused = row(text, first + 2)
    assert "Denied" in refused
    assert "Badge M1001 has expired. Renew it at the desk. BADGE_EXPIRED · R1" in refused
    assert re.search(rf'data-seq="{last}" data-group="detail"', text)
    assert text.index(f'data-seq="{last}"') < text.index(f'data-seq="{first}"'), "newest first"


EVENTS: list[tuple[AnyEvent, str]] = [
    (AlarmRaised("DoorHeldOpen", "hall-door", "R1"), "Alarm Door held open hall-door Door held open: go there and close it."),
    (AlarmAcknowledged("DoorHeldOpen", "hall-door", "x", "looked"), "Acknowledged Door held open hall-door looked"),
    (DoorUnlocked("hall-door", "rex", None), "Unlocked hall-door by the exit button"),
    (DoorModeChanged("hall-door", "released"), "Door mode hall-door Released by fire"),
    (AreaUncertain("hall", "rex"), "Uncertain hall Who is inside is not certain. Someone left by the button"),
    (DeviceStateChanged("hall-in", "reader", False, "unplugged"), "Device hall-in does not work: unplugged"),
    (AreaCertain("hall"), "Certain again hall Everybody on the list has tapped since."),
    (OccupancyReconciled("hall", (), (Found(1, 1, "M1", "hall"),), (7,), "opr_1", "counted on site"),
     "Counted hall 1 inside. 1 on the list was not there. counted on site"),
    (PeopleCounted("hall", 3, 1, None), "Counter hall The counter sees 3; badges prove 1 to ?."),
    (EscortConfirmed("hall-out", "hall-door", 1, 1, "M1001", (7, 8)), "Tapped inside for 2 who wait outside; did not leave."),
    (EscortChanged((7,), None, 1), "Escort changed edge-1 1 has no escort now."),
    (LockdownChanged("", True, "input"), "Nobody enters; the ways out stay open. by the lockdown button"),
    (LockdownChanged("hall", False, "command", "opr_1", "searched"), "Lockdown hall Entry is as usual again. by an order: searched"),
    (MaintenanceChanged("hall-door", 1_772_442_000_000_000, "opr_1", "new lock"),
     "Maintenance hall-door Work at the door: its alarms are not told until 03-02 17:00:00. new lock"),
    (DoorHeldWarning("hall-door", 5), "Open for long hall-door The door has stood open for long"),
    (DoorRattled("hall-door", 40), "Contact rattles hall-door The contact changed 40 times"),
    (InterlockBroken("lock", "hall-door", "lobby-door"), "A way out was opened although lobby-door was not shut."),
    (DegradedChanged(("customer", "temporary")), "these may not enter: customer, temporary"),
    (RangeLost("j1", 4, 9), "Records lost edge-1 4 – 9"),
    (HolderConfirmed("hall-in", "hall-door", 1, 1, "M1001", "opr_1"),
     "Holder confirmed M1001 李* lobby → hall The guard compared photo and person: they match."),
    (EquipmentCheckStarted("hall-out", "hall-door", "slip", 1, 1, "S-20260302-0001", "out", 1, 3, 0, 0, console=True),
     "Check begun S-20260302-0001 C001 华云数据 hall → lobby Exit slip, going out: 3 devices to scan. By the guard's console."),
    (ItemAccepted("hall-out", "hall-door", "S-1", ScannedItem(1, "SN-1"), "R750", 2, 0), "SN-1 R750 2 left to scan."),
    (ItemAccepted("hall-out", "hall-door", "S-1", ScannedItem(1), "PDU", 0, 0), "PDU That was the last one."),
    (EquipmentRefused("hall-out", "hall-door", Explanation("ITEM_NOT_ON_SLIP", "E4", {"serial": "SN-9", "number": "S-1"}), "S-1", "SN-9"),
     "Refused S-1 SN-9 hall → lobby"),
    (EquipmentCheckEnded("hall-out", "hall-door", "S-1", "timed_out", 2),
     "Check ended S-1 hall → lobby Nothing was scanned for too long: nothing of it counts. 2 not scanned."),
    (ItemsReserved("hall-out", "hall-door", "slip", 1, 1, "S-1", "out", 1, (ScannedItem(1, "SN-1"),), 0, 1, 1), "Devices reserved S-1"),
    (ItemsMoved("hall-out", "hall-door", "slip", 1, 1, "S-1", "out", 1, (ScannedItem(1, "SN-1"), ScannedItem(2)), 0, 1, 1),
     "Devices moved S-1 李* C001 华云数据 hall → lobby going out: 2 devices SN-1"),
    (ItemsFreed("hall-out", "hall-door", "S-1", "restart"), "Devices stayed S-1 hall → lobby The edge restarted meanwhile"),
    (AlarmRaised("SLIP_REUSED", "S-20260302-0001", "E6"), "Alarm Exit slip shown again S-20260302-0001 A spent or cancelled slip was shown again"),
    (CommandDone("cmd_1", UnlockDoor("hall-door", "delivery"), "opr_1", "done"), "Command Unlock door hall-door done: delivery"),
]  # fmt: skip


@ON_SQLITE
def test_each_event_is_told_in_a_sentence(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen(*(event for event, _said in EVENTS))
    text = page(english(administrator(app)))
    first = int(re.search(r'data-last="(\d+)"', text)[1]) - len(EVENTS) + 1  # type: ignore[index]
    told = {said: row(text, seq) for seq, (_event, said) in enumerate(EVENTS, first)}
    assert {said: text for said, text in told.items() if said not in text} == {}
    assert len(told) == len(EVENTS)


@ON_SQLITE
def test_a_moment_beyond_the_calendar_takes_no_page_down(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen(denied(reason="BADGE_EXPIRED", until_us=2**62))
    client = administrator(app)
    assert "已过期" in page(client)
    assert "has expired" in page(english(client))


@ON_SQLITE
def test_every_event_of_the_wire_renders_even_with_nothing_in_it(app: FastAPI) -> None:
    renderer = Renderer(context_of_app(app).site)
    for event_type in AnyEvent.__args__:  # type: ignore[attr-defined]
        bare = view.EventView(
            seq=1, at=context_of_app(app).clock.now(), kind=event_type.__name__, group="system", tone="plain",
            edge="edge-1", door=None, access_point=None, number=None, holder=None, company=[], escort=None,
            customer=None, alarm=None, subject=None, because=None, detail=view.Fields(),
        )  # fmt: skip
        for language in ("en", "zh-CN"):
            assert 'data-seq="1"' in renderer.events(Audience(language, fleet=True), [bare])  # type: ignore[arg-type]


@ON_SQLITE
def test_what_an_edge_sends_is_shown_as_text(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen(denied("<img src=x>"), DeviceStateChanged("<b>", "reader", False, "<script>alert(1)</script>"))
    text = page(administrator(app))
    assert "<img" not in text
    assert "<script>alert" not in text


@ON_SQLITE
def test_doors_show_four_facts_and_say_when_they_are_old(app: FastAPI, edge: EdgeRow, clock: FixedClock) -> None:
    edge.happen(
        DoorUnlocked("hall-door", "command", None),
        DoorOpened("hall-door"),
        AlarmRaised("DoorForcedOpen", "hall-door", "R1"),
    )
    client = english(administrator(app))

    def facts(door: str) -> tuple[dict[str, str], str]:
        tile = re.search(rf'<li class="door[^>]*data-door="{door}".*?</li>', page(client), re.S)
        assert tile is not None
        return dict(re.findall(r'data-fact="(\w+)" data-value="(\w+)"', tile[0])), tile[0]

    found, tile = facts("hall-door")
    assert found == {"position": "open", "lock": "unlocked", "mode": "controlled", "alarm": "alarm"}
    assert "Door forced open" in tile
    assert "stale" not in tile
    found, tile = facts("lobby-door")
    assert found == {"position": "unknown", "lock": "unknown", "mode": "unknown", "alarm": "none"}
    assert "never reported" in tile
    clock.advance(timedelta(seconds=96))
    found, tile = facts("hall-door")
    assert "old: as of 16:00:00" in tile
    assert "disabled" in tile, "no command to a door whose edge is silent"


@ON_SQLITE
def test_many_lesser_alarms_hide_no_urgent_one_and_those_that_are_not_shown_are_counted(
    app: FastAPI, edge: EdgeRow
) -> None:
    edge.happen_at_once(
        AlarmRaised("DoorForcedOpen", "hall-door", "R1"),
        *(AlarmRaised("OVERSTAY", f"M{number}", "B3", {"number": f"M{number}"}) for number in range(1, 203)),
        AlarmRaised("REPEATED_DENIALS", "hall-in", "R1"),
    )
    text = page(english(administrator(app)))
    shown = re.findall(r'<li class="alarm" id="alarm-\d+" data-item="\d+" data-priority="(\d)"', text)
    assert len(shown) == 200
    assert shown == sorted(shown)
    assert shown[0] == "1", "the oldest of all, and the most urgent"
    assert 'data-more="4"' in text
    assert "and 4 more alarms" in text


@ON_SQLITE
def test_alarms_stand_with_instruction_and_who_has_seen_them(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen(AlarmRaised("REPEATED_DENIALS", "hall-in", "R1"), AlarmRaised("DoorForcedOpen", "hall-door", "R1"))
    client = english(administrator(app))
    text = page(client)
    alarms = re.findall(r'data-priority="(\d)" data-state="(\w+)"', text)
    assert alarms == [("1", "raised"), ("3", "raised")], "the most urgent first"
    assert "go there, look, and close it" in text
    who = client.get("/api/v1/session").json()["id"]
    edge.happen(AlarmAcknowledged("DoorForcedOpen", "hall-door", who, "wind; shut it"))
    text = page(client)
    assert re.findall(r'data-priority="(\d)" data-state="(\w+)"', text) == [("3", "raised"), ("1", "acknowledged")]
    assert "Acknowledged by Administrator" in text
    assert "wind; shut it" in text
    assert "stands until its cause is gone" in text


@ON_SQLITE
def test_the_edges_panel_says_what_holds_and_what_does_not(app: FastAPI, edge: EdgeRow, clock: FixedClock) -> None:
    edge.report(readers={"hall-in": "unplugged"}, lease_left_s={"temporary": 0, "staff": 7200})
    client = english(administrator(app))
    text = page(client)
    holds = dict(re.findall(r'data-code="(\w+)" data-value="(\w+)"', text))
    assert holds["link"] == "good"
    assert holds["devices"] == holds["lease"] == holds["policy_current"] == "bad"
    assert re.search(r"Lease temporary</dt><dd data-value=\"ended\">\s*ended", text)
    assert re.search(r"Lease staff</dt><dd data-value=\"live\">\s*2 h", text)
    clock.advance(timedelta(minutes=5))
    text = page(client)
    assert "Silent since 03-02 16:00:00" in re.sub(r"\s+", " ", text)
    assert dict(re.findall(r'data-code="(\w+)" data-value="(\w+)"', text))["link"] == "bad"


@ON_SQLITE
def test_presence_is_counted_by_area_and_doubt_is_shown(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen(AccessTaken("hall-in", "hall-door", 1, 1, "M1001", "lobby", "hall", 1), AreaUncertain("hall", "rex"))
    text = page(english(administrator(app)))
    area = re.search(r'data-area="hall" data-certain="false".*?</li>', text, re.S)
    assert area is not None
    assert "<b>1</b>" in area[0]
    assert "uncertain 16:00:00" in area[0]
    assert 'data-area="outside"' not in text


@ON_SQLITE
def test_what_a_guard_must_see_at_once_stands_on_the_page(app: FastAPI, edge: EdgeRow) -> None:
    """Who waits, who is alone, what is locked down, who was inside when a fire began, and what an alarm has to it."""
    context = context_of_app(app)
    site = context.site
    door = msgspec.structs.replace(site.doors[1], cameras=("https://nvr.local/hall", "javascript:alert(1)"))
    context.site = msgspec.structs.replace(site, doors=(site.doors[0], door))
    waits = Explanation("SECOND_PERSON_REQUIRED", "R2", {"area": "hall", "wait_s": 8})
    forced = AlarmRaised("DoorForcedOpen", "hall-door", "R1")
    edge.happen(
        AccessTaken("hall-in", "hall-door", 1, 1, "M1001", "lobby", "hall", 1),
        AccessPending("hall-in", "hall-door", 2, 2, "M1002", waits, 60_000_000),
        AlarmRaised("LONE_OCCUPANT", "hall", "R2", {"area": "hall", "until_us": 1_772_438_700_000_000, "overdue": 0}),
        forced, AlarmCleared("DoorForcedOpen", "hall-door"), msgspec.structs.replace(forced, repeats=2),
        LockdownChanged("hall", True, "command", "opr_1", "intruder"),
        MaintenanceChanged("lobby-door", 1_772_442_000_000_000, "opr_1", "new lock"),
        FireLatched("z1"),
    )  # fmt: skip
    edge.report(guarantees={"occupancy": "hall: rex", "journal": "holds"})
    text = re.sub(r"\s+", " ", page(english(administrator(app))))
    assert "hall is locked down" in text
    assert 'data-act="release" data-area="hall" data-edges="edge-1"' in text
    assert "Fire z1: inside when it began: 1" in text
    assert 'data-until="2026-03-02T08:05:00Z"' in text
    assert "One person alone" in text
    assert re.search(r'class="waits".*?M1002.*?A second person is awaited\.', text)
    assert "3 times" in text
    assert (
        '<a href="https://nvr.local/hall" target="_blank" rel="noopener noreferrer">Camera nvr.local/hall</a>' in text
    )
    assert 'href="javascript' not in text
    assert "data-key-used" in text
    assert "maintenance until 17:00:00" in text
    holds = dict(re.findall(r'data-code="(\w+)" data-value="(\w+)"', text))
    assert (holds["occupancy"], holds["journal"]) == ("bad", "good")
    assert "hall: rex" in text
    assert 'data-act="lockdown" data-area="" data-edges="every"' in text
    for role, acts in (("guard", ["command.lockdown", "command.reconcile"]), ("supervisor", ["command.release"])):
        may = token_client(app, role).get("/live", headers={"Accept": "text/html"}).text  # type: ignore[arg-type]
        told = re.search(r'data-may="([^"]*)"', may)
        assert told is not None
        assert set(acts) <= set(told[1].split())


@ON_SQLITE
def test_who_waits_for_the_guard_has_a_card_with_photo_and_buttons(app: FastAPI, edge: EdgeRow) -> None:
    word = Explanation("GUARD_CONFIRMATION_REQUIRED", "R8", {"area": "hall", "wait_s": 60})
    check = Explanation("GUARD_CHECK_REQUIRED", "E4", {"area": "hall", "wait_s": 8, "way": "out"})
    photo = photo_of(edge.context, 1)
    edge.happen(
        AccessPending("hall-in", "hall-door", 1, 1, "M1001", word, 60_000_000, customer=1),
        AccessPending("hall-out", "hall-door", 2, 2, "M1002", check, 60_000_000, out=True),
        AlarmRaised("EQUIPMENT_UNCHECKED", "hall-door", "E4", {"cause": "rex", "openings": 3}),
        AlarmRaised("SLIP_REUSED", "S-20260302-0001", "E6"),
    )
    text = re.sub(r"\s+", " ", page(english(token_client(app, "guard"))))
    card = re.search(r'<li class="confirm".*?</li>', text)
    assert card is not None
    assert f'data-photo="{photo}"' in card[0]
    for part in ("M1001", "李*", "C001", "Compare photo and person", 'data-act="accept"', 'data-act="mismatch"'):
        assert part in card[0]
    assert re.search(r'class="waits".*?M1002.*?No working scanner there.*?data-act="check" data-point="hall-out"', text)
    assert re.search(r'data-act="attest" data-alarm="\d+" data-openings="3"', text)
    assert "opened by the exit button · opened 3 times" in text
    assert '<a href="/equipment/documents/S-20260302-0001">' in text


@ON_SQLITE
def test_a_check_by_the_console_is_answered_line_by_line(app: FastAPI, edge: EdgeRow) -> None:
    context = context_of_app(app)
    asked = CheckEquipment("hall-out", "slip", b"x" * 32, ("SN-1", "SN-9"), "no scanner there")
    with context.database.write() as session:
        now_us = to_us(context.clock.now())
        session.add(
            EdgeCommand(
                public_id="cmd_1",
                edge_id=edge.id,
                name="CheckEquipment",
                command="{}",
                operator="opr_1",
                state="done",
                asked_us=now_us,
                expires_us=now_us,
            )
        )
    refused = Explanation("ITEM_NOT_ON_SLIP", "E4", {"serial": "SN-9", "number": "S-1"})
    edge.happen(CommandDone("cmd_0", asked, "opr_1", "done"))
    edge.happen_at_once(
        EquipmentCheckStarted("hall-out", "hall-door", "slip", 1, 1, "S-1", "out", 1, 1, 0, 0, console=True),
        ItemAccepted("hall-out", "hall-door", "S-1", ScannedItem(1, "SN-1"), "R750", 0, 0),
        EquipmentRefused("hall-out", "hall-door", refused, "S-1", "SN-9"),
        CommandDone("cmd_1", asked, "opr_1", "done"),
    )
    client = english(token_client(app, "guard"))
    lines = client.get("/live/checks/cmd_1").json()["lines"]
    assert [(one["serial"], one["accepted"], one["model"]) for one in lines] == [
        ("SN-1", True, "R750"),
        ("SN-9", False, ""),
    ]
    assert "SN-9" in lines[1]["text"]
    assert client.get("/live/checks/cmd_9").status_code == 404
    assert token_client(app, "auditor").get("/live/checks/cmd_1").status_code == 403


@ON_SQLITE
def test_a_role_sees_and_may_what_its_permissions_say(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen(granted())
    context = context_of_app(app)
    with context.database.write() as session:
        scopes = [Permission.LIVE_READ]
        _, secret = create_token(session, SYSTEM, context.clock.now(), "wall", "guard", scopes=scopes)
    wall = TestClient(app, base_url="https://testserver", headers={"Authorization": f"Bearer {secret}"})
    text = page(wall)
    assert 'data-panel="edges"' not in text
    assert 'data-panel="revocations"' not in text
    assert "command.unlock" not in re.search(r'data-may="([^"]*)"', text)[1]  # type: ignore[index]
    text = page(token_client(app, "guard"))
    assert 'data-panel="edges"' in text
    assert "近期没有撤销。" in text
    assert "command.unlock" in re.search(r'data-may="([^"]*)"', text)[1]  # type: ignore[index]


@ON_SQLITE
def test_names_of_persons_are_masked_whoever_looks(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen(granted())
    for role in ("guard", "administrator"):
        text = page(token_client(app, role))
        assert "李娜" not in text
        assert "李*" in text
        assert "华云数据" in text, "a customer's name is business"


@ON_SQLITE
def test_important_rows_are_found_behind_a_night_of_details(app: FastAPI, edge: EdgeRow) -> None:
    edge.happen(denied())
    edge.happen(*[DoorOpened("hall-door") for _ in range(view.ROWS + 50)])
    text = page(administrator(app))
    assert text.count('data-group="access"') == 1
    assert text.count('data-group="detail"') == view.ROWS


@ON_SQLITE
def test_an_empty_site_says_that_there_is_nothing_yet(app: FastAPI) -> None:
    text = page(english(administrator(app)))
    assert "No alarm stands." in text
    assert "No edge is enrolled yet." in text
    assert "No events yet" in text
