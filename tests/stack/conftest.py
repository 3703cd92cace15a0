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


@pytest.fixture(scope="session")
def shared_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedSite]:
    shared = SharedSite(tmp_path_factory)
    yield shared
    shared.end()


@pytest.fixture
def site(shared_site: SharedSite) -> Iterator[OpenSite]:
    """The demo site on the embedded broker. Badges that a test suspends, other tests do not use."""
    opened = shared_site.get()
    yield opened
    if not opened.is_in_order():
        shared_site.end()
