"""``menjin replay`` on files: journals, exports, policies, and what is wrong with them (docs/replay.md)."""

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from controller.fold import fold
from controller.inputs import DoorContact
from controller.policy import Policy, encode_policy
from controller.policy_delta import make_delta
from controller.state import State, encode_state
from controller.wire import GENESIS_HASH, chain
from edge.journal import SqliteJournal
from edge.policy_store import SqlitePolicyStore
from edge.replay import replay
from tests.controller.building import LI, START_US, SUN, WANG, Hall, policy

IN_FORCE = policy()
APP = typer.Typer()
APP.command()(replay)
JOURNAL_ID = "j" * 8
HOUR_US = 3_600_000_000


class _Named:
    def token(self) -> str:
        return JOURNAL_ID


class Kept:
    """A hall's records as an edge keeps them, and as the server exports them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hall = Hall(IN_FORCE)
        self.hall.tap(LI)
        self.hall.give(DoorContact("hall-door", open=True))
        self.hall.give(DoorContact("hall-door", open=False))
        self.hall.wait(3_600)
        self.hall.tap(WANG, "lobby-in")
        self.journal = folder / "journal.db"
        self.policy_db = folder / "policy.db"
        with closing(SqliteJournal(self.journal, _Named())) as journal:
            for record, encoded in zip(self.hall.records, self.hall.encoded, strict=True):
                journal.append([encoded], record.at_us)

    def store_policy(self, in_force: Policy = IN_FORCE) -> None:
        with closing(SqlitePolicyStore(self.policy_db)) as store:
            store.save_snapshot(in_force.version.epoch, in_force.version.n, encode_policy(in_force))

    def snapshot(self, other: Policy, name: str = "new.json") -> Path:
        path = self.folder / name
        path.write_bytes(encode_policy(other))
        return path

    def lines(self) -> list[dict[str, Any]]:
        head, lines = GENESIS_HASH, []
        for record, encoded in zip(self.hall.records, self.hall.encoded, strict=True):
            head = chain(head, encoded)
            lines.append(
                {
                    "journal_id": JOURNAL_ID,
                    "seq": record.seq,
                    "hash": head.hex(),
                    "record": encoded.decode(),
                    "branch": 0,
                }
            )
        return lines

    def export(self, lines: list[dict[str, Any]]) -> Path:
        path = self.folder / "export.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return path


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


WITHOUT_LI = policy(msgspec.structs.replace(LI, status="revoked"), WANG, SUN)


def run(*words: object) -> Result:
    return CliRunner().invoke(APP, [*map(str, words)])


def answer(*words: object) -> dict[str, Any]:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(*words: object) -> str:
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    return result.stderr


@pytest.mark.parametrize("how", ["--each", "--follow"])
@pytest.mark.parametrize("raw", [False, True])
def test_journal_and_export_tell_the_same_differences(kept: Kept, how: str, raw: bool) -> None:
    new = kept.snapshot(WITHOUT_LI)
    lines = kept.lines()
    if raw:
        for line in lines:
            line["raw"] = base64.b64encode(line["record"].encode()).decode()
            line["record"] = ""
    from_journal = answer("--journal", kept.journal, "--policy", new, how)
    assert from_journal == answer("--ledger", kept.export(lines), "--policy", new, how)
    (only,) = from_journal["differences"]
    assert (only["access_point"], only["badge"], only["at"]) == ("hall-in", "li", "2026-09-21T14:13:20Z")
    assert (only["recorded"]["decision"], only["recorded"]["reason"], only["recorded"]["rule"]) == (
        "granted",
        "PERMITTED",
        "R1",
    )
    assert (only["now"]["decision"], only["now"]["reason"], only["now"]["rule"]) == ("denied", "BADGE_REVOKED", "B5")
    assert "注销" in only["now"]["remedy_zh"]
    assert "deregistered" in only["now"]["remedy_en"]
    summary = from_journal["summary"]
    assert (summary["decisions"], summary["same"], summary["different"]) == (2, 1, 1)
    assert summary["by_reasons"] == {"granted PERMITTED → denied BADGE_REVOKED": 1}


def test_a_reader_finds_who_where_and_both_sentences(kept: Kept) -> None:
    result = run("--journal", kept.journal, "--policy", kept.snapshot(WITHOUT_LI))
    assert result.exit_code == 0
    assert "hall-in  li" in result.stdout
    assert "BADGE_REVOKED B5" in result.stdout
    assert "different 1" in result.stdout


def test_from_and_to_choose_the_inputs_and_the_state_is_that_of_all_before(kept: Kept) -> None:
    new = kept.snapshot(policy(LI, SUN))
    late = answer("--journal", kept.journal, "--policy", new, "--from", "2026-09-21T14:30:00Z")
    assert [one["badge"] for one in late["differences"]] == ["wang"]
    early = answer("--journal", kept.journal, "--policy", new, "--to", "2026-09-21T22:30:00+08:00")
    assert early["differences"] == []
    assert early["summary"]["decisions"] == 1
    assert "nothing was recorded" in " ".join(
        answer("--journal", kept.journal, "--policy", new, "--from", "-0s")["notes"]
    )


SITE_TOML = """
id = "demo"
time_zone = "Asia/Shanghai"
areas = [{id = "outside", public = true}, {id = "lobby", public = true}, {id = "hall", closed = true}]
doors = [{id = "lobby-door"}, {id = "hall-door"}]
access_points = [
  {id = "lobby-in", door = "lobby-door", from_area = "outside", to_area = "lobby"},
  {id = "hall-in", door = "hall-door", from_area = "lobby", to_area = "hall"},
  {id = "hall-out", door = "hall-door", from_area = "hall", to_area = "lobby", out = true},
]
"""


def test_a_site_file_replaces_areas_doors_and_rules_of_the_policy_in_force(kept: Kept) -> None:
    kept.store_policy()
    site = kept.folder / "site.toml"
    site.write_text(SITE_TOML, encoding="utf-8")
    (difference, *_) = answer("--journal", kept.journal, "--policy", site)["differences"]
    assert (difference["badge"], difference["now"]["reason"]) == ("li", "AREA_CLOSED")


def test_a_policy_db_is_the_newest_policy_with_its_deltas(kept: Kept) -> None:
    kept.store_policy()
    later = msgspec.structs.replace(WITHOUT_LI, version=msgspec.structs.replace(IN_FORCE.version, n=2))
    with closing(SqlitePolicyStore(kept.policy_db)) as store:
        store.save_delta(1, 2, msgspec.json.encode(make_delta(IN_FORCE, later)))
    found = answer("--journal", kept.journal, "--policy", kept.policy_db)
    assert found["policy"]["version"] == [1, 2]
    assert [one["badge"] for one in found["differences"]] == ["li"]


def config(folder: Path, fire: str = "") -> Path:
    doors = "".join(
        f'[[doors]]\nid = "{door}"\nlock = {{board = "b", channel = {at}}}\negress = "mechanical"\nfire_zones = [{zones}]\n'
        f'contact = {{board = "b", input = {at}, active = "open"}}\n'
        for at, (door, zones) in enumerate((("lobby-door", '"z1"'), ("hall-door", '"z1"'), ("cage-door", '"z1", "z2"')))
    )
    path = folder / "edge.toml"
    path.write_text(
        'site = "demo"\nedge = "edge-1"\nstate_dir = "."\nbundle = "none"\n[broker]\nurl = "mqtt://127.0.0.1:9"\n'
        '[[boards]]\nid = "b"\ndriver = "modbus-rtu"\nport = "/dev/null"\n' + doors
        + '[[doors]]\nid = "cabinet-1"\nlock = {board = "b", channel = 7}\nfire_zones = []\n' + fire,
        encoding="utf-8",
    )  # fmt: skip
    return path


def test_what_was_decided_comes_out_again_byte_for_byte(kept: Kept) -> None:
    kept.store_policy()
    zones = "".join(
        f'[[fire]]\nzone = "{zone}"\ninput = {{board = "b", input = {at}, active = "open"}}\n'
        for zone, at in (("z1", 6), ("z2", 7))
    )
    found = answer("--config", config(kept.folder, zones))
    everything = len(kept.hall.records)
    assert found["summary"] == {"inputs": everything, "same": everything, "different": 0, "unchecked": 0}
    assert found["notes"] == []


def test_what_another_policy_decided_does_not_come_out_again_and_ends_with_1(kept: Kept) -> None:
    lying = msgspec.structs.replace(WITHOUT_LI, version=IN_FORCE.version)
    result = run("--journal", kept.journal, "--under", kept.snapshot(lying), "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["summary"]["different"] >= 1


def test_a_policy_that_is_not_at_hand_is_named(kept: Kept) -> None:
    kept.store_policy(policy(n=7))
    found = answer("--journal", kept.journal)
    assert any("1.1" in note and "--under" in note for note in found["notes"])
    assert found["summary"]["same"] == 1  # the start, without any policy


def test_a_purged_journal_begins_after_its_checkpoint(kept: Kept) -> None:
    kept.store_policy()
    upto = len(kept.hall.records) - 1
    state = State()
    for record in kept.hall.records[:upto]:
        fold(state, record)
    with closing(SqliteJournal(kept.journal, _Named())) as journal:
        journal.acknowledge(upto)
        journal.save_checkpoint(upto, encode_state(state))
        assert journal.purge(START_US + 10 * HOUR_US) == upto
    found = answer("--journal", kept.journal, "--policy", kept.snapshot(policy(LI, SUN)))
    assert [one["badge"] for one in found["differences"]] == ["wang"]
    assert any(f"record {upto + 1}" in note for note in found["notes"])
    line = refused("--journal", kept.journal, "--policy", kept.policy_db, "--from", "2020-01-01T00:00:00Z")
    assert "purged" in line


def _spoil_gap(lines: list[dict[str, Any]]) -> None:
    del lines[3]


def _spoil_start(lines: list[dict[str, Any]]) -> None:
    del lines[0]


def _spoil_mixed(lines: list[dict[str, Any]]) -> None:
    lines[-1]["journal_id"] = "another"


def _spoil_fork(lines: list[dict[str, Any]]) -> None:
    lines[-1]["branch"] = 1


def _spoil_bytes(lines: list[dict[str, Any]]) -> None:
    lines[2]["record"] = lines[2]["record"].replace("1", "2", 1)


def _spoil_hash(lines: list[dict[str, Any]]) -> None:
    lines[2]["hash"] = "no hash"


def _spoil_field(lines: list[dict[str, Any]]) -> None:
    del lines[2]["seq"]


def _spoil_all(lines: list[dict[str, Any]]) -> None:
    lines.clear()


def _spoil_newer(lines: list[dict[str, Any]]) -> None:
    record = lines[-1]["record"].replace('"type":"CardRead"', '"type":"NotYetInvented"')
    lines[-1] |= {"record": record, "hash": chain(bytes.fromhex(lines[-2]["hash"]), record.encode()).hex()}


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (_spoil_gap, "record 4 is missing"),
        (_spoil_start, "after_seq=0"),
        (_spoil_mixed, "one history"),
        (_spoil_fork, "a fork's branch 1"),
        (_spoil_bytes, "record 3 was altered"),
        (_spoil_hash, "not hexadecimal"),
        (_spoil_field, "line 3"),
        (_spoil_all, "holds no records"),
        (_spoil_newer, "cannot be read"),
    ],
)
def test_a_damaged_export_is_one_line(kept: Kept, spoil: Any, what: str) -> None:
    lines = kept.lines()
    spoil(lines)
    assert what in refused("--ledger", kept.export(lines), "--policy", kept.snapshot(WITHOUT_LI))


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM records WHERE seq = 3", "records 3 to 3 are missing"),
        ("UPDATE records SET record = x'7b7d' WHERE seq = 3", "record 3 was altered"),
        ("UPDATE records SET hash = x'00' WHERE seq = 4", "record 4 was altered"),
        ("DELETE FROM journal", "its head is gone"),
        ("UPDATE journal SET journal_id = 'another'", "mixed histories"),
        ("UPDATE journal SET purged_upto = 2", "no checkpoint covers"),
        ("PRAGMA user_version = 99", "newer menjin"),
        ("PRAGMA application_id = 1", "is no menjin journal"),
    ],
)
def test_a_damaged_journal_is_one_line(kept: Kept, statement: str, what: str) -> None:
    with closing(sqlite3.connect(kept.journal)) as database:
        database.execute(statement)
        database.commit()
    assert what in refused("--journal", kept.journal, "--policy", kept.snapshot(WITHOUT_LI))


def test_what_is_asked_wrongly_is_one_line(kept: Kept) -> None:
    new = kept.snapshot(WITHOUT_LI)
    text = kept.folder / "broken.json"
    text.write_text("{", encoding="utf-8")
    site = kept.folder / "site.toml"
    site.write_text(SITE_TOML.replace('to_area = "hall"', 'to_area = "hell"'), encoding="utf-8")
    blob = kept.folder / "blob.toml"
    blob.write_bytes(b"\xff\xfe")
    for words, what in [
        (("--policy", new), "nothing to replay"),
        (("--journal", kept.journal), "--under"),
        (("--journal", kept.journal, "--ledger", new, "--policy", new), "give one"),
        (("--journal", kept.folder / "none.db", "--policy", new), "correct the path"),
        (("--journal", new, "--policy", new), "is no journal"),
        (("--journal", kept.journal, "--policy", kept.folder / "none"), "correct the path"),
        (("--journal", kept.journal, "--policy", kept.folder), "correct the path"),
        (("--journal", kept.journal, "--policy", text), "broken.json"),
        (("--journal", kept.journal, "--policy", new, "--from", "yesterday"), "no time"),
        (("--journal", kept.journal, "--policy", new, "--to", "2026-01-01T00:00:00"), "no time"),
        (("--journal", kept.journal, "--policy", site), "--under"),
        (("--journal", kept.journal, "--policy", site, "--under", new), "hell"),
        (("--journal", kept.journal, "--policy", blob, "--under", new), "UTF-8"),
        (("--config", kept.folder / "none.toml", "--policy", new), "edge.toml"),
        (("--journal", kept.journal, "--policy", kept.journal), "no menjin policy store"),
    ]:
        assert what in refused(*words), words


def test_a_running_edge_goes_on_writing_while_its_journal_is_replayed(kept: Kept) -> None:
    new = kept.snapshot(WITHOUT_LI)
    with closing(SqliteJournal(kept.journal, _Named())) as journal:
        before = answer("--journal", kept.journal, "--policy", new)["summary"]["inputs"]
        kept.hall.tap(SUN, "lobby-in")
        journal.append([kept.hall.encoded[-1]], kept.hall.now.wall_us)
        assert answer("--journal", kept.journal, "--policy", new)["summary"]["inputs"] == before + 1
