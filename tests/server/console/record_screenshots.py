"""Pictures of the pages that guards work with, of a real demo: ``python -m tests.server.console.record_screenshots [FOLDER]``.

Without a folder those of docs/visits.md and docs/equipment.md are made; with one, all of them in both languages, to be looked at.
"""

import datetime as dt
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from sim.at_the_door import READY_POLL_S, doors_are_ready
from sim.demo import load_population
from sim.demo_papers import DemoPapers
from sim.documents import document
from sim.operators import Operators
from sim.population import Population
from sim.stack import Stack
from sim.waiting import until
from tests.server.console.screenshots import CHROMIUM, FLAGS, PASSWORD, ROOT, Hall

IN_DOCS = ("visits-zh", "visit-steps-zh", "live-confirm-zh", "live-check-zh", "equipment-slip-zh", "handover-zh")
SIZES = {"desk": (1180, 760), "phone": (390, 844)}
LONG = {"guard_window_s": 600, "exit_prompt_s": 600, "equipment_window_s": 600}
"""Nobody's turn ends while pictures are taken."""
COLOURS = 160
GUARD = "zhou"


def play(stack: Stack) -> dict[str, str]:
    """A visitor who is here, one at the desk, an emergency, somebody at the door to be compared, equipment at a goods door whose scanner fell out. Where the pages are."""
    given, now = load_population(stack.directory / "site"), dt.datetime.now(dt.UTC)
    population = Population(stack.api, stack.hall, now)
    population.load(given)
    population.unknown_card()
    assert until(lambda: doors_are_ready(stack.api), 60, READY_POLL_S)
    DemoPapers(stack, given, now).make()
    operators = Operators(stack)
    guard, hall = operators.client("guard"), Hall(stack.hall_url)
    desk, here = (visit["id"] for visit in guard.get("/api/v1/visits", status="expected")["items"][:2])
    items = [item["item"] for item in guard.get("/api/v1/visits/forms")["declaration"]]
    guard.post(f"/api/v1/visits/{desk}/document", {"id_document": "id_card", "number": "0417"})
    said: dict[str, Any] = {item: {"confirmed": True} for item in items[:4]} | {
        "media": {"confirmed": False, "note": "U 盘一个"}
    }
    guard.post(f"/api/v1/visits/{desk}/declaration", {"items": said})
    guard.post(f"/api/v1/visits/{here}/document", {"id_document": "id_card", "number": "0026"})
    guard.post(f"/api/v1/visits/{here}/declaration", {"items": {item: {"confirmed": True} for item in items}})
    guard.put(f"/api/v1/visits/{here}/photo", *document("photo", here))
    guard.post(f"/api/v1/visits/{here}/check-in", {"card": "T9001", "visitor_badge": "V-07"})
    emergency = {"reason": "精密空调停机，厂家抢修", "areas": ["hall"]}
    operators.client("supervisor").post("/api/v1/emergencies", emergency)
    assert until(lambda: doors_are_ready(stack.api), 60, READY_POLL_S)
    hall.enter("b-li", "goods-in")
    hall.post("/rex", door="goods-door")
    hall.post("/pass", door="goods-door", people=1, out=True, tailgate=0)
    hall.enter("b-chen", "goods-in")
    hall.post("/device", device="scanner-out", act="unplug")
    assert until(lambda: "scanner-out" in str(guard.get("/api/v1/alarms")) or not_working(guard), 30, READY_POLL_S)
    hall.post("/present", card="b-chen", reader="goods-out", hold_s=0.3)
    hall.post("/present", card="b-wang", reader="lobby-in", hold_s=0.3)
    assert until(lambda: len(guard.get("/api/v1/waiting-checks")["items"]) >= 2, 30, READY_POLL_S)
    slip = guard.get("/api/v1/exit-slips", open=True)["items"][0]["id"]
    code = operators.client("supervisor").get(f"/api/v1/exit-slips/{slip}/code")["code"]
    operators.close()
    return {"desk": desk, "here": here, "slip": slip, "code": code}


def not_working(guard: Any) -> bool:
    """Whether the edge says that the scanner is away."""
    return any(
        "scanner" in str(device) and "working" not in str(device) for device in guard.get("/api/v1/edges")["items"]
    )


def save(what: Page | Locator, folder: Path, name: str, wanted: tuple[str, ...] | None) -> None:
    """One picture, in few colours."""
    if wanted is not None and name not in wanted:
        return
    raw = what.screenshot()
    with Image.open(io.BytesIO(raw)) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(folder / f"{name}.png", optimize=True)


def sign_in(page: Page, url: str, password: str) -> str:
    """As the guard. The password now."""
    page.goto(url + "/")
    page.fill("#username", GUARD)
    page.fill("#password", password)
    page.click(".act.main")
    if "/password" in page.url:
        for field, value in (("#current", password), ("#new", PASSWORD), ("#again", PASSWORD)):
            page.fill(field, value)
        page.click(".act.main")
        password = PASSWORD
    page.wait_for_selector('body[data-link="up"]')
    return password


def shoot(
    browser: Browser, url: str, password: str, places: dict[str, str], folder: Path, wanted: tuple[str, ...] | None
) -> None:
    """All pages, in both languages, and as a phone shows them."""
    for locale, short in (("zh-CN", "zh"), ("en-US", "en")):
        for size, (width, height) in SIZES.items():
            if wanted is not None and (size, short) != ("desk", "zh"):
                continue
            mark = short if size == "desk" else f"{short}-{size}"
            context = browser.new_context(
                locale=locale, color_scheme="light", viewport={"width": width, "height": height}
            )
            page = context.new_page()
            password = sign_in(page, url, password)
            page.wait_for_selector("#waiting .confirm img:not([hidden])")
            save(page, folder, f"live-confirm-{mark}", wanted)
            page.locator('#waiting [data-act="check"]').first.click()
            page.keyboard.type(places["code"])
            page.keyboard.press("Enter")
            for serial in ("HY-R750-0117", "HY-R750-0119"):
                page.keyboard.type(serial)
                page.keyboard.press("Enter")
            save(page, folder, f"live-check-{mark}", wanted)
            page.keyboard.press("Escape")
            if page.locator('[data-act="attest"]').count():
                page.locator('[data-act="attest"]').first.click()
                page.locator('#attest input[value="left"]').check()
                save(page, folder, f"live-attest-{mark}", wanted)
                page.keyboard.press("Escape")
            for name, path in (
                ("visits", "/visits"),
                ("visit-steps", f"/visits/{places['desk']}"),
                ("visit-out", f"/visits/{places['here']}"),
                ("equipment", "/equipment"),
                ("equipment-slip", f"/equipment/slips/{places['slip']}"),
                ("equipment-inventory", "/equipment/inventory?customer=C001"),
                ("equipment-path", "/equipment/path?serial=HY-R750-0117"),
                ("handover", "/handover"),
            ):
                page.goto(url + path)
                page.wait_for_selector('#live-chip:not([data-state="waiting"])')
                save(page, folder, f"{name}-{mark}", wanted)
            context.close()


def main(folder: Path | None) -> None:
    """Start the demo with a guard at the lobby's door, play, take the pictures, end it."""
    wanted = IN_DOCS if folder is None else None
    folder = folder or ROOT / "docs" / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="menjin-pictures-") as directory:
        rules = {"lobby-door": {"guard_confirms": True}}
        stack = Stack(Path(directory), "demo", desk=True, settings=LONG, rules=rules)
        with stack:
            places = play(stack)
            made = stack.api.post("/api/v1/operators", {"username": GUARD, "name": "周强", "role": "guard"})
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                shoot(browser, stack.server_url, made["one_time_password"], places, folder, wanted)
                browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
