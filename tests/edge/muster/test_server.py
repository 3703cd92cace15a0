"""The page over a real socket: who may look, what it shows, and that nothing that befalls it lasts or harms."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.clock import mono_us
from edge.muster import handler
from edge.muster import server as server_module
from edge.muster.facts import muster_of
from edge.muster.password import fits, write_password
from edge.muster.server import MAX_OF_ONE_ADDRESS, MusterServer
from edge.muster.text import as_json
from edge.ports import MusterBoard
from tests.edge.boards.rig import wait_until
from tests.edge.muster.people import alarmed, situation

PASSWORD = "correct horse battery"
Opener = Callable[..., MusterServer]


@pytest.fixture(scope="module")
def password_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("password") / "muster.password"
    write_password(path, PASSWORD)
    return path


checked_once = cache(fits)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each password is really checked, once; the page's thread looks up often."""
    monkeypatch.setattr(handler, "fits", checked_once)
    monkeypatch.setattr(server_module, "TURN_S", 0.02)


@pytest.fixture
def opened(password_file: Path) -> Iterator[Opener]:
    pages: list[MusterServer] = []

    def open_page(port: int = 0, path: Path = password_file, tls: tuple[Path, Path] | None = None) -> MusterServer:
        page = MusterServer("127.0.0.1", port, path, tls, mono_us)
        pages.append(page)
        page.start()
        return page

    yield open_page
    for page in pages:
        page.stop()


@pytest.fixture
def page(opened: Opener) -> MusterServer:
    page = opened()
    wait_until(lambda: page.fault == "", "the page")
    return page


class Guard:
    """A browser that keeps cookies."""

    def __init__(self, page: MusterServer, context: ssl.SSLContext | None = None) -> None:
        self.page = page
        self.context = context
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        at = ("127.0.0.1", self.page.bound_port)
        connection = (
            HTTPSConnection(*at, timeout=10, context=self.context) if self.context else HTTPConnection(*at, timeout=10)
        )
        sent = {"Accept-Language": "en", "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = urlencode(form) if form is not None else None
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            text = answer.read().decode()
            self.headers = {name.lower(): value for name, value in answer.getheaders()}
            for name, value in answer.getheaders():
                if name.lower() == "set-cookie":
                    key, _, rest = value.partition("=")
                    self.cookies[key] = rest.partition(";")[0]
            return answer.status, text
        finally:
            connection.close()

    def sign_in(self, password: str = PASSWORD) -> int:
        return self.ask("POST", "/sign-in", {"password": password})[0]


def test_it_is_what_the_agent_calls_its_muster_board(page: MusterServer) -> None:
    board: MusterBoard = page
    assert board.fault == ""


def test_a_stranger_sees_the_sign_in_only(page: MusterServer) -> None:
    page.show(situation())
    stranger = Guard(page)
    assert stranger.ask("GET", "/")[0] == 303
    assert stranger.headers["location"] == "/sign-in"
    status, text = stranger.ask("GET", "/sign-in")
    assert (status, "000017" in text) == (200, False)
    assert stranger.sign_in("wrong password 1") == 403
    stranger.cookies["menjin-muster"] = "guessed"
    assert stranger.ask("GET", "/")[0] == 303


def test_a_guard_signs_in_sees_who_is_inside_and_signs_out(page: MusterServer) -> None:
    page.show(situation())
    guard = Guard(page)
    assert guard.sign_in() == 303
    assert all(flag in guard.headers["set-cookie"] for flag in ("HttpOnly", "SameSite=Strict", "Path=/"))
    status, text = guard.ask("GET", "/")
    assert status == 200
    assert all(word in text for word in ("000017", "C001", "Main hall", "2026-03-02 07:00:00", "The list is certain."))
    assert '<meta http-equiv="refresh"' in text
    kept = dict(guard.cookies)
    assert guard.ask("POST", "/sign-out", {})[0] == 303
    guard.cookies = kept
    assert guard.ask("GET", "/")[0] == 303


def test_it_shows_alarms_with_what_to_do_doors_guarantees_and_warnings_and_runs_no_script(page: MusterServer) -> None:
    page.show(alarmed())
    guard = Guard(page)
    guard.sign_in()
    _, text = guard.ask("GET", "/")
    for shown in (
        "Fire: this is the list as of its beginning",
        "Fire release: check the muster list",
        "wang",
        "released by fire",
        "no trusted source since the start",
        "Link to the server",
        "a &lt;b&gt; note",
        "Gas discharge in z1",
    ):
        assert shown in text
    assert text.index("FIRE") < text.index("LINK_LOST"), "the most urgent first"
    assert "<script" not in text
    assert "style=" not in text
    assert guard.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert guard.headers["cache-control"] == "no-store"
    assert "@media print" in guard.ask("GET", "/style.css")[1]


def test_in_chinese_causes_are_chinese_too(page: MusterServer) -> None:
    page.show(alarmed())
    guard = Guard(page)
    guard.sign_in()
    _, text = guard.ask("GET", "/?language=zh-CN")
    assert "启动后没有可信的时间源" in text
    assert "与消息服务器断开" not in text
    assert "控制器重启过" in text
    assert "消防释放：核对在场人员名单" in text


def test_the_list_for_the_roster_is_what_the_command_prints_and_for_guards_only(page: MusterServer) -> None:
    page.show(situation())
    guard = Guard(page)
    assert guard.ask("GET", "/muster.json")[0] == 303
    guard.sign_in()
    status, text = guard.ask("GET", "/muster.json")
    assert (status, guard.headers["content-type"]) == (200, "application/json")
    assert text.encode() == as_json(muster_of(situation()))


def test_the_language_is_the_browsers_until_another_is_chosen(page: MusterServer) -> None:
    page.show(situation())
    guard = Guard(page)
    guard.sign_in()
    assert "主机房" in guard.ask("GET", "/", Accept_Language="zh-CN,zh;q=0.9")[1]
    assert "Main hall" in guard.ask("GET", "/")[1]
    assert "主机房" in guard.ask("GET", "/?language=zh-CN")[1]
    assert "主机房" in guard.ask("GET", "/")[1]
    assert "主机房" in guard.ask("GET", "/?language=fr")[1]


def test_after_five_wrong_passwords_even_the_right_one_waits_and_who_is_inside_stays(page: MusterServer) -> None:
    guard, thief = Guard(page), Guard(page)
    guard.sign_in()
    assert [thief.sign_in(f"wrong password {n}") for n in range(5)] == [403] * 5
    assert thief.sign_in() == 429
    assert guard.ask("GET", "/")[0] == 200


def test_a_new_password_ends_the_sessions_of_the_old_one(opened: Opener, tmp_path: Path) -> None:
    path = tmp_path / "muster.password"
    write_password(path, PASSWORD)
    page = opened(path=path)
    wait_until(lambda: page.fault == "", "the page")
    guard = Guard(page)
    guard.sign_in()
    write_password(path, "another horse battery")
    assert guard.ask("GET", "/")[0] == 303
    assert guard.sign_in() == 403
    assert guard.sign_in("another horse battery") == 303


def test_a_missing_password_file_closes_the_door_for_newcomers_says_so_and_mends(
    opened: Opener, tmp_path: Path
) -> None:
    path = tmp_path / "muster.password"
    page = opened(path=path)
    wait_until(lambda: "nobody can sign in" in page.fault, "the fault")
    assert str(path) in page.fault
    guard = Guard(page)
    assert guard.sign_in() == 503
    write_password(path, PASSWORD)
    assert guard.sign_in() == 303
    assert page.fault == ""
    path.unlink()
    assert guard.ask("GET", "/")[0] == 200, "in an emergency the list counts more"


def test_a_taken_port_is_said_and_tried_again(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "RETRY_S", 0.05)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        page = opened(port)
        wait_until(lambda: "Address already in use" in page.fault, "the fault")
        assert f"127.0.0.1:{port}" in page.fault
    wait_until(lambda: page.fault == "", "the page")
    assert Guard(page).sign_in() == 303


def test_a_page_of_another_site_cannot_sign_anybody_in_or_out(page: MusterServer) -> None:
    guard = Guard(page)
    assert guard.ask("POST", "/sign-in", {"password": PASSWORD}, Sec_Fetch_Site="cross-site")[0] == 403


@pytest.mark.parametrize(
    "sent",
    [
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        b"GET //[ HTTP/1.1\r\n\r\n",
        b"GET /?" + b"a=1&" * 100 + b" HTTP/1.1\r\n\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nCookie: \xff\xfe=;;;\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"POST /sign-in HTTP/1.1\r\nContent-Length: 999999\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /sign-in HTTP/1.1\r\n\r\n",
        b"POST /elsewhere HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"DELETE / HTTP/1.1\r\n\r\n",
        b"",
    ],
)
def test_nonsense_is_refused_and_the_page_goes_on(page: MusterServer, sent: bytes) -> None:
    answer = b""
    with socket.create_connection(("127.0.0.1", page.bound_port), timeout=10) as connection:
        try:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65_536):
                answer += part
        except TimeoutError:
            raise
        except OSError:
            pass  # it hung up before it had heard all
    assert b" 200 " not in answer.partition(b"\r\n")[0]
    assert Guard(page).ask("GET", "/sign-in")[0] == 200


def test_connections_are_bounded_and_those_that_dribble_are_cut(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CONNECTION_S", 0.5)
    monkeypatch.setattr(server_module, "RECEIVE_TIMEOUT_S", 60.0)
    monkeypatch.setattr(handler.Handler, "timeout", 60.0)
    page = opened()
    wait_until(lambda: page.fault == "", "the page")
    slow = [socket.create_connection(("127.0.0.1", page.bound_port), timeout=10) for _ in range(MAX_OF_ONE_ADDRESS + 4)]
    try:
        for connection in slow:
            try:
                while connection.recv(1_024):
                    pass
            except ConnectionResetError:
                pass
    finally:
        for connection in slow:
            connection.close()
    assert Guard(page).ask("GET", "/sign-in")[0] == 200


def test_a_silent_edge_is_said_to_be_silent(opened: Opener, page: MusterServer) -> None:
    guard = Guard(page)
    guard.sign_in()
    assert "The edge is starting." in guard.ask("GET", "/")[1]
    page.show(situation(mono_us=mono_us()))
    assert "has not updated" not in guard.ask("GET", "/")[1]
    page.show(situation(mono_us=mono_us() - 60_000_000))
    assert "The edge has not updated this page for 6" in guard.ask("GET", "/")[1]


def test_over_tls_the_cookie_is_bound_to_the_host_and_a_readable_key_closes_the_page(
    opened: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "RETRY_S", 0.05)
    certificate, key = make_certificate(tmp_path)
    key.chmod(0o644)
    page = opened(tls=(certificate, key))
    wait_until(lambda: "chmod 600" in page.fault, "the fault")
    key.chmod(0o600)
    wait_until(lambda: page.fault == "", "the page")
    guard = Guard(page, ssl.create_default_context(cafile=str(certificate)))
    assert guard.sign_in() == 303
    assert guard.headers["set-cookie"].startswith("__Host-menjin-muster=")
    assert "Secure" in guard.headers["set-cookie"]
    assert guard.ask("GET", "/")[0] == 200


@pytest.mark.parametrize("what", ["gone", "noise"])
def test_a_certificate_that_cannot_be_used_is_named(opened: Opener, tmp_path: Path, what: str) -> None:
    certificate, key = make_certificate(tmp_path)
    key.chmod(0o600)
    if what == "gone":
        certificate.unlink()
    else:
        certificate.write_text("noise")
    page = opened(tls=(certificate, key))
    wait_until(lambda: str(certificate) in page.fault, "the fault")
    assert "\n" not in page.fault


def make_certificate(folder: Path) -> tuple[Path, Path]:
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    certificate, key = folder / "page.pem", folder / "page.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key
