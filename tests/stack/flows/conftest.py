"""One running site with its desk, one browser, and an operator of each role with a password of their own."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from sim.demo import load_population
from sim.goods_desk import GoodsDesk
from sim.operators import Operators
from sim.stack import Stack
from tests.chromium import launched
from tests.stack.flows.console import Console
from tests.stack.open_site import OpenSite, populate

CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
SETTINGS = {"exit_confirm_s": 1.4, "duress_from_s": 1.1, "duress_until_s": 1.3, "pairing_window_s": 60}
"""A second tap at a way out counts sooner: a test waits for it. Two who enter together wait for each other as long as a browser may take."""
expect.set_options(timeout=20_000)  # a loaded machine is slow, not wrong


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of them start processes and browsers."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.processes)
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with launched(*CAMERA) as browser:
        yield browser


@pytest.fixture(scope="package")
def running(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The demo site with its desk on mosquitto, its people with their cards, and nobody signed in yet."""
    with Stack(tmp_path_factory.mktemp("flows"), "demo", "mosquitto", settings=SETTINGS, desk=True) as stack:
        populate(stack)
        stock(stack)
        site = OpenSite(stack)
        assert site.is_ready(), stack.children["edge"].log_tail()
        console = Console(site, chromium)
        yield console
        console.close()


def stock(stack: Stack) -> None:
    """The devices that stand in the racks."""
    operators = Operators(stack)
    given = load_population(stack.directory / "site")
    GoodsDesk(operators, dt.datetime.now(dt.UTC)).stock(given.inventory)
    operators.close()


@pytest.fixture
def console(running: Console) -> Iterator[Console]:
    """The site, to sit down at. What a page complains of fails the test; its pages close with it."""
    yield running
    complaints: list[Any] = running.leave()
    assert complaints == []
