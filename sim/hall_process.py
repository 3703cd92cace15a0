"""The process behind ``menjin sim hall``: files, sockets and signals around a hall. It leaves no pty, path or thread behind."""

import contextlib
import json
import signal
import socket
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import uvicorn

from sim.cable import Cable
from sim.hall import Hall, HallError
from sim.hall_http import Watchers, make_app
from sim.notify import notify
from sim.site_folder import SiteFolder

HOST = "127.0.0.1"
STOP_TIMEOUT_S = 1
DEFAULT_BROKER_URL = "mqtt://127.0.0.1:1883"


class HallStartError(ValueError):
    """The hall cannot start: one line, what to do."""


def read_card_keys(path: Path) -> dict[str, str]:
    """The card keys (docs/interfaces.md, Key files). Raises :class:`HallStartError`; a file that others can read is refused."""
    try:
        if path.stat().st_mode & 0o077:
            raise HallStartError(f"{path}: others can read it; chmod 600 it")
        keys = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise HallStartError(
            f"{path}: cannot be read ({error.strerror}); make it with: menjin keys cards --out {path}"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HallStartError(f"{path}: {error}") from error
    return {name: value for name, value in keys.items() if isinstance(value, str)}


def run_hall(
    site: str,
    directory: Path,
    card_keys: Path,
    port: int = 0,
    edge_state: str = "edge-state",
    bundle: str = "edge.bundle",
    broker: str | None = None,
    broker_upstream: str | None = None,
    desk_state: str = "desk-state",
    desk_bundle: str = "desk.bundle",
) -> None:
    """Serve until SIGTERM or SIGINT. Raises :class:`HallStartError`, SiteError or WiringError before anything is left behind.

    With ``broker_upstream`` (host:port or an mqtt URL) the edge's connection runs through a cable that the hall can cut.
    """
    folder = SiteFolder(site)
    keys = read_card_keys(card_keys)
    cable = None if broker_upstream is None else Cable(*_host_and_port(broker_upstream))
    devices = directory / "dev"
    with contextlib.ExitStack() as undo:
        try:
            listener = undo.enter_context(socket.create_server((HOST, port)))
            devices.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HallStartError(f"port {port} or folder {directory}: {error.strerror}; choose another") from error
        host = f"{HOST}:{listener.getsockname()[1]}"
        hall = Hall(folder.site, folder.wiring, devices, keys, cable)
        watchers = Watchers()
        app = make_app(hall, folder, watchers, host)
        _lay_out_cards(hall, folder)
        try:
            hall.start()
        except OSError as error:
            raise HallStartError(f"{directory}: devices cannot be made ({error})") from error
        undo.callback(hall.stop)
        broker_url = f"mqtt://{HOST}:{cable.port}" if cable is not None else broker or DEFAULT_BROKER_URL
        (directory / "edge.toml").write_text(folder.edge_toml(devices.resolve(), edge_state, bundle, broker_url))
        desk_toml = folder.desk_toml(devices.resolve(), desk_state, desk_bundle, broker_url)
        if desk_toml is not None:
            (directory / "desk.toml").write_text(desk_toml)
        ready = {
            "url": f"http://{host}",
            "readers": {name: str(unit.line.link_path.absolute()) for name, unit in hall.readers.items()},
            "scanners": {name: str(unit.line.link_path.absolute()) for name, unit in hall.scanners.items()},
            "boards": {name: str(unit.line.link_path.absolute()) for name, unit in hall.boards.items()},
            "broker_url": broker_url if cable is not None else None,
        }
        _write_whole(directory / "hall.json", json.dumps(ready, indent=2))
        undo.callback((directory / "hall.json").unlink, missing_ok=True)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=STOP_TIMEOUT_S
        )
        _Server(config, watchers, ready=("READY=1", f"X_URL=http://{host}")).run(sockets=[listener])


class _Server(uvicorn.Server):
    """uvicorn that ends in order on a signal, so that what is on the way out is undone, and says when it serves."""

    def __init__(self, config: uvicorn.Config, watchers: Watchers, ready: tuple[str, ...]) -> None:
        super().__init__(config)
        self._watchers = watchers
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Instead of uvicorn's own, which raises the signal again when done."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        notify(*self._ready)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        self._watchers.close()
        await super().shutdown(sockets)

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.should_exit = True


def _lay_out_cards(hall: Hall, folder: SiteFolder) -> None:
    """The cards of the site's own people, so that the page has something to tap from the start. One that cannot be made (no
    key for its technology) is left out, and said."""
    for badge in folder.population.badges:
        try:
            hall.add_card(badge.id, badge.card, badge.number or badge.id)
        except HallError as error:
            print(f"hall: left out: {error}", file=sys.stderr)  # noqa: T201


def _host_and_port(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
        if parts.hostname and parts.port:
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise HallStartError(f"--broker-upstream {text!r}: write HOST:PORT")


def _write_whole(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.replace(path)
