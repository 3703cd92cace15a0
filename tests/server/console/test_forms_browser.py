"""Forms in a real browser: what no HTTP test can see. Both versions of a conflict, an ended session, one sending, problems beside their fields."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlmodel import delete

from server.config import load_config
from server.operators.actor import SYSTEM
from server.operators.models import OperatorSession
from server.operators.password_changes import set_password
from server.operators.passwords import hash_password
from server.operators.permissions import Role
from server.operators.service import create_operator, create_token
from tests.chromium import AS_A_PERSON_MS, launched, scan
from tests.server.conftest import SITE
from tests.server.console.conftest import Served, serving
from tests.server.waiting import until

pytestmark = pytest.mark.browser
PASSWORD = "Lantern-Quay-27-otter"
expect.set_options(timeout=15_000)  # a loaded machine is slow, not wrong
FILE = "/customers/C001"


class Desk:
    """A served console with one customer, two operators, and the API beside it."""

    def __init__(self, served: Served) -> None:
        self.served, context = served, served.context
        now = context.clock.now()
        with context.database.write() as session:
            _, token = create_token(session, SYSTEM, now, "crm", "administrator")
        for username, name in (("chen", "Chen"), ("zhou", "Zhou")):
            role: Role = "customer_service"
            with context.database.write() as session:
                operator, _ = create_operator(session, SYSTEM, now, username, name, role)
                set_password(session, operator, hash_password(PASSWORD), now, must_change=False)
        self.api = httpx2.Client(base_url=f"{served.url}/api/v1", headers={"Authorization": f"Bearer {token}"})
        made = {"code": "C001", "kind": "organisation", "name": "Blue Mountain", "owner": "Chen"}
        assert self.api.post("/customers", json=made).status_code == 201

    def customer(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.api.get("/customers/C001").json()
        return shown

    def end_sessions(self) -> None:
        with self.served.context.database.write() as session:
            session.connection().execute(delete(OperatorSession))

    def sign_in(self, page: Page, username: str = "chen") -> None:
        """On whatever page the browser was sent to the sign-in from."""
        page.get_by_label("User name").fill(username)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)


def alive(page: Page) -> None:
    """The page's modules are there, and what was typed before is back in its forms."""
    expect(page.locator("#live-chip")).to_have_attribute("data-state", "up")


@pytest.fixture(scope="module")
def desk(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("forms")
    (folder / "menjin.db").write_bytes(sqlite_template.read_bytes())
    (folder / "site.toml").write_text(SITE, "utf-8")
    text = f'dir = "server"\nsite_file = "site.toml"\ndatabase_url = "sqlite:///{folder}/menjin.db"\n'
    (folder / "server.toml").write_text(text, "utf-8")
    with serving(load_config(folder / "server.toml")) as served:
        made = Desk(served)
        yield made
        made.api.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, desk: Desk) -> Iterator[Page]:
    faults: list[str] = []
    made = context.new_page()
    made.on("pageerror", lambda error: faults.append(str(error)))
    made.goto(desk.served.url + FILE)
    desk.sign_in(made)
    expect(made.locator("h1")).to_contain_text("C001")
    yield made
    assert faults == []


def edit(page: Page, **values: str) -> None:
    """Open the form of the facts and type."""
    page.locator("[data-act=edit]").click()
    for name, text in values.items():
        page.locator(f"#edit-facts [name={name}]").fill(text)


def test_a_conflict_shows_both_versions_and_loses_nothing(page: Page, desk: Desk) -> None:
    edit(page, name="Blue Mountain Bank", remark="mine")
    assert desk.api.patch("/customers/C001", json={"remark": "theirs", "owner": "Zhou"}).status_code == 200
    page.locator("#edit-facts button.main").last.click()
    expect(page.locator(".conflict")).to_be_focused()
    rows = {
        row.locator("th").inner_text().split("\n")[0]: row.locator("td").all_inner_texts()
        for row in page.locator(".conflict tbody tr").all()
    }
    assert rows == {
        "Customer's name": ["Blue Mountain Bank", "Blue Mountain", "Blue Mountain"],
        "Remark": ["mine", "theirs", "—"],
        "Looked after by": ["Chen", "Zhou", "Chen"],
    }
    page.get_by_role("button", name="Send mine all the same").click()
    expect(page.locator("h1")).to_contain_text("Blue Mountain Bank")
    now = desk.customer()
    assert (now["name"], now["remark"], now["owner"]) == ("Blue Mountain Bank", "mine", "Zhou"), (
        "what was not touched stays theirs"
    )


def test_an_ended_session_brings_back_what_its_operator_typed_and_nobody_else(page: Page, desk: Desk) -> None:
    edit(page, remark="typed before the session ended")
    desk.end_sessions()
    page.wait_for_url("**/sign-in?**")  # the stream ends within 2 s, before anything is sent
    desk.sign_in(page, "zhou")
    expect(page.locator("h1")).to_contain_text("C001")
    alive(page)
    expect(page.locator("#edit-facts [name=remark]")).not_to_have_value("typed before the session ended")
    desk.end_sessions()
    page.wait_for_url("**/sign-in?**")
    desk.sign_in(page)
    assert page.url.endswith(FILE)
    remark = page.locator("#edit-facts [name=remark]")
    expect(remark).to_have_value("typed before the session ended")
    expect(remark).to_be_focused()
    expect(page.locator("#edit-facts .draft")).to_contain_text("not sent yet")
    page.locator("#edit-facts button.main").last.click()
    expect(page.locator(".facts-list").first).to_contain_text("typed before the session ended")
    assert page.evaluate("Object.keys(sessionStorage).filter((one) => one.startsWith('menjin.draft'))") == []
    edit(page, remark="left on purpose")
    page.on("dialog", lambda dialog: dialog.accept())  # leaving with something typed asks first
    page.get_by_role("button", name="Sign out").click()
    desk.sign_in(page)
    page.goto(desk.served.url + FILE)
    alive(page)
    expect(page.locator("#edit-facts [name=remark]")).to_have_value("typed before the session ended")


def test_problems_stand_beside_their_fields_and_a_double_click_sends_once(page: Page, desk: Desk) -> None:
    page.locator("[data-act=new-contact]").click()
    form = page.locator("#new-contact")
    form.locator("button.main").click()
    name = form.locator("[name=name]")
    expect(name).to_be_focused()
    expect(page.locator(f"#{name.get_attribute('aria-describedby')}")).to_have_text("This is still to be filled in.")
    name.fill("Wang Fang")
    form.locator("[name=phone]").fill("no phone")
    form.locator("button.main").click()
    phone = form.locator("[name=phone]")
    expect(phone).to_have_attribute("aria-invalid", "true")
    expect(page.locator(f"#{phone.get_attribute('aria-describedby')}")).to_contain_text("This is no telephone number")
    expect(form.locator("[data-problem]")).to_contain_text("This is no telephone number")
    phone.fill("13800000000")
    page.locator("[data-act=new-holder]").click()
    page.locator("#new-holder [name=name]").fill("Li Na")
    sent: list[dict[str, str]] = []

    def lose_the_first(route: Route) -> None:
        sent.append(route.request.headers)
        if len(sent) > 1:
            route.fallback()
            return
        route.fetch()  # the server has it, and the answer is lost
        route.abort()

    page.route("**/api/v1/contacts", lose_the_first)
    form.locator("button.main").dblclick()
    expect(form.locator("[data-problem]")).to_contain_text("it counts once")
    expect(name).to_have_value("Wang Fang")
    form.locator("button.main").click()
    expect(page.locator(".person-list").first).to_contain_text("W***")
    expect(page.locator("#new-holder [name=name]")).to_have_value(
        "Li Na"
    )  # what stood in another form, after the page came anew
    assert len(sent) == 2, "the second click of the two sent nothing"
    assert sent[0]["idempotency-key"] == sent[1]["idempotency-key"]
    assert len(desk.api.get("/contacts", params={"customer": "C001"}).json()["items"]) == 1


def test_nothing_is_sent_again_between_the_answer_and_the_page_that_follows(page: Page, desk: Desk) -> None:
    page.locator("[data-act=new-contact]").click()
    form = page.locator("#new-contact")
    form.locator("[name=name]").fill("Zhao Min")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    coming: list[Route] = []
    page.route(f"**{FILE}", lambda route: coming.append(route), times=1)  # the page that follows lets wait
    page.evaluate(
        """() => document.addEventListener("sent", ({ target }) => setTimeout(() => {
        target.querySelector("button.main").click(); target.requestSubmit(); console.log("again"); }))"""
    )
    with (
        page.expect_request(lambda request: request.is_navigation_request()),
        page.expect_console_message(lambda message: message.text == "again"),
    ):
        form.locator("button.main").click(no_wait_after=True)
    while not coming:
        page.wait_for_timeout(20)
    coming[0].continue_()
    expect(page.locator(".person-list").first).to_contain_text("Z***")
    assert [one.rpartition("/")[2] for one in sent] == ["contacts"]


def test_what_was_typed_meets_what_a_colleague_changed_when_the_page_comes_anew_and_not_ones_own_step(
    page: Page, desk: Desk
) -> None:
    def made(noun: str, **given: Any) -> str:
        return str(desk.api.post(f"/{noun}", json={"customer": "C001"} | given).json()["id"])

    contact = made("contacts", name="Sun Li", phone="13800000001")
    contract = made("contracts", number="HT-6", status="draft", **{"from": "2026-01-01"})
    page.reload()
    row, article = page.locator(f"#{contact}"), page.locator(f"#{contract}")
    for place in (row, article):
        place.locator("summary", has_text="Change …").click()
    row.locator("form [name=phone]").fill("13800000002")
    article.locator("form[data-method=PATCH] [name=number]").fill("HT-7")
    assert desk.api.patch(f"/contacts/{contact}", json={"phone": "13800000003"}).status_code == 200
    article.get_by_role("button", name="Signed: put in force").click()
    expect(row.locator(".conflict")).to_contain_text("13800000002")
    expect(row.locator(".draft")).to_contain_text("still here")
    expect(article.locator("form[data-method=PATCH] [name=number]")).to_have_value("HT-7")
    expect(article.locator(".conflict")).to_have_count(0)


def test_a_file_that_may_have_arrived_counts_once_and_a_form_that_came_later_says_what_is_wrong(
    page: Page, desk: Desk
) -> None:
    page.evaluate(
        """() => document.querySelector("main").insertAdjacentHTML("beforeend", `<form id="later" data-api="/api/v1/later">
        <input type="file" name="file"><input name="what" required><button class="main">Send</button></form>`)"""
    )
    form = page.locator("#later")
    form.locator("button").evaluate("button => button.click()")  # as where a tap gives no focus
    expect(form.locator(".field-problem")).to_have_text("This is still to be filled in.")
    form.locator("[name=what]").fill("stock")
    form.locator("[name=file]").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": b"R750"})
    keys: list[str | None] = []

    def lose(route: Route) -> None:
        keys.append(route.request.headers.get("idempotency-key"))
        route.abort()

    page.route("**/api/v1/later", lose)
    for times in (1, 2):
        form.locator("button").click()
        assert until(lambda: page.evaluate("1") == 1 and len(keys) == times)  # noqa: B023 - called here
        expect(form.locator("[data-problem]")).to_contain_text("it counts once")
        expect(form.locator("button")).to_be_enabled()
    assert keys[0] is not None
    assert keys[0] == keys[1]
    page.route("**/api/v1/later", lambda route: route.fulfill(json={}))
    page.evaluate(
        """() => document.addEventListener("sent", (event) => { event.preventDefault();
        event.detail.until = new Promise((resolve) => { window.over = resolve; }); })"""
    )
    form.locator("button").click()
    page.wait_for_function("() => window.over")
    expect(form.locator("button")).to_be_disabled()  # what came of it is still followed
    page.evaluate("() => window.over()")
    expect(form.locator("button")).to_be_enabled()
    page.evaluate("() => document.getElementById('later').remove()")


def test_a_state_that_is_gone_is_said_and_a_file_too_large_is_not_sent(page: Page, desk: Desk) -> None:
    given = {"customer": "C001", "number": "HT-1", "status": "draft", "from": "2026-01-01"}
    contract = desk.api.post("/contracts", json=given).json()["id"]
    page.reload()
    article = page.locator(f"#{contract}")
    article.locator("summary", has_text="Change …").click()
    article.locator("[name=number]").fill("HT-2")
    assert desk.api.post(f"/contracts/{contract}/sign").status_code == 200
    assert desk.api.post(f"/contracts/{contract}/end").status_code == 200
    article.locator("form[data-method=PATCH] button.main").click()
    conflict = article.locator(".conflict")
    expect(conflict).to_contain_text("It is now:")
    expect(conflict.locator("tbody")).to_contain_text("HT-2")
    expect(article.locator("form[data-method=PATCH] [data-problem]")).to_contain_text("this step is over")
    said = page.evaluate(
        """async () => {
            const { fileProblem } = await import(document.querySelector('script[src$="page.js"]').src.replace("page.js", "upload.js"));
            const input = Object.assign(document.createElement("input"), { type: "file", accept: "image/jpeg" });
            const choose = (size, type) => { const all = new DataTransfer(); all.items.add(new File([new Uint8Array(size)], "x", { type })); input.files = all.files; return fileProblem(input, (text) => text); };
            return [choose(11 * 2 ** 20, "image/jpeg"), choose(0, "image/jpeg"), choose(9, "image/gif"), choose(9, "image/jpeg")];
        }"""
    )
    assert "11.0 MB" in said[0], json.dumps(said)
    assert "empty" in said[1]
    assert "JPEG" in said[2]
    assert said[3] is None


def test_a_contract_is_in_force_only_when_that_button_was_pressed(page: Page, desk: Desk) -> None:
    def status_of(number: str) -> str:
        [contract] = desk.api.get("/contracts", params={"number": number}).json()["items"]
        return str(contract["status"])

    for number, button in (("HT-D", "Keep as a draft"), ("HT-S", "It is signed: in force")):
        page.locator("[data-act=new-contract]").click()
        page.locator("#new-contract [name=number]").fill(number)
        page.locator("#new-contract [name=from]").fill("2026-01-01")
        page.get_by_role("button", name=button).click()
        expect(page.locator("article", has_text=number)).to_be_visible()
    assert (status_of("HT-D"), status_of("HT-S")) == ("draft", "active")
    page.locator("[data-act=new-contract]").click()
    page.locator("#new-contract [name=number]").fill("HT-N")
    page.locator("#new-contract [name=from]").fill("2026-01-01")
    page.locator("#new-contract").evaluate("form => form.requestSubmit()")  # by no button
    expect(page.locator("article", has_text="HT-N")).to_be_visible()
    assert status_of("HT-N") == "draft"


def test_lines_that_somebody_else_added_or_took_away_are_neither_lost_nor_back(page: Page, desk: Desk) -> None:
    dates = {"from": "2026-01-01", "until": "2036-01-01"}
    contract = {"customer": "C001", "number": "HT-2", "areas": ["hall"], "ip_allowance": 9, "port_allowance": 9}
    signed = desk.api.post("/contracts", json=contract | dates).json()["id"]
    plan = {"contract": signed, "planned_from": "2035-01-01T00:00:00Z", "planned_until": "2035-01-02T00:00:00Z"}
    a, b, c = ({"model": model, "quantity": 1} for model in ("Ant", "Bee", "Cat"))
    made = desk.api.post("/work-orders", json={"customer": "C001", "lines": [a, b]} | plan)
    assert made.status_code == 201, made.text
    path = f"/work-orders/{made.json()['id']}"

    def models() -> list[str]:
        return [line["model"] for line in desk.api.get(path).json()["lines"]]

    page.goto(f"{desk.served.url}/equipment/orders/{made.json()['id']}")
    page.locator("[name='lines.0.model']").fill("Ape")
    assert desk.api.patch(path, json={"lines": [a, b, c]}).status_code == 200
    page.locator("[data-act=keep-lines]").click()
    expect(page.locator(".conflict")).to_be_visible()
    with page.expect_navigation():
        page.get_by_role("button", name="Send mine all the same").click()
    expect(page.locator("[name='lines.2.model']")).to_have_value("Cat")
    expect(page.locator(".conflict")).to_have_count(0)
    assert models() == ["Ape", "Bee", "Cat"]
    page.locator("[name='lines.0.model']").fill("Asp")
    assert desk.api.patch(path, json={"lines": [a, b]}).status_code == 200
    page.locator("[data-act=keep-lines]").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Send mine all the same").click()
    expect(page.locator(".conflict")).to_have_count(0)
    expect(page.locator("[name='lines.2.model']")).to_have_count(0)
    assert models() == ["Asp", "Bee"]


def test_a_number_in_full_width_digits_is_that_number_and_what_is_none_is_refused(page: Page, desk: Desk) -> None:
    dates = {"from": "2026-01-01", "until": "2036-01-01"}
    contract = {"customer": "C001", "number": "HT-Q", "areas": ["hall"], "ip_allowance": 99, "port_allowance": 99}
    made = desk.api.post("/contracts", json=contract | dates)
    assert made.status_code == 201, made.text
    order = {"customer": "C001", "contract": made.json()["id"], "lines": [{"model": "Yak", "quantity": 1}]}
    plan = {"planned_from": "2035-01-01T00:00:00Z", "planned_until": "2035-01-02T00:00:00Z"}
    made = desk.api.post("/work-orders", json=order | plan)
    assert made.status_code == 201, made.text
    path = f"/work-orders/{made.json()['id']}"
    page.goto(f"{desk.served.url}/equipment/orders/{made.json()['id']}")
    quantity = page.locator("[name='lines.0.quantity']")
    quantity.fill("2台")
    page.locator("[data-act=keep-lines]").click()
    expect(quantity).to_have_attribute("aria-invalid", "true")
    said = page.locator(f"#{quantity.get_attribute('aria-describedby')}")
    expect(said).to_have_text(re.compile("^Input should be a valid integer"))  # without its name for a program
    assert desk.api.get(path).json()["lines"][0]["quantity"] == 1
    quantity.fill("１２")
    with page.expect_navigation():
        page.locator("[data-act=keep-lines]").click()
    expect(quantity).to_have_value("12")
    assert desk.api.get(path).json()["lines"][0]["quantity"] == 12


def test_keys_do_nothing_behind_a_dialog_and_what_no_page_takes_for_a_scan_stays_typed(page: Page, desk: Desk) -> None:
    alive(page)
    page.keyboard.press("?", delay=AS_A_PERSON_MS)
    expect(page.locator("#shortcuts")).to_be_visible()
    page.evaluate(
        "() => { document.activeElement.blur(); document.addEventListener('click', () => { window.clicked = true; }); }"
    )
    for key in ("e", "n", "o", "g", "b"):
        page.keyboard.press(key, delay=AS_A_PERSON_MS)
    page.keyboard.press("Escape")  # by which the key before it would have acted
    assert page.evaluate("() => window.clicked") is None
    edit(page, remark="")
    page.locator("#edit-facts [name=remark]").focus()
    page.evaluate(
        """() => { const field = document.activeElement; for (const key of [..."secret", "Tab"]) {
        const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
        if (key.length === 1) { field.dispatchEvent(event); field.value += key; } else window.kept = field.dispatchEvent(event); } }"""
    )
    expect(page.locator("#edit-facts [name=remark]")).to_have_value("secret")
    assert page.evaluate("() => window.kept") is True


def test_a_scan_is_told_whole_and_neither_types_chooses_nor_presses(page: Page, desk: Desk) -> None:
    alive(page)
    page.evaluate(
        """() => { window.scanned = []; document.addEventListener("scan", (event) => {
        window.scanned.push(event.detail.text); event.preventDefault(); }); }"""
    )
    edit(page)
    remark = page.locator("#edit-facts [name=remark]")
    remark.fill("")
    remark.focus()
    page.keyboard.type("R75", delay=AS_A_PERSON_MS)
    scan(page, "SN-123")
    expect(remark).to_have_value("R75")
    page.locator("[data-act=edit]").click()
    page.locator("[data-act=new-contract]").click()
    kind = page.locator("#new-contract [name=kind]")
    kind.focus()
    scan(page, "oTHER-77")
    expect(kind).to_have_value("hosting")
    page.evaluate("() => document.activeElement.blur()")
    scan(page, "e4711")  # e: the form of the facts
    page.keyboard.press("?", delay=AS_A_PERSON_MS)
    expect(page.locator("#shortcuts")).to_be_visible()
    expect(page.locator("#edit-facts")).to_be_hidden()
    assert page.evaluate("window.scanned") == ["SN-123", "oTHER-77", "e4711"]
    page.keyboard.press("Escape")
    page.keyboard.press("e", delay=AS_A_PERSON_MS)
    expect(page.locator("#edit-facts")).to_be_visible()


def test_a_scan_on_any_page_leads_to_what_it_names_and_stands_in_no_address(page: Page, desk: Desk) -> None:
    alive(page)
    page.evaluate("() => document.activeElement.blur()")
    scan(page, "S-0000-UNKNOWN")
    expect(page.locator("[data-scan-said]")).to_contain_text("There is no exit slip")
    assert page.url.endswith(FILE)
    asked: list[str | None] = []

    def answer(route: Route) -> None:
        asked.append(route.request.post_data)
        route.fulfill(json={"to": "/badges/to-return"})

    page.route("**/scanned", answer)
    for path in ("/live", "/badges", "/visits"):  # by the general listener and by those of the pages
        page.goto(desk.served.url + path)
        expect(page.locator("body[data-link=up], #live-chip[data-state=up]")).to_have_count(1)
        page.evaluate("() => document.activeElement.blur()")
        scan(page, "S-1234-5678")
        page.wait_for_url("**/badges/to-return")
    assert asked == ['{"text":"S-1234-5678"}'] * 3


def test_a_supervisor_decides_on_a_phone_what_management_authorises(desk: Desk, chromium: Browser) -> None:
    context, now = desk.served.context, desk.served.context.clock.now()
    with context.database.write() as session:
        operator, _ = create_operator(session, SYSTEM, now, "qian", "Qian", "supervisor")
        set_password(session, operator, hash_password(PASSWORD), now, must_change=False)
    asked = [
        desk.api.post("/approvals", json={"kind": kind, "subject": "2026-11-21 03:00", "reason": "disk lost"}).json()[
            "id"
        ]
        for kind in ("restore", "repair")
    ]
    phone = chromium.new_context(locale="en-GB", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = phone.new_page()
    page.goto(desk.served.url + "/approvals")
    desk.sign_in(page, "qian")
    expect(page.locator(".verdict[data-kind=authority]")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    restore, repair = (page.locator(f"#authority-{one}") for one in asked)
    restore.locator("[data-act=approve]").tap()
    expect(restore).to_have_count(0)
    expect(page.locator("#decided")).to_have_text("Done: Approve · Restore of data 2026-11-21 03:00")
    repair.locator("[data-act=refuse-open]").tap()
    repair.locator("[name=note]").fill("use the backup")
    repair.locator("[data-act=refuse]").tap()
    expect(repair).to_have_count(0)
    expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert [desk.api.get(f"/approvals/{one}").json()["status"] for one in asked] == ["approved", "refused"]
    phone.close()
