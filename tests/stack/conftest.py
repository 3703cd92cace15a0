"""One running site for all fault tests that leave it as they found it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.stack.open_site import OpenSite, open_site


class SharedSite:
    """Started for the first test that wants it, and again after a test that did not leave it in order."""

    def __init__(self, directories: pytest.TempPathFactory) -> None:
        self._directories = directories
        self._running = ExitStack()
        self._opened: OpenSite | None = None

    def get(self) -> OpenSite:
        if self._opened is None:
            directory = self._directories.mktemp("shared-site")
            self._opened = self._running.enter_context(open_site(directory))
        return self._opened

    def end(self) -> None:
        self._opened = None
        self._running.close()


_SHARED = pytest.StashKey[SharedSite]()


@pytest.fixture(scope="session")
def shared_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    shared = request.session.stash[_SHARED] = SharedSite(tmp_path_factory)
    yield shared
    shared.end()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """A site that nobody asks next would take a fifth of a core until the session ends."""
    if _SHARED in item.session.stash and "shared_site" not in getattr(nextitem, "fixturenames", ()):
        item.session.stash[_SHARED].end()


@pytest.fixture
def site(shared_site: SharedSite) -> Iterator[OpenSite]:
    """The demo site on the embedded broker. Badges that a test suspends, other tests do not use."""
    opened = shared_site.get()
    yield opened
    if not opened.is_in_order():
        shared_site.end()
