"""The hall page in a real browser: seen, clicked, dragged, and by keyboard alone."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from sim.cable import Cable
from sim.cards.desfire import DesfireCard, StandardFile
from sim.cards.maker import AID, BADGE_FILE, badge_block
from sim.hall_http import make_app
from sim.site_folder import SiteFolder
from sim.waiting import until
from tests.chromium import launched
from tests.sim.hall_bench import HallBench, running_hall

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)  # a loaded machine is slow, not wrong

TABLE = {
    "papers": [
        {"kind": "slip", "number": "S-20261122-0001", "code": "S-T8CRGEW-E22DEEK", "customer": "C001"},
        {"kind": "order", "number": "W-20261122-0001", "code": "W-FY8TMX8-359SY29", "customer": "C001"},
    ],
    "devices": [
        {"serial": "HY-R750-0117", "model": "R750", "customer": "C001", "paper": "S-20261122-0001"},
        {"serial": "BC-DL380-2031", "model": "DL380", "customer": "C002"},
    ],
    "cards": ["T9001"],
    "visitors": [{"name": "邓超", "id_number": "110101199003070417"}],
    "applicants": [{"name": "林晓", "id_number": "310101199508120042", "customer": "C006"}],
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HallBench, str]]:
    with running_hall(tmp_path_factory.mktemp("page") / "dev", Cable("127.0.0.1", 9)) as bench:
        for card in SiteFolder("demo").population.badges:
            bench.hall.add_card(card.id, card.card, card.number)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            host = f"127.0.0.1:{listener.getsockname()[1]}"
            app = make_app(bench.hall, SiteFolder("demo"), bench.watchers, host)
            server = uvicorn.Server(
                uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
            )
            thread = threading.Thread(target=lambda: server.run(sockets=[listener]))
            thread.start()
            assert until(lambda: server.started, 10.0)
            httpx2.post(f"http://{host}/papers", json=TABLE, trust_env=False).raise_for_status()
            yield bench, f"http://{host}"
            bench.watchers.close()
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as chromium:
        yield chromium


@pytest.fixture
def page(served: tuple[HallBench, str], browser: Any) -> Iterator[Page]:
    page: Page = browser.new_page(viewport={"width": 1280, "height": 800})
    complaints: list[str] = []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{served[1]}/?lang=en&theme=light")
    expect(page.locator("#link")).to_have_class("link on")
    yield page
    told = list(complaints)
    page.close()  # cuts short what it is still loading
    assert told == []


def granted(bench: HallBench, card: str, reader: str, door: str) -> Any:
    """An edge that grants this tap."""

    def act() -> None:
        bench.unlock(door)
        bench.lamp(reader, "green", True)

    return bench.meanwhile(lambda: bench.hall.cards[card].reader == reader, act)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_accessible_in_both_themes(page: Page, served: tuple[HallBench, str], theme: str) -> None:
    page.goto(f"{served[1]}/?lang=zh&theme={theme}")
    expect(page.locator("#link")).to_have_class("link on")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_a_card_is_tapped_with_two_clicks(page: Page, served: tuple[HallBench, str]) -> None:
    bench, _ = served
    with granted(bench, "b-li", "hall-in", "hall-door"):
        page.click("[data-card=b-li]")
        expect(page.locator("#hint")).to_contain_text("Holding 李娜")
        page.click("[data-reader=hall-in]")
        expect(page.locator("#lines li", has_text="李娜 at Hall door · in")).to_contain_text("granted")
    expect(page.locator("[data-door=hall-door]")).to_have_class("door unlocked")
    bench.lock("hall-door")
    bench.lamp("hall-in", "green", False)
    expect(page.locator("[data-door=hall-door]")).to_have_class("door")


def test_a_card_is_dragged_onto_a_reader(page: Page, served: tuple[HallBench, str]) -> None:
    bench, _ = served
    with bench.meanwhile(
        lambda: bench.hall.cards["b-chen"].reader == "cage-in", lambda: bench.lamp("cage-in", "red", True)
    ):
        page.locator("[data-card=b-chen]").drag_to(page.locator("[data-reader=cage-in]"))
        expect(page.locator("#lines li", has_text="陈静 at Cage door · in")).to_contain_text("denied")
    bench.lamp("cage-in", "red", False)
    page.click("[data-card=b-li]")  # the next click is a click again
    expect(page.locator("[data-card=b-li]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")


def test_a_blank_card_lies_on_the_desk_until_it_is_taken_and_shows_what_was_written(
    page: Page, served: tuple[HallBench, str]
) -> None:
    bench, _ = served
    bench.hall.add_card("blank", "desfire-blank", "")
    page.click("[data-card=blank]")
    page.click("#desk")
    expect(page.locator("#desk")).to_contain_text("On the desk: Blank card")
    assert bench.hall.cards["blank"].reader == "desk"
    chip = bench.hall.cards["blank"].chip
    assert isinstance(chip, DesfireCard)
    chip.add_application(AID, keys=[bytes(16), bytes(16)])
    chip.add_file(AID, BADGE_FILE, StandardFile(bytearray(badge_block("M1011"))))
    page.click("#desk")
    expect(page.locator("#desk")).to_contain_text("click a card")
    assert bench.hall.cards["blank"].reader is None
    expect(page.locator("[data-card=blank]")).to_contain_text("M1011")
    page.get_by_role("button", name="Another blank card").click()
    expect(page.locator("#desk-cards [data-card=blank-2]")).to_contain_text("Blank card")
    assert bench.hall.cards["blank-2"].technology == "desfire-blank"


def test_a_code_is_scanned_at_the_goods_door(page: Page, served: tuple[HallBench, str]) -> None:
    bench, _ = served
    bench.lamp("goods-out", "red", False)
    line = bench.hall.scanners["scanner-out"].line
    before = line.said_at_s
    field = page.get_by_role("textbox", name="Scanner Goods door · out")
    with bench.meanwhile(
        lambda: before < line.said_at_s < line.now() - 0.1, lambda: bench.lamp("goods-out", "red", True)
    ):
        field.fill("SN-00017")
        page.keyboard.press("Enter")
        expect(page.locator("#lines li", has_text="SN-00017 scanned at Goods door · out")).to_contain_text("denied")
    page.click("#language")
    expect(page.get_by_role("textbox", name="扫码器 货物门 · 出")).to_have_value("SN-00017")
    page.click("#language")
    bench.lamp("goods-out", "red", False)


def test_papers_and_devices_are_scanned_with_a_click_where_they_belong(
    page: Page, served: tuple[HallBench, str]
) -> None:
    bench, _ = served

    def scanned(label: str, scanner: str, reader: str, shown: str) -> None:
        line = bench.hall.scanners[scanner].line
        before = line.said_at_s
        with bench.meanwhile(
            lambda: before < line.said_at_s < line.now() - 0.1, lambda: bench.lamp(reader, "red", True)
        ):
            page.click(f"[data-label={label}]")
            expect(page.locator("#lines li", has_text=shown).first).to_contain_text("denied")
        bench.lamp(reader, "red", False)

    scanned("W-FY8TMX8-359SY29", "scanner-in", "goods-in", "W-20261122-0001 scanned at Goods door · in")
    scanned("S-T8CRGEW-E22DEEK", "scanner-out", "goods-out", "S-20261122-0001 scanned at Goods door · out")
    scanned("BC-DL380-2031", "scanner-out", "goods-out", "BC-DL380-2031 scanned at Goods door · out")
    page.click("[data-at=scanner-in]")
    scanned("HY-R750-0117", "scanner-in", "goods-in", "HY-R750-0117 scanned at Goods door · in")
    expect(page.locator("#visitors")).to_contain_text("110101199003070417")
    expect(page.get_by_role("link", name="ID copy 林晓")).to_have_attribute("href", "/applicants/0/id_copy")


def test_everything_works_by_keyboard(page: Page, served: tuple[HallBench, str]) -> None:
    bench, _ = served
    bench.unlock("lobby-door")
    page.focus("[data-door=lobby-door]")
    page.keyboard.press("Enter")
    expect(page.locator("#menu-acts button").first).to_be_focused()
    page.keyboard.press("Enter")  # walk in
    expect(page.locator("#lines li", has_text="1 through Lobby door")).to_be_visible()
    page.focus("[data-exit=hall-door]")
    page.keyboard.press(" ")
    expect(page.locator("#lines li", has_text="Exit button of Hall door pressed")).to_be_visible()
    page.focus("#loops button")
    page.keyboard.press("Enter")
    expect(page.locator("#loops button").first).to_be_focused()
    expect(page.locator(".floor.fire")).to_have_count(3)
    page.keyboard.press("Enter")
    expect(page.locator(".floor.fire")).to_have_count(0)


def test_cables_are_pulled_and_put_back(page: Page, served: tuple[HallBench, str]) -> None:
    bench, _ = served
    for device in ("goods-in", "scanner-out", "relay-3", "network"):
        page.click(f"#cables [data-device={device}]")
        page.click("#menu-acts button.main")
        expect(page.locator(f"#cables [data-device={device}]")).to_contain_class("unplugged")
        page.click("#menu-acts button.main")
        expect(page.locator(f"#cables [data-device={device}]")).not_to_contain_class("unplugged")
        page.keyboard.press("Escape")
    assert bench.hall.cable is not None
    assert bench.hall.cable.plugged


def test_the_language_changes_at_once_and_is_kept(page: Page, served: tuple[HallBench, str]) -> None:
    page.goto(served[1])
    expect(page.locator("#link")).to_have_class("link on")  # from then on its buttons act
    page.click("#language")
    first = page.locator("html").get_attribute("lang")
    page.goto(served[1])
    expect(page.locator("html")).to_have_attribute("lang", str(first))
    name = "演示机房" if first == "zh-CN" else "Demo data centre"
    expect(page.locator("#site-name")).to_have_text(name)


def test_a_dead_hall_is_noticed(browser: Any, tmp_path: Path, served: tuple[HallBench, str]) -> None:
    page = browser.new_page()
    page.goto(f"{served[1]}/?lang=en")
    expect(page.locator("#link")).to_have_class("link on")
    page.context.set_offline(True)
    served[0].watchers.close()
    expect(page.locator("#link")).to_have_class("link off", timeout=15_000)
    page.context.set_offline(False)
    expect(page.locator("#link")).to_have_class("link on", timeout=15_000)
    page.close()
