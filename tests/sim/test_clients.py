"""The simulator's HTTP client against a real server on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sim.clients import HttpClient, Refused

RECORD = json.dumps({"text": "one\u2028line\u0085still"}, ensure_ascii=False)


class Answers(BaseHTTPRequestHandler):
    """Two records as lines; a problem at any other path. What is posted is answered by another session each time, and with the one that was sent."""

    posted = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        Answers.posted += 1
        self.send_response(200)
        self.send_header("set-cookie", f"__Host-menjin={Answers.posted}; Secure; Path=/")
        self.end_headers()
        self.wfile.write(json.dumps(self.headers["cookie"]).encode())

    def do_GET(self) -> None:
        found = self.path == "/lines"
        body = f"{RECORD}\n{RECORD}\n" if found else json.dumps({"code": "NOT_THERE", "detail": "no such page"})
        self.send_response(200 if found else 404)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def client() -> Iterator[HttpClient]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made = HttpClient(f"http://127.0.0.1:{server.server_port}")
    yield made
    made.close()
    server.shutdown()
    server.server_close()
    thread.join()


def test_lines_end_at_line_feeds_only(client: HttpClient) -> None:
    assert client.lines("/lines") == [RECORD, RECORD]


def test_a_session_that_an_answer_renews_is_the_one_that_is_sent_next(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "posted", 0)
    client.sign_in("kim", "secret")
    assert [client.post("/api/v1/account/password") for _ in range(2)] == ["__Host-menjin=1", "__Host-menjin=2"]


def test_a_refusal_carries_its_code(client: HttpClient) -> None:
    with pytest.raises(Refused, match="404 NOT_THERE: no such page") as caught:
        client.lines("/elsewhere")
    assert caught.value.code == "NOT_THERE"
