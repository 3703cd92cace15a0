"""The list of pages that are photographed, and visited by tests/stack/flows/test_every_page.py, holds all that there is."""

import re

from fastapi.routing import APIRoute

from server.console.routers import ROUTERS
from server.console.sections import SECTIONS
from tests.server.console.every_page import PAGES

NO_PAGES = re.compile(
    r"/static/|/live/|\.svg$|/code$|^/$|/visits/(search|find)$|/equipment/documents/|/badges/encodings/|/(customers|badges)/persons$"
)
"""What browsers get that is no page of its own: files, fragments, addresses that lead on."""


def test_every_tab_is_in_the_list_of_pages() -> None:
    paths = {page.path.partition("?")[0] for page in PAGES}
    assert {tab.path for section in SECTIONS for tab in section.tabs} <= paths


def test_every_page_that_the_console_serves_is_in_the_list() -> None:
    paths = [page.path.partition("?")[0] for page in PAGES]
    missing = [
        route.path
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not NO_PAGES.search(route.path)
        if not any(re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", route.path), path) for path in paths)
    ]
    assert missing == []


def test_no_page_is_in_the_list_twice_under_one_name() -> None:
    names = [page.name for page in PAGES]
    assert len(set(names)) == len(names)
