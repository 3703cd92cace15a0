"""The console in a real browser: live, resumed, in both languages and themes, by keyboard, for everybody."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from sqlmodel import col, delete, select

from controller.commands import UnlockDoor
from controller.event_base import Explanation
from controller.events import (
    AccessPending,
    AccessTaken,
    AlarmRaised,
    CommandDone,
    DoorOpened,
    DoorUnlocked,
    FireLatched,
)
from controller.room_events import AreaUncertain, LockdownChanged
from server.db.clock import to_us
from server.fleet.models import Edge, EdgeCommand
from server.ledger.models import LedgerDoor
from server.ledger.reading import last_event_seq
from server.operators.actor import SYSTEM
from server.operators.models import OperatorSession
from server.operators.password_changes import FIRST_SIGN_IN_FILE, set_password
from server.operators.passwords import hash_password
from server.operators.permissions import Role
from server.operators.service import create_operator
from tests.chromium import AS_A_PERSON_MS, launched
from tests.server.conftest import ON_SQLITE
from tests.server.console.conftest import EdgeRow, Served, denied, granted
from tests.server.process import running
from tests.server.waiting import until

pytestmark = [pytest.mark.browser, ON_SQLITE]

PASSWORD = "Lantern-Quay-27-otter"
expect.set_options(timeout=15_000)  # a loaded machine is slow, not wrong
PENDING = Explanation("SECOND_PERSON_REQUIRED", "R2", {"area": "hall", "wait_s": 8})
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console and the pages complained of: a test fails with any."""
    return []


@pytest.fixture
def context(chromium: Any, complaints: list[str], served: Served) -> Iterator[BrowserContext]:
    """Its pages are closed before their server ends, which they would complain of."""
    made: BrowserContext = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    made.set_default_timeout(15_000)

    def watch(page: Page) -> None:
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type in ("error", "warning") and "Failed to load resource" not in message.text
                else None
            ),
        )

    made.on("page", watch)
    yield made
    told = list(complaints)
    made.close()  # cuts short what a page is still loading
    assert told == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def edge(served: Served) -> EdgeRow:
    return EdgeRow(served.context)


def new_operator(served: Served, username: str, role: Role) -> None:
    """An account whose password is PASSWORD."""
    now = served.context.clock.now()
    with served.context.database.write() as session:
        operator, _ = create_operator(session, SYSTEM, now, username, "Kim", role)
        set_password(session, operator, hash_password(PASSWORD), now, must_change=False)


def sign_in(page: Page, served: Served, username: str = "guard-1", role: Role = "guard") -> None:
    """A new operator signs in and sees the live page come alive."""
    new_operator(served, username, role)
    page.goto(served.url)
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("body")).to_have_attribute("data-link", "up")


def rows(page: Page) -> list[int]:
    """The rows' numbers from the top."""
    found: list[int] = page.eval_on_selector_all("#events > li", "all => all.map(one => Number(one.dataset.seq))")
    return found


def test_a_new_administrator_signs_in_chooses_a_password_makes_edges_and_signs_out(page: Page, served: Served) -> None:
    text = (served.context.config.dir / FIRST_SIGN_IN_FILE).read_text("utf-8")
    secret = text.split("password:")[1].strip()
    page.goto(served.url)
    expect(page).to_have_title("Sign in · menjin")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(secret)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading")).to_have_text("New password")
    page.get_by_label("Current password").fill(secret)
    page.get_by_label("New password", exact=True).fill("aaaaaaaaaaaa")
    page.get_by_label("New password again").fill("aaaaaaaaaaaa")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("it repeats itself")
    page.get_by_label("Current password").fill(secret)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#link-text")).to_have_text("Live")
    page.goto(f"{served.url}/system")
    for name, role, wanted in (
        ("edge-7", "door", "edge enrol --server http"),
        ("desk-7", "desk", "enrol --desk --server"),
    ):
        page.locator("#new-edge summary").click()
        page.locator("#new-edge [name=name]").fill(name)
        page.locator("#new-edge [name=role]").select_option(role)
        page.get_by_role("button", name="Make a one-time token").click()
        expect(page.locator("#token-line")).to_contain_text(wanted)
        expect(page.locator("#token-line")).to_contain_text("--card-keys card.keys --out /etc/menjin/edge.bundle")
        with page.expect_navigation():
            page.get_by_role("button", name="I have it: close").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(lambda url: "/sign-in" in url)
    expect(page.get_by_role("heading")).to_have_text("Sign in")


def test_events_and_panels_appear_by_themselves(page: Page, served: Served, edge: EdgeRow) -> None:
    sign_in(page, served)
    expect(page.locator("#no-events")).to_be_visible()
    edge.happen(granted(), AccessTaken("hall-in", "hall-door", 1, 1, "M1001", "lobby", "hall", 1))
    expect(page.locator("#events > li").first).to_contain_text("Passed")
    expect(page.locator('.area[data-area="hall"] .count b')).to_have_text("1")
    expect(page.locator("#no-events")).to_be_hidden()
    edge.happen(denied(), DoorUnlocked("hall-door", "rex", None), DoorOpened("hall-door"))
    door = page.locator('[data-door="hall-door"].door')
    expect(door.locator('[data-fact="position"]')).to_have_attribute("data-value", "open")
    expect(door.locator('[data-fact="lock"]')).to_contain_text("Unlocked")
    expect(page.locator("#said")).to_contain_text("Denied M1001")
    edge.happen(AlarmRaised("DoorForcedOpen", "hall-door", "R1"), AreaUncertain("hall", "forced"))
    expect(page.locator("#alarms")).to_contain_text("go there, look, and close it")
    assert page.title().startswith("(1) ")
    assert rows(page) == sorted(rows(page), reverse=True)
    expect(page.locator('#events > li[data-group="detail"]').first).to_be_hidden()
    page.get_by_role("button", name="All", exact=True).click()
    expect(page.locator('#events > li[data-group="detail"]').first).to_be_visible()


def test_after_the_server_was_away_nothing_is_missing_and_nothing_double(
    page: Page, served: Served, edge: EdgeRow
) -> None:
    sign_in(page, served)
    edge.happen(granted(), denied())
    expect(page.locator("#events > li")).to_have_count(2)
    first = rows(page)
    served.stop()
    expect(page.get_by_role("alert")).to_contain_text("Connection lost since")
    expect(page.locator("#link-text")).to_have_text("No connection")
    expect(page.locator("#doors-title")).to_contain_text("as of")
    edge.happen(*[granted() for _ in range(5)])
    served.start()
    expect(page.locator("body")).to_have_attribute("data-link", "up")
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#doors-title")).to_have_text("Doors")
    expect(page.locator("#events > li")).to_have_count(7)
    edge.happen(denied())
    expect(page.locator("#events > li")).to_have_count(8)
    assert rows(page) == list(range(first[0] + 6, first[-1] - 1, -1))


@pytest.mark.processes
@pytest.mark.timeout(300)
def test_a_frozen_server_is_noticed_and_a_killed_one_too(
    context: BrowserContext, complaints: list[str], config: Any, tmp_path: Path
) -> None:
    page = context.new_page()
    arguments = ("server", "--config", str(tmp_path / "server.toml"))
    os.environ["MENJIN_SERVER_PORT"] = "0"
    try:
        with running(tmp_path, *arguments) as first:
            url = first.told["X_URL"]
            text = (config.dir / FIRST_SIGN_IN_FILE).read_text("utf-8")
            secret = text.split("password:")[1].strip()
            page.goto(url)
            page.get_by_label("User name").fill("admin")
            page.get_by_label("Password").fill(secret)
            page.keyboard.press("Enter")
            page.get_by_label("Current password").fill(secret)
            page.get_by_label("New password", exact=True).fill(PASSWORD)
            page.get_by_label("New password again").fill(PASSWORD)
            page.keyboard.press("Enter")
            expect(page.locator("body")).to_have_attribute("data-link", "up")
            first.process.send_signal(signal.SIGSTOP)
            expect(page.get_by_role("alert")).to_contain_text("Connection lost since", timeout=30_000)
            first.process.send_signal(signal.SIGCONT)
            expect(page.locator("body")).to_have_attribute("data-link", "up", timeout=30_000)
            first.process.kill()
            first.process.wait(10)
            expect(page.get_by_role("alert")).to_contain_text("Connection lost since", timeout=30_000)
        os.environ["MENJIN_SERVER_PORT"] = url.rpartition(":")[2]
        with running(tmp_path, *arguments):
            expect(page.locator("body")).to_have_attribute("data-link", "up", timeout=30_000)
            page.goto("about:blank")
    finally:
        del os.environ["MENJIN_SERVER_PORT"]


def test_many_tabs_share_one_stream(context: BrowserContext, served: Served, edge: EdgeRow) -> None:
    pages = [context.new_page()]
    sign_in(pages[0], served)
    for _ in range(7):
        pages.append(context.new_page())
        pages[-1].goto(served.url)
        expect(pages[-1].locator("body")).to_have_attribute("data-link", "up")
    assert len(served.app.state.live) == 1
    edge.happen(granted(), denied())
    for page in pages:
        expect(page.locator("#events > li")).to_have_count(2)
    for page in pages[:-1]:
        page.close()
    edge.happen(granted())
    expect(pages[-1].locator("#events > li")).to_have_count(3)
    pages[-1].goto("about:blank")
    assert until(lambda: len(served.app.state.live) == 0), "nobody looks on any more"


def test_without_a_shared_worker_the_page_has_its_own_stream(
    context: BrowserContext, served: Served, edge: EdgeRow
) -> None:
    context.add_init_script("delete window.SharedWorker")
    page = context.new_page()
    sign_in(page, served)
    edge.happen(granted())
    expect(page.locator("#events > li")).to_have_count(1)


def test_a_session_that_is_ended_leaves_the_page_within_seconds(page: Page, served: Served, edge: EdgeRow) -> None:
    sign_in(page, served)
    with served.context.database.write() as session:
        session.connection().execute(delete(OperatorSession))
    expect(page.get_by_role("status").filter(has_text="the session has ended")).to_be_visible()
    assert "to=%2Flive" in page.url
    page.get_by_label("User name").fill("guard-1")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_attribute("data-link", "up")


def test_language_and_theme_are_switched_and_kept(page: Page, served: Served, edge: EdgeRow) -> None:
    edge.happen(denied())
    sign_in(page, served)
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#link-text")).to_have_text("实时")
    expect(page.locator("#events > li").first).to_contain_text("拒绝")
    page.keyboard.press("t", delay=AS_A_PERSON_MS)
    page.wait_for_selector('html[data-theme="light"]')
    expect(page.locator("#link-text")).to_have_text("实时")
    page.keyboard.press("t", delay=AS_A_PERSON_MS)
    page.wait_for_selector('html[data-bs-theme="dark"]')
    expect(page.locator("#link-text")).to_have_text("实时")  # with its styles
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    edge.happen(denied())
    expect(page.locator("#events > li").first).to_contain_text("拒绝")
    expect(page.locator("#events > li")).to_have_count(2)
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")


def test_the_system_decides_the_theme_until_one_is_chosen(page: Page, served: Served) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(served.url)
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.emulate_media(color_scheme="light")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")


def test_all_by_keyboard(page: Page, served: Served, edge: EdgeRow) -> None:
    edge.happen(AlarmRaised("DoorForcedOpen", "hall-door", "R1"), DoorOpened("hall-door"))
    sign_in(page, served)
    page.keyboard.press("?", delay=AS_A_PERSON_MS)
    expect(page.get_by_role("dialog")).to_contain_text("Alarms only")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("a", delay=AS_A_PERSON_MS)
    expect(page.get_by_role("button", name="Acknowledge: Door forced open, hall-door")).to_be_focused()
    edge.report(outbox=3)  # another panel changes, and this one too
    edge.happen(AlarmRaised("READER_FAULT", "hall-in", "R1"))
    expect(page.locator("#alarms > li")).to_have_count(2)
    expect(page.get_by_role("button", name="Acknowledge: Door forced open, hall-door")).to_be_focused()
    page.keyboard.press("d", delay=AS_A_PERSON_MS)
    expect(page.locator("#plan [data-door=lobby-door]")).to_be_focused()
    page.keyboard.press("d", delay=AS_A_PERSON_MS)
    expect(page.locator("#plan [data-door=hall-door]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("heading", name="hall-door")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("o", delay=AS_A_PERSON_MS)
    page.keyboard.press("d", delay=AS_A_PERSON_MS)
    expect(page.get_by_role("button", name="Unlock: hall-door")).to_be_focused()
    page.keyboard.press("e", delay=AS_A_PERSON_MS)
    expect(page.locator("#events")).to_be_focused()
    page.keyboard.press("4", delay=AS_A_PERSON_MS)
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")


def answer_command(served: Served, edge: EdgeRow, name: str) -> EdgeCommand:
    """The edge does what was asked, as the fleet's thread would order it."""
    found: list[EdgeCommand] = []

    def asked() -> bool:
        with served.context.database.read() as session:
            found.extend(session.exec(select(EdgeCommand).where(EdgeCommand.name == name)).all())
        return bool(found)

    assert until(asked)
    with served.context.database.write() as session:
        row = session.get_one(EdgeCommand, found[0].id)
        row.state, row.answered_us = "done", to_us(served.context.clock.now())
        session.add(row)
    return found[0]


def test_a_door_is_unlocked_with_a_reason(page: Page, served: Served, edge: EdgeRow) -> None:
    edge.happen(DoorOpened("hall-door"))
    sign_in(page, served)
    page.locator("#plan [data-door=hall-door]").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Unlock once").click()
    expect(dialog.get_by_label("Reason")).to_be_focused()
    dialog.get_by_role("button", name="Unlock now").click()
    expect(dialog).to_be_visible()
    dialog.get_by_label("Reason").fill("delivery for C001")
    page.keyboard.press("Control+Enter")
    command = answer_command(served, edge, "UnlockDoor")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert '"reason":"delivery for C001"' in command.command
    done = UnlockDoor("hall-door", "delivery for C001")
    edge.happen(CommandDone(command.public_id, done, command.operator, "done"))
    expect(page.locator("#events > li").first).to_contain_text("Unlock door hall-door")


def judge(served: Served, states: list[str]) -> None:
    """The commands that the page asked for have ended so, in their order: there are as many and no more."""

    def judged() -> bool:
        with served.context.database.write() as session:
            rows = session.exec(select(EdgeCommand).order_by(col(EdgeCommand.edge_id), col(EdgeCommand.id))).all()
            if len(rows) != len(states):
                return False
            for row, state in zip(rows, states, strict=True):
                row.state = state
        return True

    assert until(judged)


def test_an_order_that_is_pressed_twice_is_sent_once_and_its_end_is_told_also_when_the_dialog_is_gone(
    page: Page, served: Served, edge: EdgeRow
) -> None:
    edge.happen(DoorOpened("hall-door"))
    sign_in(page, served)
    page.locator("#plan [data-door=hall-door]").click()
    page.get_by_role("dialog").get_by_role("button", name="Unlock once").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("delivery")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.keyboard.press("Control+Enter")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog")).to_contain_text("Waiting for the edge")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    judge(served, ["refused"])
    told = page.locator("#outcomes")
    expect(told).to_contain_text("Unlock door · hall-door: The edge refused.")
    assert len(sent) == 1
    assert faults(page) == []
    told.get_by_role("button", name="Seen").click()
    expect(told).to_be_empty()


def test_of_several_edges_each_is_named_and_only_who_failed_is_asked_again(
    page: Page, served: Served, edge: EdgeRow
) -> None:
    edge.happen(DoorOpened("hall-door"))
    now = served.context.clock.now()
    with served.context.database.write() as session:
        other = Edge(name="edge-2", public_key=b"k" * 32, epoch=1, created_at=now, enrolled_at=now)
        session.add(other)
        session.flush()
        assert other.id is not None
        session.add(LedgerDoor(edge_id=other.id, door="lobby-door", changed_us=to_us(now)))
    sign_in(page, served)
    page.get_by_role("button", name="Lock down the site").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("intruder")
    dialog.get_by_role("button", name="Lock down now").click()
    judge(served, ["done", "no_session"])
    told = dialog.get_by_role("status")
    expect(told).to_contain_text("edge-1: Done.")
    expect(told).to_contain_text("edge-2: The edge is not connected")
    dialog.get_by_role("button", name="Lock down now").click()
    judge(served, ["done", "no_session", "done"])
    expect(page.get_by_role("dialog")).to_have_count(0)
    with served.context.database.read() as session:
        asked = session.exec(select(EdgeCommand.edge_id).order_by(col(EdgeCommand.id))).all()
    assert (len(asked), asked.count(edge.id)) == (3, 1), "the edge that has done it is left alone"


def test_a_door_that_is_open_on_the_page_says_what_stands_now_and_since_when_it_is_old(
    page: Page, served: Served, edge: EdgeRow
) -> None:
    edge.happen(DoorOpened("hall-door"))
    sign_in(page, served)
    page.locator("#plan [data-door=hall-door]").click()
    dialog = page.get_by_role("dialog")
    unlock = dialog.get_by_role("button", name="Unlock once")
    unlock.focus()
    expect(dialog.locator("[data-fact=alarm]")).to_contain_text("None")
    edge.happen(AlarmRaised("DoorForcedOpen", "hall-door", "R1"))
    expect(dialog).to_contain_text("Door forced open")
    expect(unlock).to_be_focused()
    served.stop()
    expect(dialog.get_by_role("heading")).to_contain_text("as of")
    served.start()
    expect(page.locator("body")).to_have_attribute("data-link", "up")
    edge.report(online=False)
    expect(dialog).to_contain_text("Its edge is silent")
    expect(unlock).to_be_disabled()
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()


def test_an_alarm_is_acknowledged_with_a_note_only(page: Page, served: Served, edge: EdgeRow) -> None:
    edge.happen(AlarmRaised("DoorForcedOpen", "hall-door", "R1"))
    sign_in(page, served)
    page.get_by_role("button", name="Acknowledge: Door forced open").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What did you find?").fill("   ")
    dialog.get_by_role("button", name="Acknowledge").click()
    expect(dialog.get_by_role("status")).to_have_text("Write a few words first.")
    dialog.get_by_label("What did you find?").fill("the wind; closed it")
    dialog.get_by_role("button", name="Acknowledge").click()
    command = answer_command(served, edge, "AcknowledgeAlarm")
    assert "the wind; closed it" in command.command
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_forced_door_is_explained_by_a_mechanical_key(page: Page, served: Served, edge: EdgeRow) -> None:
    edge.happen(AlarmRaised("DoorForcedOpen", "hall-door", "R1"))
    sign_in(page, served)
    page.get_by_role("button", name="Acknowledge: Door forced open").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What did you find?").fill("cleaning")
    dialog.get_by_label("Number of the mechanical key").fill("K-77")
    dialog.get_by_role("button", name="Acknowledge").click()
    expect(dialog.get_by_role("status")).to_contain_text("K-77")


def test_an_area_is_locked_down_and_counted_from_the_page(page: Page, served: Served, edge: EdgeRow) -> None:
    edge.happen(
        AccessTaken("hall-in", "hall-door", 1, 1, "M1001", "lobby", "hall", 1),
        AccessTaken("hall-in", "hall-door", 0, -1, "P-7", "lobby", "hall"),
        AreaUncertain("hall", "rex"),
        DoorOpened("hall-door"),
        LockdownChanged("lobby", True, "input"),
    )
    sign_in(page, served)
    expect(page.locator("#notices")).to_contain_text("lobby is locked down")
    page.get_by_role("button", name="Lock down: hall").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("intruder")
    dialog.get_by_role("button", name="Lock down now").click()
    command = answer_command(served, edge, "LockDown")
    assert '"area":"hall"' in command.command
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Count: hall").click()
    expect(dialog.get_by_label("Badge numbers found")).to_have_value("M1001 +1")
    dialog.get_by_label("Who counted").fill("guard on site")
    dialog.get_by_label("Badge numbers found").fill("M1001, M1002 +2")
    dialog.get_by_role("button", name="This is who is inside").click()
    command = answer_command(served, edge, "ReconcileOccupancy")
    assert '"numbers":["M1001","M1002"],"others":2' in command.command


def test_a_role_without_the_right_sees_no_buttons(page: Page, served: Served, edge: EdgeRow) -> None:
    edge.happen(AlarmRaised("DoorForcedOpen", "hall-door", "R1"), DoorOpened("hall-door"))
    sign_in(page, served, "auditor-1", "auditor")
    expect(page.locator("#alarms > li")).to_have_count(1)
    assert page.get_by_role("button", name="Acknowledge").count() == 0
    assert page.get_by_role("button", name="Unlock").count() == 0


def test_a_silent_edge_makes_its_doors_old(page: Page, served: Served, edge: EdgeRow) -> None:
    edge.happen(DoorOpened("hall-door"))
    sign_in(page, served)
    edge.report(online=False)
    expect(page.locator('.door[data-door="hall-door"]')).to_contain_text("old: as of")
    expect(page.locator('[data-edge="edge-1"].edge')).to_contain_text("Silent since")
    expect(page.locator("#alarms")).to_contain_text("Link lost")


def test_an_urgent_alarm_sounds_on_any_page_in_one_tab_until_it_is_muted(
    page: Page, context: BrowserContext, served: Served, edge: EdgeRow
) -> None:
    sign_in(page, served)
    page.get_by_role("link", name="Visits").click()
    switch = page.locator("#sound-do")
    expect(page.locator("#live-chip")).to_have_attribute("data-state", "up")
    page.locator("main").click(position={"x": 5, "y": 5})
    expect(switch).to_have_text("Sound on")
    other = context.new_page()
    other.goto(f"{served.url}/register")
    other.locator("main").click(position={"x": 5, "y": 5})
    expect(other.locator("#sound-do")).to_have_text("Sound on")
    expect(other.locator("#live-chip")).to_have_attribute("data-state", "up")
    edge.happen(AlarmRaised("FIRE", "z1", "L1"))
    expect(page.locator("body")).to_have_attribute("data-sounded", "urgent")
    expect(other.locator("#live-chip")).to_have_attribute("data-state", "calls")
    assert other.locator("body[data-sounded]").count() == 0, "one tab sounds"
    assert page.title().startswith("(1) ")
    assert other.title().startswith("(1) ")
    page.keyboard.press("m", delay=AS_A_PERSON_MS)
    expect(switch).to_contain_text("Muted, ")
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(other.locator("#sound-do")).to_contain_text("Muted, ")
    assert faults(page) == []
    page.set_viewport_size({"width": 360, "height": 740})
    assert until(lambda: page.evaluate("innerWidth") == 360)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    switch.click()
    expect(switch).to_have_text("Sound on")


def test_a_page_holds_so_many_rows_and_no_more(page: Page, served: Served, edge: EdgeRow) -> None:
    sign_in(page, served)
    for _ in range(3):
        edge.happen(*[granted() for _ in range(90)])
    with served.context.database.read() as session:
        last = last_event_seq(session)
    expect(page.locator("#events > li").first).to_have_attribute("data-seq", str(last))
    assert rows(page) == list(range(last, last - 200, -1))


@pytest.mark.parametrize(
    ("theme", "size"), [("light", (1280, 800)), ("dark", (390, 844))], ids=["light-desk", "dark-phone"]
)
def test_axe_finds_nothing_serious(
    page: Page, served: Served, edge: EdgeRow, theme: str, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    edge.report(readers={"hall-in": "unplugged", "hall-out": "working"}, lease_left_s={"temporary": 0, "staff": 9000})
    edge.happen(
        granted(), AccessTaken("hall-in", "hall-door", 1, 1, "M1001", "lobby", "hall", 1), denied(),
        DoorUnlocked("hall-door", "rex", None), DoorOpened("hall-door"), AreaUncertain("hall", "rex"),
        AlarmRaised("DoorForcedOpen", "hall-door", "R1"), AlarmRaised("READER_FAULT", "hall-in", "R1"),
        AlarmRaised("REPEATED_DENIALS", "hall-in", "R1"), LockdownChanged("cage-a", True, "input"), FireLatched("z1"),
        AlarmRaised("LONE_OCCUPANT", "hall", "R2", {"area": "hall", "until_us": 2**51, "overdue": 1}),
        AccessPending("hall-in", "hall-door", 2, 2, "M1002", PENDING, 600_000_000),
    )  # fmt: skip
    page.goto(served.url)
    assert faults(page) == []
    sign_in(page, served)
    page.keyboard.press("4", delay=AS_A_PERSON_MS)
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")
    assert faults(page) == []
    page.keyboard.press("a", delay=AS_A_PERSON_MS)
    expect(page.locator("#alarms [data-act=acknowledge]:focus")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Count: hall").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert faults(page) == []
    page.keyboard.press("Escape")
    edge.report(online=False)
    expect(page.locator("#alarms")).to_contain_text("Link lost")
    served.stop()
    expect(page.get_by_role("alert")).to_contain_text("Connection lost")
    assert faults(page) == []
    served.start()
    expect(page.locator("body")).to_have_attribute("data-link", "up")


def faults(page: Page) -> list[str]:
    """What axe calls serious or critical, with the place."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


def test_no_page_is_wider_than_a_phone(page: Page, served: Served, edge: EdgeRow) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    edge.happen(denied(), AlarmRaised("DoorForcedOpen", "hall-door", "R1"), DoorOpened("hall-door"))
    page.goto(served.url)
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) <= 360
    sign_in(page, served)
    assert page.evaluate(width) <= 360
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#link-text")).to_have_text("实时")
    assert page.evaluate(width) <= 360
