"""A running hall of the demo site, and a hand on its relays in place of an edge."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from sim.boards.relays import Relays
from sim.cable import Cable
from sim.hall import Hall
from sim.hall_http import Watchers, make_app
from sim.site_folder import SiteFolder
from sim.waiting import until
from tests.sim.conftest import CARD_KEYS

HOST = "127.0.0.1:8080"


class HallBench:
    """The hall, and its HTTP interface without a socket."""

    def __init__(self, hall: Hall, folder: SiteFolder) -> None:
        self.hall = hall
        self.watchers = Watchers()
        self.app = make_app(hall, folder, self.watchers, HOST)

    def request(self, method: str, path: str, **more: Any) -> httpx2.Response:
        async def ask() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self.app)
            async with httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}", timeout=30) as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())

    def post(self, path: str, body: dict[str, Any], status: int = 200) -> Any:
        answer = self.request("POST", path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def state(self) -> Any:
        return self.request("GET", "/state").json()

    def relays(self, board: str, change: Callable[[Relays, float], None]) -> None:
        """What a command to this board would do to its relays, now."""
        line, relays = self.hall.boards[board].line, self.hall.boards[board].relays
        line.call(lambda: change(relays, line.now()))

    def unlock(self, door: str) -> None:
        wiring = self.hall.doors[door].wiring
        self.relays(
            wiring.lock.board, lambda relays, at_s: relays.set(wiring.lock.channel, wiring.fail == "secure", at_s)
        )

    def lock(self, door: str) -> None:
        wiring = self.hall.doors[door].wiring
        self.relays(
            wiring.lock.board, lambda relays, at_s: relays.set(wiring.lock.channel, wiring.fail == "safe", at_s)
        )

    def lamp(self, reader: str, lamp: str, on: bool) -> None:
        output = getattr(self.hall.readers[reader].wiring, lamp)
        self.relays(output.board, lambda relays, at_s: relays.set(output.channel, on, at_s))

    def grant(self, door: str, reader: str) -> None:
        """Unlock and light green in one moment: nobody who looks sees the one without the other."""
        wiring, green = self.hall.doors[door].wiring, self.hall.readers[reader].wiring.green
        assert green is not None
        locks, lamps = self.hall.boards[wiring.lock.board], self.hall.boards[green.board]

        def both() -> None:
            with self.hall.changed:
                locks.relays.set(wiring.lock.channel, wiring.fail == "secure", locks.line.now())
                lamps.relays.set(green.channel, True, locks.line.now())

        locks.line.call(both)

    def lies(self, card: str, reader: str) -> Callable[[], bool]:
        """Whether a card is in a reader's field: the moment of its entry, from which an answer counts, is taken by then."""
        return lambda: any(each is self.hall.cards[card].chip for each in self.hall.readers[reader]._field.cards)

    @contextmanager
    def meanwhile(self, when: Callable[[], bool], act: Callable[[], None]) -> Iterator[None]:
        """Do ``act`` in another thread once ``when()`` holds, as an edge would."""

        def run() -> None:
            if until(when, 30.0, 0.005):
                act()

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            thread.join(35)


@contextmanager
def running_hall(folder: Path, cable: Cable | None = None) -> Iterator[HallBench]:
    site = SiteFolder("demo")
    folder.mkdir(exist_ok=True)
    hall = Hall(site.site, site.wiring, folder, CARD_KEYS, cable)
    hall.start()
    try:
        yield HallBench(hall, site)
    finally:
        hall.stop()
