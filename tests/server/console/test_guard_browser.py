"""What a guard does in a real browser besides looking: a word on a holder, a check without a scanner, a visitor checked in."""

import re
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, Route, expect
from sqlmodel import select

from controller.commands import CheckEquipment
from controller.event_base import Explanation
from controller.events import AccessLapsed, AccessPending, AccessTaken, AlarmRaised, CommandDone
from controller.goods_events import EquipmentCheckStarted, EquipmentRefused, ItemAccepted, ScannedItem
from controller.site_checks import parse_site
from server.console.rendering import Renderer
from server.db.clock import FixedClock
from server.fleet.models import EdgeCommand
from server.operators.actor import SYSTEM
from server.operators.models import AuditEntry
from server.operators.permissions import Role
from server.operators.service import create_token
from server.personal.models import Attachment
from tests.chromium import AS_A_PERSON_MS
from tests.server.badges.conftest import populate
from tests.server.badges.making import picture
from tests.server.conftest import ON_SQLITE, START
from tests.server.console.conftest import EdgeRow, Served, photo_of
from tests.server.console.test_browser import (  # noqa: F401 - fixtures
    PASSWORD,
    answer_command,
    chromium,
    complaints,
    context,
    edge,
    faults,
    new_operator,
    page,
    sign_in,
)
from tests.server.equipment.conftest import DEPOT, Depot
from tests.server.permits.making import PERSON, Desk, approved, pooled
from tests.server.waiting import until

pytestmark = [pytest.mark.browser, ON_SQLITE]


def test_a_guard_compares_photo_and_person_and_accepts(page: Page, served: Served, edge: EdgeRow) -> None:  # noqa: F811
    word = Explanation("GUARD_CONFIRMATION_REQUIRED", "R8", {"area": "hall", "wait_s": 600})
    photo = photo_of(served.context, 1)
    sign_in(page, served)
    edge.happen_at_once(AccessPending("hall-in", "hall-door", 1, 1, "M1001", word, 600_000_000, customer=1))
    card = page.locator("#waiting .confirm")
    expect(card).to_contain_text("Compare photo and person")
    expect(card.get_by_role("img", name="Photo of the holder of M1001")).to_have_js_property("naturalWidth", 240)
    assert page.title().startswith("(1) ")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        assert faults(page) == []
    accept, dialog = card.locator("[data-act=accept]"), page.get_by_role("dialog")
    page.keyboard.press("w", delay=AS_A_PERSON_MS)
    expect(accept).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("The badge is suspended at once")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.keyboard.press("w", delay=AS_A_PERSON_MS)
    expect(accept).to_be_focused()
    page.keyboard.press("Enter")
    command = answer_command(served, edge, "ConfirmHolder")
    assert '"accepted":true' in command.command
    expect(page.locator("#outcomes p:visible")).to_have_text("M1001: Accepted.")  # there for six seconds
    with served.context.database.read() as session:
        assert session.exec(select(Attachment).where(Attachment.public_id == photo)).one()
        looks = session.exec(select(AuditEntry).where(AuditEntry.act == "personal.look")).all()
        assert len(looks) == 1, "a look is recorded, once however often the panel is drawn"


def test_a_photo_that_failed_is_fetched_again_and_one_that_is_not_to_be_had_is_not(
    page: Page,  # noqa: F811
    served: Served,
    edge: EdgeRow,  # noqa: F811
) -> None:
    photo_of(served.context, 1)
    looked: list[str] = []
    answers = {"look": [503, None], "photo": [503, 404]}

    def answer(route: Route) -> None:
        kind = route.request.url.rpartition("/")[2]
        looked.append(kind)
        status = answers[kind].pop(0)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, body="")

    page.clock.install()
    sign_in(page, served)
    page.route("**/api/v1/attachments/*/look", answer)
    page.route("**/live/taps/*/photo", answer)
    word = Explanation("GUARD_CONFIRMATION_REQUIRED", "R8", {"area": "hall", "wait_s": 600})
    edge.happen_at_once(AccessPending("hall-in", "hall-door", 1, 1, "M1001", word, 600_000_000, customer=1))
    assert until(lambda: page.evaluate("1") == 1 and set(looked) == {"look", "photo"})
    expect(page.locator("#waiting .no-photo")).to_contain_text("being fetched")
    page.clock.fast_forward(3_000)
    expect(page.locator("#waiting img")).to_have_js_property("naturalWidth", 240)
    expect(page.locator("#taps")).to_contain_text("The photo cannot be shown.")
    with page.expect_response("**/live/marks"):  # asked each minute: after what would have been fetched again
        page.clock.fast_forward(60_000)
    assert sorted(looked) == ["look", "look", "photo", "photo"]


def test_a_look_is_taken_once_and_what_it_shows_is_hidden_again(page: Page, served: Served) -> None:  # noqa: F811
    page.clock.install()
    sign_in(page, served)
    page.goto(f"{served.url}/badges")
    expect(page.locator("#live-chip")).to_have_attribute("data-state", "up")
    looked: list[Route] = []
    page.route("**/look", lambda route: looked.append(route))
    for form in ('data-look="/one/look"', 'data-api="/two/look" data-image data-secret'):
        page.locator("main").evaluate(
            f"""main => main.insertAdjacentHTML("beforeend", `<div class="look"><img alt="Photo" hidden><a hidden></a>
            <form {form} novalidate><input name="reason" value="compared"><p data-problem hidden></p>
            <button class="act">Look</button></form></div>`)"""
        )
        look = page.locator(".look").last
        look.locator("form").evaluate("form => { form.requestSubmit(); form.requestSubmit(); }")
        assert until(lambda: page.evaluate("1") == 1 and bool(looked))
        looked[0].fulfill(body=picture(), content_type="image/jpeg")
        expect(look.get_by_role("img")).to_be_visible()
        expect(look.locator("form")).to_be_hidden()
        assert len(looked) == 1
        page.clock.fast_forward(60_000)
        expect(look.get_by_role("img")).to_have_count(0)
        expect(look.locator("img")).not_to_have_attribute("src", re.compile(""))
        expect(look.locator("form")).to_be_visible()
        looked.clear()


def test_a_change_heard_of_while_a_list_is_fetched_has_it_fetched_again(page: Page, served: Served) -> None:  # noqa: F811
    sign_in(page, served)
    page.goto(f"{served.url}/badges")
    expect(page.locator("#live-chip")).to_have_attribute("data-state", "up")
    fetched: list[Route] = []
    page.route("**/badges", lambda route: fetched.append(route))
    page.clock.set_fixed_time(page.evaluate("Date.now()"))  # its own quarter of a minute never comes
    hear = "() => document.dispatchEvent(new Event('refresh'))"
    page.evaluate(hear)
    assert until(lambda: page.evaluate("1") == 1 and len(fetched) == 1)
    page.evaluate(hear)  # what is on its way may be from before
    fetched[0].continue_()
    assert until(lambda: page.evaluate("1") == 1 and len(fetched) == 2)
    fetched[1].continue_()
    expect(page.locator("#old")).to_be_hidden()


def asked(served: Served, name: str) -> EdgeCommand:
    """What the page asked of the edge."""
    found: list[EdgeCommand] = []

    def is_there() -> bool:
        with served.context.database.read() as session:
            found.extend(session.exec(select(EdgeCommand).where(EdgeCommand.name == name)).all())
        return bool(found)

    assert until(is_there)
    return found[0]


def at_the_depot(served: Served) -> None:
    """The site has a goods door."""
    served.context.site = parse_site(DEPOT)
    served.app.state.renderer = served.app.state.live._renderer = Renderer(served.context.site)


def test_equipment_is_checked_where_no_scanner_works(page: Page, served: Served, edge: EdgeRow) -> None:  # noqa: F811
    at_the_depot(served)
    check = Explanation("GUARD_CHECK_REQUIRED", "E4", {"area": "hall", "wait_s": 600, "way": "out"})
    edge.happen_at_once(
        AccessPending("goods-out", "goods-door", 1, 1, "M1001", check, 600_000_000, out=True, customer=1)
    )
    edge.happen(AlarmRaised("EQUIPMENT_UNCHECKED", "goods-door", "E4", {"cause": "rex", "openings": 2}))
    sign_in(page, served)
    page.keyboard.press("w", delay=AS_A_PERSON_MS)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_label("Door and direction").input_value() == "goods-out"
    code = "S-K7Q2M9X-4TFB8HC"
    for scanned in (code, "SN-1", "SN-9"):  # as a scanner types
        page.keyboard.type(scanned)
        page.keyboard.press("Enter")
    assert faults(page) == []
    page.keyboard.press("Enter")  # the empty line: to the button
    page.keyboard.press("Enter")
    command = asked(served, "CheckEquipment")
    assert '"items":["SN-1","SN-9"]' in command.command
    done = CheckEquipment("goods-out", "slip", b"x" * 32, ("SN-1", "SN-9"), "no scanner there")
    refused = Explanation("ITEM_NOT_ON_SLIP", "E4", {"serial": "SN-9", "number": "S-1"})
    edge.happen_at_once(
        EquipmentCheckStarted("goods-out", "goods-door", "slip", 1, 1, "S-1", "out", 1, 2, 0, 0, console=True),
        ItemAccepted("goods-out", "goods-door", "S-1", ScannedItem(1, "SN-1"), "R750", 1, 0),
        EquipmentRefused("goods-out", "goods-door", refused, "S-1", "SN-9"),
        CommandDone(command.public_id, done, command.operator, "done"),
    )
    answer_command(served, edge, "CheckEquipment")
    lines = page.locator("#check-items li .told")
    expect(lines.nth(0)).to_have_text("✓ R750")
    expect(lines.nth(1)).to_contain_text("✗")
    expect(lines.nth(1)).to_contain_text("SN-9")
    expect(dialog.get_by_role("status")).to_contain_text("1 devices refused")
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Attest: goods-door").click()
    dialog.get_by_label("It left", exact=True).check()
    dialog.get_by_role("button", name="Attest and sign").click()
    expect(dialog.get_by_role("status")).to_have_text("Name the devices: serial number or model.")
    assert faults(page) == []
    dialog.get_by_label("No equipment left").check()
    dialog.get_by_label("What did you see?").fill("an empty trolley")
    dialog.get_by_role("button", name="Attest and sign").click()
    command = answer_command(served, edge, "AcknowledgeAlarm")
    assert '"openings":2' in command.command
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_check_whose_answers_cannot_be_read_is_not_called_accepted(
    page: Page,  # noqa: F811
    served: Served,
    edge: EdgeRow,  # noqa: F811
) -> None:
    at_the_depot(served)
    sign_in(page, served)
    page.keyboard.press("c", delay=AS_A_PERSON_MS)
    expect(page.locator("#check-code")).to_be_focused()
    dialog = page.get_by_role("dialog")
    for scanned in ("S-K7Q2M9X-4TFB8HC", "SN-9"):
        page.keyboard.type(scanned)
        page.keyboard.press("Enter")
    status = dialog.get_by_role("status")
    page.route("**/live/checks/*", lambda route: route.abort(), times=1)
    for times in (1, 2):  # the network is away; the record with the answers is not to be found
        dialog.get_by_role("button", name="Check now").click()
        expect(status).to_have_text("Sent. Waiting for the edge …")

        def all_judged(count: int = times) -> bool:
            with served.context.database.write() as session:
                rows = session.exec(select(EdgeCommand).where(EdgeCommand.name == "CheckEquipment")).all()
                for row in rows:
                    row.state = "done"
            return len(rows) == count

        assert until(all_judged)
        expect(status).to_contain_text("cannot be read: look at the events before anything passes")
        expect(status).to_have_class("message bad")


def test_a_button_that_moved_under_the_finger_takes_no_tap_before_it_can_be_seen(
    page: Page,  # noqa: F811
    served: Served,
    edge: EdgeRow,  # noqa: F811
) -> None:
    page.clock.install()
    sign_in(page, served)
    word = Explanation("GUARD_CONFIRMATION_REQUIRED", "R8", {"area": "hall", "wait_s": 600})
    edge.happen_at_once(
        AccessPending("hall-in", "hall-door", 1, 1, "M1001", word, 600_000_000, customer=1),
        AccessPending("hall-in", "hall-door", 2, 2, "M1002", word, 600_000_000, customer=1),
    )
    accept = page.locator("#waiting [data-act=accept]")
    expect(accept).to_have_count(2)
    for one in accept.all():
        expect(one).to_have_attribute("data-settles", "still")
    page.clock.pause_at(page.evaluate("Date.now()") + 5000)  # still to come when the call arrives
    edge.happen(AccessLapsed("hall-in", "hall-door", 1, 1, "M1001"))
    expect(accept).to_have_count(1)
    under_the_finger = """button => { const { x, y, width, height } = button.getBoundingClientRect();
        return document.elementFromPoint(x + width / 2, y + height / 2) === button; }"""
    assert not accept.evaluate(under_the_finger)
    page.clock.run_for(1000)
    assert accept.evaluate(under_the_finger)
    page.clock.resume()
    accept.click()
    command = asked(served, "ConfirmHolder")
    assert '"number":"M1002"' in command.command


def test_who_is_inside_goes_on_under_a_link_that_has_the_focus_and_says_so_where_it_stands_still(
    page: Page,  # noqa: F811
    served: Served,
    edge: EdgeRow,  # noqa: F811
) -> None:
    def comes_in(holder: int, number: str) -> None:
        edge.happen(AccessTaken("hall-in", "hall-door", holder, holder, number, "lobby", "hall", 1))

    sign_in(page, served)
    page.goto(f"{served.url}/inside")
    expect(page.locator("#live-chip")).to_have_attribute("data-state", "up")
    muster = page.locator("[data-act=muster]")
    muster.focus()
    comes_in(1, "M1001")
    expect(page.locator("#inside")).to_contain_text("M1001")
    expect(muster).to_be_focused()
    expect(page.locator("#old")).to_be_hidden()
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#inside h1'))")
    comes_in(2, "M1002")
    expect(page.locator("#old")).to_contain_text("stays as it was while you work in it. As of")
    assert faults(page) == []
    as_of = page.locator("#as-of").inner_text()
    assert as_of in page.locator("#old").inner_text()
    expect(page.locator("#inside")).not_to_contain_text("M1002")
    page.get_by_role("button", name="Show it now").click()
    expect(page.locator("#inside")).to_contain_text("M1002")


def test_the_rail_counts_on_and_the_chip_says_when_nothing_is_heard(page: Page, served: Served) -> None:  # noqa: F811
    page.clock.install()
    page.add_init_script(
        """window.SharedWorker = class { constructor() { window.port = this.port = { postMessage() {} }; } }"""
    )
    new_operator(served, "guard-1", "guard")
    page.goto(served.url + "/account")
    page.get_by_label("User name").fill("guard-1")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    chip = page.locator("#live-chip")
    page.wait_for_function("() => window.port?.onmessage")
    page.evaluate("() => window.port.onmessage({ data: { type: 'panels', panels: { alarms: '' } } })")
    expect(chip).to_have_attribute("data-state", "up")
    page.clock.fast_forward(20_000)
    expect(chip).to_have_attribute("data-state", "lost")
    page.evaluate("() => window.port.onmessage({ data: { type: 'tick' } })")
    expect(chip).to_have_attribute("data-state", "up")
    mark = page.locator(".rail [data-go=v] .mark-count")
    expect(mark).to_have_count(0)
    rail = '<nav class="rail"><a data-go="v">Visits<b class="mark-count">{}</b></a></nav>'
    page.route("**/live/marks", lambda route: route.fulfill(body=rail.format(2), content_type="text/html"))
    page.clock.fast_forward(60_000)
    expect(mark).to_have_text("2")
    with page.expect_navigation():
        page.evaluate("() => window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")


class RealDesk(Desk):
    """The same clients over the socket."""

    def __init__(self, served: Served) -> None:
        super().__init__(served.app)
        self.served = served
        self.open: dict[Role, httpx2.Client] = {}

    def client(self, role: Role, *, second: bool = False) -> Any:
        """A program with a token of that role."""
        if role not in self.open:
            context = self.served.context
            with context.database.write() as session:
                _, text = create_token(session, SYSTEM, context.clock.now(), f"test-{role}", role)
            headers = {"Authorization": f"Bearer {text}"}
            self.open[role] = httpx2.Client(base_url=self.served.url, headers=headers)
        return self.open[role]


def test_a_visitor_is_checked_in_step_by_step(page: Page, served: Served) -> None:  # noqa: F811
    with served.context.database.write() as session:
        populate(session)
    desk, now = RealDesk(served), served.context.clock.now()
    try:
        pooled(desk)
        window = {"from": (now - timedelta(hours=1)).isoformat(), "until": (now + timedelta(hours=3)).isoformat()}
        approved(desk, **window)
    finally:
        for client in desk.open.values():
            client.close()
    sign_in(page, served)
    page.get_by_role("link", name="Visits").click()
    expect(page.locator("#live-chip")).to_have_attribute("data-state", "up")
    assert faults(page) == []
    page.get_by_role("link", name="徐*").click()
    page.get_by_label("Number, or its last four").fill("12")
    page.get_by_role("button", name="Compare").click()
    field = page.get_by_label("Number, or its last four")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert field.input_value() == "12", "what was typed stays"
    field.fill(PERSON["id_number"])
    page.keyboard.press("Enter")
    expect(page.locator('[data-step="now"] h2')).to_contain_text("2. Declaration")
    assert faults(page) == []
    for radio in page.get_by_label("confirmed").all():
        radio.check()
    page.get_by_role("button", name="Keep what was said").click()
    expect(page.locator('[data-step="now"] h2')).to_contain_text("3. Photo")
    expect(page.locator("#live-chip")).to_have_attribute("data-state", "up")
    page.wait_for_load_state()  # what sends the camera's picture is there
    page.get_by_label("or choose a picture").set_input_files(
        {"name": "xu.jpg", "mimeType": "image/jpeg", "buffer": picture()}
    )
    # playwright's change of the field is untrusted, as the camera's is: sent without the button
    expect(page.locator('[data-step="now"] h2')).to_contain_text("4. Badge")
    page.get_by_label("Temporary badge that is lent").fill("T1")
    page.keyboard.press("Enter")  # as a scanner ends: to the next field, not off
    page.keyboard.type("V-7")
    page.get_by_role("button", name="Check in", exact=True).click()
    expect(page.get_by_role("heading", name="Check out")).to_be_visible()
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark")
    for path in (page.url, "/visits", "/equipment", "/equipment/inventory", "/handover"):
        page.goto(path if path.startswith("http") else served.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
        assert faults(page) == []


SCAN = "text => document.dispatchEvent(new CustomEvent('scan', { detail: { text }, cancelable: true }))"


def test_a_late_answer_of_the_kiosk_is_not_shown_to_who_stands_there_next(page: Page, served: Served) -> None:  # noqa: F811
    with served.context.database.write() as session:
        _, token = create_token(session, SYSTEM, served.context.clock.now(), "kiosk-1", "kiosk")
    without_limit = "AbortSignal.timeout = () => new AbortController().signal"  # an answer comes when one likes
    page.add_init_script(without_limit)
    page.goto(served.url + "/kiosk/sign-in")
    page.locator("input[name=token]").fill(token)
    page.keyboard.press("Enter")
    main, field = page.locator("#main"), page.locator("#main input")
    expect(field).to_be_focused()
    asked: list[Route] = []
    page.route("**/api/v1/kiosk/*", lambda route: asked.append(route))
    entry = {"id": 1, "at": "2026-03-02T08:00:00Z", "area": {"zh": "机房", "en": "hall"}}
    of_the_first = {"kind": "badge", "number": "M1001", "stopped": False, "entries": [entry]}

    def asks(number: str, times: int) -> Route:
        field.fill(number)
        page.keyboard.press("Enter")
        expect(page.locator("body")).to_have_attribute("aria-busy", "true")
        assert until(lambda: page.evaluate("1") == 1 and len(asked) == times)
        assert asked[-1].request.url.endswith("/scan")
        assert asked[-1].request.post_data_json == {"code": number}
        return asked[-1]

    first = asks("M1001", 1)
    page.keyboard.press("Escape")
    expect(field).to_have_value("")
    second, third = asks("M1002", 2), asks("M1003", 3)  # and somebody else again, without a key between
    for late in (first, second):
        with page.expect_response("**/api/v1/kiosk/scan"):
            late.fulfill(json=of_the_first)
    third.fulfill(json={"kind": "unknown", "misread": False})
    expect(main).to_have_attribute("data-view", "unknown")
    page.keyboard.press("Enter")
    asks("M1004", 4).fulfill(json=of_the_first | {"number": "M1004"})
    expect(main).to_contain_text("Badge M1004")
    field.fill("changed a fan")
    page.evaluate(SCAN, "M1005")
    assert until(lambda: page.evaluate("1") == 1 and len(asked) == 5)
    asked[-1].fulfill(json=of_the_first | {"number": "M1005"})
    expect(main).to_contain_text("Badge M1005")
    expect(field).to_have_value("")
    field.fill("changed a fan")
    page.keyboard.press("Enter")
    assert until(lambda: page.evaluate("1") == 1 and len(asked) == 6)
    page.evaluate(SCAN, "M1006")
    expect(main.get_by_role("alert")).to_contain_text("One moment: that was not taken yet")
    asked[-1].fulfill(json={"entries": [1]}, status=201)
    expect(main).to_contain_text("Written into the register")
    assert len(asked) == 6


class ServedDepot(Depot):
    """A site without a goods door, and its clients over the socket."""

    def __init__(self, served: Served) -> None:
        served.context.clock = FixedClock(START)
        self.real = RealDesk(served)
        super().__init__(served.app, goods=False)

    def client(self, role: Role = "administrator") -> Any:
        return self.real.client(role)


def test_what_is_scanned_while_an_order_completes_is_answered_and_stays_in_sight(page: Page, served: Served) -> None:  # noqa: F811
    depot = ServedDepot(served)
    try:
        order = depot.approved({"model": "R750", "serials": ["SN-1", "SN-2"]})
    finally:
        for client in depot.real.open.values():
            client.close()
    sign_in(page, served)
    page.goto(f"{served.url}/equipment/orders/{order['id']}")
    expect(page.locator("#live-chip")).to_have_attribute("data-state", "up")
    for serial in ("SN-1", "SN-2", "SN-3"):
        page.evaluate(SCAN, serial)
    log, main = page.locator("[data-log] li"), page.locator("main")
    expect(log).to_have_count(3)
    expect(log.nth(2)).to_contain_text("✓ SN-1")
    expect(log.nth(0)).to_contain_text("keep it outside")
    expect(page.locator("#received")).to_have_text("2 / 2")
    expect(main).to_contain_text("The order is complete")
    assert faults(page) == []
    page.context.clear_cookies()
    for serial in ("SN-4", "SN-5"):
        page.evaluate(SCAN, serial)
    for entry in (log.nth(0), log.nth(1)):
        expect(entry).to_contain_text("Not received: sign in, then scan it again.")
    expect(log).to_have_count(5)
    expect(main.get_by_role("link", name="Sign in")).to_be_visible()
