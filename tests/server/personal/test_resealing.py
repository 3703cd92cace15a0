"""A rotated key: everything is sealed anew, the history included, and then the old key is not needed any more."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from server.context import Context
from server.keys_cli import app as keys_app
from server.personal import resealing
from server.personal.cipher import PERSONAL_FILE, PersonalKeys, key_id_of, rotate_personal_keys
from server.personal.fields import read_field, write_field
from server.personal.resealing import Cursor, Resealed, reseal_batch
from server.registry.models import Holder, RegistryChange
from tests.server.conftest import ON_SQLITE
from tests.server.personal.conftest import new_holder


def reseal(context: Context) -> Resealed:
    done, cursor = Resealed(), Cursor()
    while cursor.table is not None:
        reseal_batch(context.database, context.personal, cursor, done)
    return done


def ciphers_in_history(context: Context) -> list[bytes]:
    with context.database.read() as session:
        changes = session.exec(select(RegistryChange).where(RegistryChange.table_name == "holder")).all()
    rows = [row for change in changes for row in (change.before, change.after) if row is not None]
    return [bytes.fromhex(value) for row in rows for name, value in row.items() if name.endswith("_cipher") and value]


def test_everything_is_sealed_anew_and_opens_without_the_old_key(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "BATCH", 2)
    with context.database.write() as session:
        names = {new_holder(session, context, name).public_id: name for name in ("李娜", "王伟", "张敏")}
    rotate_personal_keys(context.config.dir)
    context.personal.refresh()
    assert {key_id_of(sealed) for sealed in ciphers_in_history(context)} == {1}
    done = reseal(context)
    assert done.sealed >= 9
    assert done.unreadable == 0
    path = context.config.dir / PERSONAL_FILE
    path.write_text(re.sub(r"\[\[keys\]\]\nid = 1\nkey = \S+\n", "", path.read_text()))
    without = PersonalKeys(path)
    with context.database.read() as session:
        holders = session.exec(select(Holder)).all()
    assert {holder.public_id: read_field(without, holder, "name") for holder in holders} == names
    assert all(holder.name_index == without.index("name", names[holder.public_id]) for holder in holders)
    assert {holder.changed_by for holder in holders} == {"system"}
    assert {key_id_of(sealed) for sealed in ciphers_in_history(context)} == {2}
    assert reseal(context) == Resealed(0, 0)


def test_a_value_that_does_not_open_is_counted_and_left(context: Context) -> None:
    with context.database.write() as session:
        broken, good = new_holder(session, context), new_holder(session, context)
        broken.name_cipher = good.name_cipher
        broken.version += 1
        broken.changed_by = "test"
        session.add(broken)
    rotate_personal_keys(context.config.dir)
    context.personal.refresh()
    assert reseal(context).unreadable >= 1
    with context.database.read() as session:
        left = session.exec(select(Holder).where(Holder.id == broken.id)).one()
    assert left.name_cipher == broken.name_cipher


@ON_SQLITE
def test_the_command_line_rotates_and_reencrypts(context: Context, tmp_path: Path) -> None:
    with context.database.write() as session:
        holder = new_holder(session, context)
    config = ["--config", str(tmp_path / "server.toml"), "--json"]
    run: Callable[[str], dict[str, int]] = lambda command: json.loads(  # noqa: E731
        CliRunner().invoke(keys_app, [command, *config], catch_exceptions=False).stdout
    )
    assert run("personal-rotate") == {"key": 2}
    done = run("personal-reencrypt")
    assert done["sealed"] >= 3
    assert (done["key"], done["unreadable"]) == (2, 0)
    assert run("personal-reencrypt")["sealed"] == 0
    with (
        context.database.write() as session
    ):  # the server that ran meanwhile opens it, and writes under the new key once it met it
        found = session.exec(select(Holder).where(Holder.id == holder.id)).one()
        assert read_field(context.personal, found, "name") == "李娜"
        write_field(context.personal, found, "name", "李娜娜")
        assert found.name_cipher is not None
        assert key_id_of(found.name_cipher) == 2


@ON_SQLITE
def test_the_command_line_says_what_is_missing_in_one_line(context: Context, tmp_path: Path) -> None:
    (context.config.dir / PERSONAL_FILE).unlink()
    for command in ("personal-rotate", "personal-reencrypt"):
        ended = CliRunner().invoke(keys_app, [command, "--config", str(tmp_path / "server.toml")])
        assert ended.exit_code == 2
        assert PERSONAL_FILE in ended.stderr
        assert ended.stderr.count("\n") == 1
