"""A badge by the pages: from the application to the door, and lost (B1, B2, B4, R3)."""

from playwright.sync_api import Page, expect

from tests.stack.flows.console import Console, paper, settled

CARD = "flow-badge"
WRITTEN_MS = 60_000


def test_a_badge_is_applied_for_approved_written_at_the_desk_and_opens_a_door(console: Console) -> None:
    desk = console.page("customer_service", "/applications/new")
    apply(desk, "C006", "贺兰英", "G61234567")
    hand_in_papers(desk, "贺兰英")
    approver = console.page("customer_service2", desk.url.removeprefix(console.url))
    approver.click("[data-act=approve]")
    expect(approver.locator("#progress [data-step=approved]")).to_have_attribute("data-state", "done")
    desk.reload()
    number = write_the_card(console, desk)
    desk.click("[data-declaration] summary")
    desk.check("[data-declaration] [name=signed]")
    desk.click("[data-declaration] button")
    expect(desk.locator("[data-declaration]")).to_have_count(0)
    desk.click("[data-act=badge]")
    expect(desk.locator("#reach .reach-text")).to_have_class("reach-text good")

    guard = console.page("guard")
    expect(guard.locator("body")).to_have_attribute("data-link", "up")
    assert console.site.tap(CARD, "lobby-in").decision == "granted"
    console.walk("lobby-door")
    tap = guard.locator("#taps [data-size=large]")
    expect(tap).to_contain_text(number)
    expect(tap).to_contain_text("Granted")
    expect(tap.get_by_role("img", name=f"Photo of the holder of {number}")).to_have_js_property("naturalHeight", 400)
    expect(guard.locator('#events [data-kind="AccessTaken"]').first).to_contain_text(number)
    console.go(guard, f"/register?badge={number}")
    expect(guard.locator("main")).to_contain_text(number)
    expect(guard.locator("main")).to_contain_text("Lobby")


def test_a_badge_that_is_reported_lost_is_refused_with_an_alarm_and_the_photo(console: Console) -> None:
    service = console.page("customer_service", "/badges")
    service.fill("#search [name=q]", "M1005")
    service.press("#search [name=q]", "Enter")
    service.click("#found a.whole")
    lost = service.locator("[data-report=lost]")
    lost.locator("summary").click()
    lost.locator("textarea").fill("遗失在出租车上")
    lost.locator("button").click()
    expect(service.locator("#stands .standing")).to_have_attribute("data-value", "lost")
    expect(service.locator("#reach .reach-text")).to_have_class("reach-text good")

    guard = console.page("guard")
    expect(guard.locator("body")).to_have_attribute("data-link", "up")
    refused = console.site.tap("b-zhou", "lobby-in")
    assert (refused.decision, refused.reason) == ("denied", "BADGE_LOST")
    alarm = guard.locator("#alarms .alarm", has_text="M1005")
    expect(alarm).to_contain_text("Lost badge")
    expect(alarm.get_by_role("img", name="Photo of the holder of M1005")).to_have_js_property("naturalHeight", 400)
    expect(guard.locator("#taps [data-lost]").first).to_contain_text("M1005")
    acknowledge(guard, "M1005", "拾到者交回，已转交客服")
    expect(alarm).to_have_count(0)
    expect(guard.locator('#events [data-kind="AlarmAcknowledged"]').first).to_contain_text("已转交客服")


def apply(desk: Page, customer: str, name: str, id_number: str) -> None:
    """For somebody new."""
    desk.fill("[name=q]", customer)
    desk.press("[name=q]", "Enter")
    desk.click(f"[data-customer={customer}] a.whole")
    desk.check("#somebody-new")
    desk.fill("[name='person.name']", name)
    desk.select_option("[name='person.id_document']", "passport")
    desk.fill("[name='person.id_number']", id_number)
    desk.fill("[name=purpose]", "例行维护")
    desk.check("[name=consent]")
    desk.click("[data-act=apply]")
    expect(desk.locator("#progress [data-step=papers]")).to_have_attribute("data-state", "now")


def hand_in_papers(desk: Page, of: str) -> None:
    """The photo by the desk's camera, the rest from files."""
    desk.click("[data-act=camera]")
    desk.click("[data-act=shoot]")
    desk.click("[data-act=keep-photo]")
    expect(desk.locator("[data-part=photo]")).to_have_attribute("data-there", "True")
    for part in ("id_copy", "letter"):
        settled(desk)  # what sends a chosen file at once is there
        desk.set_input_files(f"#give-{part} input[type=file]", paper(part, of))
        expect(desk.locator(f"[data-part={part}]")).to_have_attribute("data-there", "True")
    expect(desk.locator("#progress [data-step=papers]")).to_have_attribute("data-state", "done")


def write_the_card(console: Console, desk: Page) -> str:
    """A blank card on the desk's reader. Returns the number that it carries then."""
    number = desk.locator("#encode [name=number]").input_value()
    desk.click("[data-act=encode]")
    writing = desk.locator("#writing")
    expect(writing).to_have_attribute("data-state", "card")
    console.stack.hall.post("/cards", {"id": CARD, "technology": "desfire-blank", "number": ""})
    with desk.expect_navigation(timeout=WRITTEN_MS):  # what stands on the page may be fresh before it comes anew
        console.stack.hall.post("/lay", {"card": CARD, "reader": "desk"})
    expect(desk.locator("#badge-now")).to_contain_text(number)
    console.stack.hall.post("/remove", {"reader": "desk"})
    return number


def acknowledge(guard: Page, alarm: str, note: str) -> None:
    """In the one dialog, with what was found."""
    guard.locator("#alarms .alarm", has_text=alarm).locator("[data-act=acknowledge]").click()
    guard.fill("#ask-text", note)
    guard.click("#ask-do")
    expect(guard.locator("#ask")).to_be_hidden()
