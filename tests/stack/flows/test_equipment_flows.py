"""Equipment by the pages: in on a work order, out on an exit slip (E1-E6)."""

import io

import zxingcpp
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect
from pypdf import PageObject, PdfReader
from pypdf.generic import ContentStream

from controller.events import PolicyChanged
from tests.stack.flows.console import Console, press, site_minute, type_as_scanner

AT_THE_DOOR, AT_THE_DESK = "HY-R760-0301", "HY-R760-0302"
LEAVES = "HY-R750-0119"


def test_a_work_order_is_drafted_approved_and_received_at_the_door_and_at_the_desk(console: Console) -> None:
    service = console.page("customer_service", "/equipment")
    order = draft_order(service)
    supervisor = console.page("supervisor", order.removeprefix(console.url))
    supervisor.locator("form[data-api$='/approve-exception'] button").click()
    supervisor.click("[data-act=approve]")
    expect(supervisor.locator("h1 .badge-state")).to_have_attribute("data-value", "approved")
    guard = console.page("guard", order.removeprefix(console.url))
    guard.click("[data-act=unpacked]")
    expect(guard.locator("[data-act=unpacked]")).to_have_count(0)
    code = code_on_the_sheet(console, guard)
    expect(guard.locator("[data-act=reveal]")).to_have_count(0)  # no button that the server would refuse
    console.in_force()
    assert console.scan(code, "goods-in") == "accepted"
    assert console.scan("HY-R760-9999", "goods-in") == "denied"
    assert console.scan(AT_THE_DOOR, "goods-in") == "accepted"
    console.site.tap("b-li", "goods-in")  # one device is missing still: a second tap says that it is so
    assert console.site.tap("b-li", "goods-in").decision == "granted"
    console.walk("goods-door")
    in_the_inventory(console, guard, AT_THE_DOOR)

    before = console.site.tail.last_seq()
    bind_to_the_desk(supervisor)
    expect(supervisor.locator("main")).to_contain_text("It is asked back from edge-1")
    console.recorded(PolicyChanged, before)  # by which the door's edge has confirmed
    bind_to_the_desk(supervisor)
    expect(supervisor.locator("main")).not_to_contain_text("It is asked back from edge-1")
    guard.goto(order)
    expect(guard.locator("form[data-receive]")).to_be_visible()
    type_as_scanner(guard, "HY-R760-9999")
    expect(guard.locator("[data-log] li").first).to_contain_text("✗ HY-R760-9999")
    type_as_scanner(guard, AT_THE_DESK)
    expect(guard.locator("#received")).to_have_text("2 / 2")
    in_the_inventory(console, guard, AT_THE_DESK)
    assert console.site.tap("b-li", "goods-out").reason in ("", "NO_EXIT_SLIP")  # without equipment a second tap opens
    assert console.site.tap("b-li", "goods-out").decision == "granted"
    console.walk("goods-door", out=True)


def test_an_exit_slip_is_written_inspected_issued_printed_and_spent_at_the_door(console: Console) -> None:
    service = console.page("customer_service", "/equipment")
    slip = draft_slip(service, LEAVES, "迁往另一机房")
    service.locator("form[data-api$='/reconcile'] button").click()
    expect(service.locator("h1 .badge-state")).to_have_attribute("data-value", "reconciled")
    guard = console.page("guard", slip.removeprefix(console.url))
    guard.click("[data-act=inspect]")
    expect(guard.locator("h1 .badge-state")).to_have_attribute("data-value", "inspected")
    supervisor = console.page("supervisor", slip.removeprefix(console.url))
    supervisor.locator("form[data-api$='/approve'] button").click()
    expect(supervisor.locator("h1 .badge-state")).to_have_attribute("data-value", "approved")
    service.reload()
    service.click("[data-act=issue]")
    expect(service.locator("h1 .badge-state")).to_have_attribute("data-value", "issued")
    guard.reload()
    code = code_on_the_sheet(console, guard)
    console.in_force()

    assert console.site.tap("b-li", "goods-in").decision == "granted"
    console.walk("goods-door")
    console.site.tap("b-li", "goods-out")
    assert console.scan(code, "goods-out") == "accepted"
    assert console.scan("HY-R750-0118", "goods-out") == "denied"
    assert console.scan(LEAVES, "goods-out") in ("accepted", "granted")
    console.walk("goods-door", out=True)
    gone = guard.locator("h1 .badge-state")
    guard.reload()
    expect(gone).to_have_attribute("data-value", "spent")
    console.go(guard, f"/equipment/inventory?q={LEAVES}")
    expect(guard.locator("main")).to_contain_text("Nothing of the kind is there.")
    console.go(guard, "/equipment/path")
    type_as_scanner(guard, LEAVES)
    expect(guard.locator("main")).to_contain_text("Goods door")


def draft_order(service: Page) -> str:
    """Two devices that come today, which is late. Returns the order's address."""
    press(service, "o")
    service.fill("[name=q]", "华云")
    service.press("[name=q]", "Enter")
    service.click("[data-act=customer]")
    service.fill("[name=planned_from]", site_minute(-0.1))
    service.fill("[name=planned_until]", site_minute(5))
    service.click("[data-act=make-order]")
    row = service.locator("[data-row]")
    row.locator("[data-field=model]").fill("R760")
    row.locator("[data-field=serials]").focus()
    for serial in (AT_THE_DOOR, AT_THE_DESK):
        type_as_scanner(service, serial)
    service.click("[data-act=keep-lines]")
    expect(service.locator("#lines .number")).to_have_text("2")
    service.fill("[name=exception_reason]", "供应商提前一天到货")
    service.click("[data-act=hand-in]")
    expect(service.locator("h1 .badge-state")).to_have_attribute("data-value", "submitted")
    return service.url


def bind_to_the_desk(page: Page) -> None:
    """The rest of an order is received there."""
    page.reload()
    page.locator("summary", has_text="Received elsewhere").click()
    bind = page.locator("form[data-api$='/bind']")
    bind.locator("select").select_option("")
    bind.locator("button").click()
    expect(page.locator("form[data-api$='/bind']")).to_be_hidden()


def draft_slip(service: Page, serial: str, purpose: str) -> str:
    """One device of C001, ticked in the inventory by a scan. Returns the slip's address."""
    press(service, "s")
    service.click("[data-act=kind-withdrawal]")
    service.fill("[name=q]", "C001")
    service.press("[name=q]", "Enter")
    service.click("[data-act=customer]")
    service.fill("[name=purpose]", purpose)
    service.click("[data-act=make-slip]")
    expect(service.locator("[data-pick-list]")).to_contain_text(serial)
    type_as_scanner(service, serial)
    expect(service.locator(f"[data-serial='{serial}']")).to_be_checked()
    service.click("[data-act=keep-lines]")
    expect(service.locator("#lines .number")).to_have_text("1")
    service.click("[data-act=hand-in]")
    expect(service.locator("h1 .badge-state")).to_have_attribute("data-value", "submitted")
    return service.url


def code_on_the_sheet(console: Console, guard: Page) -> str:
    """What a scanner reads off the printed paper; the words beside it say the same."""
    path = guard.get_by_role("link", name="Print (PDF").get_attribute("href")
    sheet = guard.request.get(f"{console.url}{path}")
    assert sheet.ok
    assert sheet.body().startswith(b"%PDF")
    [page] = PdfReader(io.BytesIO(sheet.body())).pages
    [found] = zxingcpp.read_barcodes(drawn_squares(page))
    assert found.text in page.extract_text()
    return found.text


def drawn_squares(page: PageObject) -> Image.Image:
    """The QR code of a PDF's page: rows of strokes as wide as a module, in units of modules."""
    dots = 8
    picture = Image.new("L", (60 * dots, 60 * dots), 255)
    pen, start = ImageDraw.Draw(picture), (0.0, 0.0)
    for values, operator in ContentStream(page.get_contents(), page.pdf).operations:
        if operator in (b"m", b"l"):
            at = (float(values[0]), float(values[1]))
            if operator == b"l" and at[1] == start[1] and at[1] % 1 == 0.5 and at[1] < 60:
                top = (at[1] - 0.5) * dots
                pen.rectangle((start[0] * dots, top, at[0] * dots - 1, top + dots - 1), fill=0)
            start = at
    return picture


def in_the_inventory(console: Console, page: Page, serial: str) -> None:
    """Whether the page of the inventory lists it."""
    console.go(page, f"/equipment/inventory?q={serial}")
    expect(page.locator("main a.serial")).to_have_text(serial)
