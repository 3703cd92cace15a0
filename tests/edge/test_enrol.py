"""Enrolment against a server that answers on loopback."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from controller.wire import ServerCertificate, seal
from edge.enrol import EnrolError, enrol
from edge.keys import load_bundle, server_kid
from edge.private_file import write_private

ROOT = Ed25519PrivateKey.generate()
SERVER = Ed25519PrivateKey.generate().public_key().public_bytes_raw()


def good_answer() -> dict[str, object]:
    certificate = ServerCertificate(
        v=1, site="demo", edge="*", epoch=1, seq=1, issued_at_us=0, kid=server_kid(SERVER), public_key=SERVER, from_us=0, until_us=9
    )  # fmt: skip
    return {
        "site": "demo",
        "edge": "edge-7",
        "epoch": 1,
        "root_public_key": ROOT.public_key().public_bytes_raw().hex(),
        "hash_key": "ab" * 32,
        "certificates": [seal(certificate, "root", ROOT.sign).decode()],
    }


class Server:
    def __init__(self) -> None:
        self.status = 200
        self.body = json.dumps(good_answer()).encode()
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.asked.append((self.path, json.loads(self.rfile.read(length))))
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def card_keys(tmp_path: Path) -> Path:
    write_private(tmp_path / "card.keys", 'desfire_read = "' + "cd" * 16 + '"\n')
    return tmp_path / "card.keys"


def test_enrolling_writes_a_bundle_that_loads_and_whose_key_the_server_knows(
    server: Server, card_keys: Path, tmp_path: Path
) -> None:
    enrol(server.url, "token-1", card_keys, tmp_path / "edge.bundle")
    bundle = load_bundle(tmp_path / "edge.bundle")
    assert server.asked == [("/api/v1/edges/enrol", {"token": "token-1", "public_key": bundle.public_key.hex()})]
    assert (bundle.site, bundle.edge, bundle.kid) == ("demo", "edge-7", "edge:edge-7")
    assert bundle.card_keys == {"desfire_read": b"\xcd" * 16}
    assert len(bundle.certificates) == 1
    assert (tmp_path / "edge.bundle").stat().st_mode & 0o777 == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["card.keys", "edge.bundle"]


ALL_KEYS = {"desfire_picc": "aa" * 16, "desfire_app": "bb" * 16, "desfire_read": "cd" * 16, "ultralight_c": "ee" * 16}


def write_keys(path: Path, keys: dict[str, str]) -> Path:
    write_private(path, "".join(f'{name} = "{key}"\n' for name, key in keys.items()))
    return path


def test_a_door_gets_the_keys_for_reading_only_and_a_desk_all(server: Server, tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "all.keys", ALL_KEYS)
    enrol(server.url, "t", keys, tmp_path / "door.bundle")
    enrol(server.url, "t", keys, tmp_path / "desk.bundle", desk=True)
    assert sorted(load_bundle(tmp_path / "door.bundle").card_keys) == ["desfire_read", "ultralight_c"]
    assert "aa" * 16 not in (tmp_path / "door.bundle").read_text()
    assert sorted(load_bundle(tmp_path / "desk.bundle").card_keys) == sorted(ALL_KEYS)


def test_a_desk_without_its_keys_is_refused_before_the_token_is_used(server: Server, tmp_path: Path) -> None:
    few = write_keys(tmp_path / "few.keys", {"desfire_read": "cd" * 16, "desfire_app": "bb" * 16})
    with pytest.raises(EnrolError, match=r"few.keys: desfire_picc missing; .* `menjin keys cards`"):
        enrol(server.url, "t", few, tmp_path / "b", desk=True)
    with pytest.raises(EnrolError, match="no --card-keys given"):
        enrol(server.url, "t", None, tmp_path / "b", desk=True)
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (403, b'{"title":"Forbidden","detail":"token used"}', "refused: token used; ask the console for a new token"),
        (500, b"oops", "refused: HTTP 500"),
        (302, b"", "unexpected answer .HTTP 302"),
        (200, b"<html>", "unexpected answer .* is it a menjin server"),
        (200, b'{"site":"demo"}', "unexpected answer"),
        (200, json.dumps({**good_answer(), "hash_key": "00"}).encode(), "does not hold together .*hash_key"),
        (200, json.dumps({**good_answer(), "root_public_key": "11" * 32}).encode(), "does not hold together"),
        (200, json.dumps({**good_answer(), "certificates": ["x"]}).encode(), "does not hold together .*not an envelope"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_one_line_and_writes_nothing(
    server: Server, card_keys: Path, tmp_path: Path, status: int, body: bytes, line: str
) -> None:
    server.status, server.body = status, body
    with pytest.raises(EnrolError, match=line) as error:
        enrol(server.url, "t", card_keys, tmp_path / "edge.bundle")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "edge.bundle").exists()


def test_mistakes_are_said_before_the_token_is_used(server: Server, card_keys: Path, tmp_path: Path) -> None:
    out = tmp_path / "edge.bundle"
    for url, line in (
        ("ftp://x", "write https://HOST:PORT"),
        ("http://198.51.100.1", "would travel in clear; use https://"),
    ):
        with pytest.raises(EnrolError, match=line):
            enrol(url, "t", card_keys, out)
    with pytest.raises(EnrolError, match="no folder"):
        enrol(server.url, "t", card_keys, tmp_path / "nowhere" / "b")
    with pytest.raises(EnrolError, match="No such file"):
        enrol(server.url, "t", tmp_path / "nothing", out)
    with pytest.raises(EnrolError, match="not a readable certificate file"):
        enrol(server.url, "t", card_keys, out, ca=card_keys)
    out.write_text("precious")
    with pytest.raises(EnrolError, match="exists already; move the old bundle away"):
        enrol(server.url, "t", card_keys, out)
    assert out.read_text() == "precious"
    assert server.asked == []


def test_nobody_at_the_address_is_one_line(server: Server, tmp_path: Path) -> None:
    server.close()
    with pytest.raises(EnrolError, match="check address, port and --ca"):
        enrol(server.url, "t", None, tmp_path / "b")
    server.__init__()  # type: ignore[misc] # so that the fixture has something to close
