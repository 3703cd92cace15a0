"""From the registry to the guards' desk: made by the server, opened without it, beside the edge's own muster list."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlmodel import select
from typer.testing import CliRunner

from edge.muster.facts import AreaCount, Muster, Person
from edge.muster.text import as_json
from server.badges.models import Badge
from server.fleet.models import Edge
from server.keys_cli import app as keys_app
from server.ledger.models import LedgerPresence
from server.roster.cli import app as roster_app
from server.roster.key_file import ROSTER_FILE, set_passphrase
from server.roster.sealed_file import Cost, open_roster
from tests.server.badges.making import issued_badge, report
from tests.server.browser import context_of_app, token_client
from tests.server.conftest import ON_SQLITE, START
from tests.server.registry.conftest import made, organisation

ROSTER = "/api/v1/roster"
PASSPHRASE = "correct horse 42 battery"
CHEAP = Cost(memory_kib=64, iterations=1, lanes=1)


@pytest.fixture
def api(app: FastAPI) -> TestClient:
    """A registry with a customer's badge, one of own staff, and one that was deregistered."""
    client = token_client(app)
    organisation(client)
    for name, more in (
        ("li", {"customer": "C001"}),
        ("wang", {"customer": "C001"}),
        ("guo", {"staff": True, "areas": ["hall"]}),
    ):
        made(client, "holders", external_id=name, name={"li": "李小娜", "wang": "王伟", "guo": "郭强"}[name], **more)
    issued_badge(client, "li", "M0002")
    issued_badge(client, "guo", "S0001")
    gone = issued_badge(client, "wang", "M0001")
    assert report(client, gone["id"], "revoked", reason="left").status_code == 200
    set_passphrase(context_of_app(app).config.dir, PASSPHRASE, CHEAP)
    return client


def fetched(client: TestClient) -> bytes:
    answer = client.get(ROSTER)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    return answer.content


def test_badges_in_use_are_in_it_with_name_company_and_photo(api: TestClient) -> None:
    roster = open_roster(fetched(api), PASSPHRASE)
    assert (roster.site, roster.made_at) == ("demo", "2026-03-02T08:00:00Z")
    assert [(one.number, one.name, one.kind, one.company, one.code) for one in roster.people] == [
        ("M0002", "李小娜", "customer", "C001 公司", "C001"),
        ("S0001", "郭强", "staff", "demo", ""),
    ]
    assert all(one.photo.startswith(b"\xff\xd8") for one in roster.people)
    assert max(len(one.photo) for one in roster.people) < 20_000


def test_whoever_is_inside_with_a_badge_that_was_stopped_is_in_it_too(app: FastAPI, api: TestClient) -> None:
    badge = next(row for row in api.get("/api/v1/badges").json()["items"] if row["number"] == "M0001")
    context = context_of_app(app)
    with context.database.write() as session:
        edge = Edge(name="edge-1", created_at=START)
        session.add(edge)
        session.flush()
        row = session.exec(select(Badge).where(Badge.public_id == badge["id"])).one()
        values = {"area": "hall", "since_us": 1, "door": "hall-door", "badge": row.id, "number": "M0001"}
        session.add(LedgerPresence(edge_id=edge.id, holder=row.holder_id, **values))
    assert [one.number for one in open_roster(fetched(api), PASSPHRASE).people] == ["M0001", "M0002", "S0001"]


def test_it_is_recorded_and_takes_its_permission(app: FastAPI, api: TestClient) -> None:
    fetched(token_client(app, "guard"))
    (entry,) = [one for one in api.get("/api/v1/audit").json()["items"] if one["act"] == "roster.export"]
    assert (entry["actor_name"], entry["after"]) == ("test-guard", {"people": 2, "photos": 2})
    for role in ("customer_service", "auditor"):
        assert token_client(app, role).get(ROSTER).status_code == 403  # type: ignore[arg-type]


@ON_SQLITE
def test_without_a_passphrase_there_is_none(app: FastAPI) -> None:
    answer = token_client(app).get(ROSTER)
    assert (answer.status_code, answer.json()["code"]) == (409, "no_roster_passphrase")
    path = context_of_app(app).config.dir / ROSTER_FILE
    path.write_text("key = 1\n")
    path.chmod(0o600)
    answer = token_client(app).get(ROSTER)
    assert (answer.status_code, answer.json()["code"]) == (500, "roster_key_unreadable")


@ON_SQLITE
def test_the_command_sets_the_passphrase_and_keeps_the_key_only(
    app: FastAPI, api: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.roster.key_file.Cost", lambda *given: Cost(*given) if given else CHEAP)
    secret = tmp_path / "passphrase"
    secret.write_text("another 17 good phrase\n")
    secret.chmod(0o644)
    arguments = ["roster-passphrase", "--config", str(tmp_path / "server.toml"), "--passphrase-file", str(secret)]
    refused = CliRunner().invoke(keys_app, arguments)
    assert (refused.exit_code, "run chmod 600" in refused.stderr) == (2, True)
    before = fetched(api)
    secret.chmod(0o600)
    assert CliRunner().invoke(keys_app, arguments).exit_code == 0
    key_file = context_of_app(app).config.dir / ROSTER_FILE
    assert (key_file.stat().st_mode & 0o777, "phrase" in key_file.read_text()) == (0o600, False)
    assert open_roster(fetched(api), "another 17 good phrase") == open_roster(before, PASSPHRASE)
    secret.write_text("easy\n")
    easy = CliRunner().invoke(keys_app, arguments)
    assert (easy.exit_code, "take 12 to 200" in easy.stderr) == (2, True)


AT_US = 1_772_438_400_000_000
MUSTER = Muster(
    site="demo",
    edge="edge-1",
    at_us=AT_US,
    time_zone="Asia/Shanghai",
    wall_trusted=True,
    recorded_at_us=AT_US,
    people=(
        Person(number="M0002", area="hall", since_us=AT_US, customer="C001", escort="S0001"),
        Person(number="<b>\x1b[2J</b>", area="hall", since_us=AT_US, sure=False),
    ),
    areas=(
        AreaCount(
            area="hall", name_zh="主机房", name_en="Hall", listed=2, lowest=1, highest=None, causes=(("hall", "rex"),)
        ),
        AreaCount(area="lobby", name_zh="", name_en="Lobby", listed=0, lowest=0, highest=0),
    ),
)


@pytest.fixture
def files(api: TestClient, tmp_path: Path) -> dict[str, Path]:
    """What lies on the guards' desk."""
    found = {name: tmp_path / name for name in ("desk.roster", "muster.json", "passphrase")}
    found["desk.roster"].write_bytes(fetched(api))
    found["passphrase"].write_text(PASSPHRASE + "\n")
    found["passphrase"].chmod(0o600)
    found["muster.json"].write_bytes(as_json(MUSTER, ["the edge does not run"]))
    return found


def opened(files: dict[str, Path], *more: str) -> Any:
    return CliRunner().invoke(
        roster_app, ["open", str(files["desk.roster"]), "--passphrase-file", str(files["passphrase"]), *more]
    )


@ON_SQLITE
def test_the_desk_sees_names_beside_the_edges_muster(files: dict[str, Path]) -> None:
    shown = opened(files, "--muster", str(files["muster.json"]))
    assert shown.exit_code == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert "主机房 Hall hall: 1 – ? 人 people" in lines
    (li,) = [line for line in lines if line.startswith("M0002")]
    assert [part.strip() for part in li.split("  ") if part.strip()][1:3] == ["李小娜", "C001 公司"]
    assert "S0001 郭强" in li
    (stranger,) = [line for line in lines if line.startswith("<b>?[2J</b>")]
    assert "不在名册" in stranger
    assert "doubtful" in stranger
    assert "the edge does not run" in lines
    assert "\x1b" not in shown.stdout
    assert not any("Lobby" in line for line in lines), "nobody can be there"


@ON_SQLITE
def test_the_roster_alone_lists_everybody_and_a_muster_comes_by_pipe_too(files: dict[str, Path]) -> None:
    alone = opened(files).stdout
    assert "2 个在用出入证" in alone
    assert "郭强" in alone
    piped = CliRunner().invoke(
        roster_app,
        ["open", str(files["desk.roster"]), "--passphrase-file", str(files["passphrase"]), "--muster", "-"],
        input=files["muster.json"].read_bytes(),
    )
    assert piped.stdout == opened(files, "--muster", str(files["muster.json"])).stdout


@ON_SQLITE
def test_the_page_to_print_loads_and_runs_nothing(files: dict[str, Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    shown = opened(files, "--muster", str(files["muster.json"]), "--html", str(page))
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert page.stat().st_mode & 0o777 == 0o600
    text = page.read_text("utf-8")
    assert "default-src 'none'" in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("data:image/jpeg;base64,") == 1
    assert "李小娜" in text
    again = opened(files, "--html", str(page))
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)


@ON_SQLITE
def test_what_cannot_be_opened_ends_with_one_line(files: dict[str, Path]) -> None:
    def line(*more: str) -> str:
        found = opened(files, *more)
        assert (found.exit_code, found.stdout, found.stderr.count("\n")) == (2, "", 1), found.output
        text: str = found.stderr
        return text

    assert "cannot be read" in line("--muster", "none.json")
    files["muster.json"].write_text('{"site": 1}')
    assert "menjin edge muster --json" in line("--muster", str(files["muster.json"]))
    files["passphrase"].write_text("wrong horse 42 battery")
    assert "passphrase is wrong" in line()
    files["passphrase"].chmod(0o640)
    assert "chmod 600" in line()
    files["passphrase"].chmod(0o600)
    files["desk.roster"].write_bytes(b"x" * 100)
    assert "no roster file" in line()
    no_terminal = CliRunner().invoke(roster_app, ["open", str(files["desk.roster"])])
    assert (no_terminal.exit_code, "--passphrase-file" in no_terminal.stderr) == (2, True)


def test_opening_needs_neither_database_nor_network_libraries() -> None:
    code = (
        "import sys, server.roster.cli;"
        "print([name for name in ('sqlalchemy', 'sqlmodel', 'fastapi', 'httpx2', 'paho') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_command_line_has_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "menjin", "roster", "open", str(tmp_path / "none.roster")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("menjin roster: ")
