"""A visitor by the pages: announced, approved, checked in, escorted, gone (B8, R3-R6, R8)."""

from playwright.sync_api import Page, expect

from tests.stack.flows.console import Console, paper, press, settled, site_minute, type_as_scanner

NAME, ID_NUMBER = "欧阳明", "E98765432"
CARD = "T9101"


def test_a_visitor_is_announced_approved_checked_in_escorted_and_checked_out(console: Console) -> None:
    service = console.page("customer_service", "/visits/cards")
    add_to_the_pool(console, service)
    permit = draft(console, service, "C002", "replace two disks", NAME, ID_NUMBER, operates=True)
    service.locator("form[data-api$='/submit'] button").click()
    expect(service.locator("h1 .badge-state")).to_have_attribute("data-value", "submitted")
    for who in ("customer_service2", "it_head"):
        approver = console.page(who, permit)
        approver.click("[data-act=approve]")
        expect(approver.locator("[data-act=approve]")).to_have_count(0)
    service.reload()
    code = service.locator(".code-large").inner_text()

    guard = console.page("guard", "/visits")
    kiosk = console.kiosk()
    type_as_scanner(kiosk, code)
    expect(kiosk.locator("main")).to_have_attribute("data-view", "expected")
    kiosk.keyboard.press("Enter")
    expect(kiosk.locator("main")).to_contain_text("The desk knows that you are here")
    guard.reload()
    guard.locator(".arrived li", has_text="replace two disks").locator("a.whole").click()
    check_in(guard)
    console.in_force()

    tap = console.site.tap
    assert tap(CARD, "hall-in").reason in ("ESCORT_REQUIRED", "")
    assert tap("b-guo", "hall-in").decision == "granted"
    console.walk("hall-door", people=2)
    guard.reload()
    expect(guard.locator("h1 .badge-state")).to_have_attribute("data-value", "inside")
    tap(CARD, "hall-out")
    assert tap("b-guo", "hall-out").decision == "granted"
    console.walk("hall-door", people=2, out=True)
    assert tap(CARD, "lobby-out").decision == "granted"
    console.walk("lobby-door", out=True)
    check_out(guard)
    witness = console.page("guard2", guard.url.removeprefix(console.url))
    witness.locator("form[data-api$='/witness'] button").click()
    expect(witness.locator(".signatures li")).to_have_count(2)
    expect(witness.locator(".signatures")).not_to_contain_text("DOES NOT HOLD")
    expect(witness.locator("h1 .badge-state")).to_have_attribute("data-value", "closed")
    console.go(witness, f"/register?badge={CARD}&area=hall")
    expect(witness.locator("main")).to_contain_text("changed two disks")
    console.go(witness, f"/register?badge={CARD}&incomplete=true")
    expect(witness.locator("main")).not_to_contain_text(CARD)


def add_to_the_pool(console: Console, service: Page) -> None:
    """A card that is lent to visitors."""
    console.stack.hall.post("/cards", {"id": CARD, "technology": "desfire", "number": CARD})
    service.fill("[data-act=add-card] [name=number]", CARD)
    service.fill("[data-act=add-card] [name='card.number']", CARD)
    service.locator("[data-act=add-card] button").click()
    expect(service.locator("#card-list")).to_contain_text(CARD)


def draft(
    console: Console, service: Page, customer: str, reason: str, name: str, id_number: str, *, operates: bool
) -> str:
    """A permit for one person with all papers. Returns its path."""
    console.go(service, f"/permits/new?customer={customer}")
    service.fill("[name=reason]", reason)
    for area in ("lobby", "hall"):
        service.check(f"[name=areas][value={area}]")
    service.fill("[name=from]", site_minute(-1))
    service.fill("[name=until]", site_minute(3))
    if operates:
        service.check("[name=operates]")
    service.click("[data-act=draft]")
    person = service.locator("form[data-act=add-person]")
    person.locator("[name=name]").fill(name)
    person.locator("[name=id_document]").select_option("passport")
    person.locator("[name=id_number]").fill(id_number)
    person.locator("button").click()
    copy = service.locator("form[data-api$='/id-copy']")
    copy.locator("input").set_input_files(paper("id_copy", name))
    copy.locator("button").click()
    expect(service.locator("#persons + ul .state")).to_contain_text("complete")
    letter = service.locator("form[data-act=letter]")
    letter.locator("input").set_input_files(paper("letter", name))
    letter.locator("button").click()
    expect(service.locator("form[data-api$='/submit']")).to_be_visible()
    return service.url.removeprefix(console.url)


def check_in(guard: Page) -> None:
    """Document, declaration, photo, badge."""
    guard.select_option("[name=id_document]", "passport")
    guard.fill("[name=number]", ID_NUMBER[-4:])
    guard.locator("form[data-api$='/document'] button").click()
    expect(guard.locator(".stages .said").first).to_contain_text("It matches")
    settled(guard)  # all of them are there
    items = guard.locator(".declaration li")
    items.first.locator("input[type=radio]").first.focus()
    for _ in range(items.count()):
        press(guard, "y")
    guard.keyboard.press("Enter")
    expect(guard.locator(".declaration")).to_have_count(0)
    guard.click("[data-act=camera]")
    guard.click("[data-act=shoot]")
    guard.click("[data-act=keep-photo]")
    expect(guard.locator("#give-photo")).to_have_count(0)
    type_as_scanner(guard, CARD)
    expect(guard.locator("#card")).to_have_value(CARD)
    guard.locator("form[data-api$='/check-in'] button").click()
    expect(guard.locator("h1 .badge-state")).to_have_attribute("data-value", "checked_in")


def check_out(guard: Page) -> None:
    """What was done, the badge back, the guard's signature."""
    guard.reload()
    out = guard.locator("form[data-api$='/check-out']")
    type_as_scanner(guard, CARD)
    expect(out.locator("[name=badge][value=returned]")).to_be_checked()
    out.locator("[name=content]").fill("replaced two disks")
    out.locator("[name=operations]").fill("changed two disks, rebuilt the array")
    out.locator("[name=operated]").check()
    out.locator("button").click()
    expect(guard.locator(".signatures li")).to_have_count(1)
