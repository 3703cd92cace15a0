"""Server keys: made once, certified by a root that may be away, never exposed, never overwritten."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from controller.wire import Ack, ServerCertificate, WireError, seal, unseal
from server.keys import (
    BACKDATED_DAYS,
    DAY_US,
    OVERLAP_DAYS,
    ROOT_FILE,
    SERVER_FILE,
    VALID_DAYS,
    KeysError,
    ensure_keys,
    load_keys,
    make_card_keys,
    make_keys,
    public_key_of,
    rotate_keys,
    signer,
    verifier,
)
from server.keys_cli import app as keys_app
from tests.server.conftest import SITE

NOW_US = 1_772_438_400_000_000


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def ack() -> Ack:
    return Ack(1, "demo", "edge-1", 1, 1, NOW_US, "j", 1, bytes(32), 2)


def test_keys_are_made_private_on_the_first_start_and_read_on_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made = ensure_keys(folder, "demo", NOW_US)
    assert (mode(folder), mode(folder / ROOT_FILE), mode(folder / SERVER_FILE)) == (0o700, 0o600, 0o600)
    again = ensure_keys(folder, "demo", NOW_US + 1)
    assert again.hash_key == made.hash_key
    assert len(made.hash_key) == 32
    assert again.signing(NOW_US).kid == made.signing(NOW_US).kid


def test_what_a_server_key_signs_is_believed_through_its_certificate_alone(tmp_path: Path) -> None:
    keys = make_keys(tmp_path / "k", "demo", NOW_US)
    [certificate] = keys.certificates(NOW_US)
    by_root = verifier({"root": keys.root_public_key})
    body = unseal(certificate, by_root, (ServerCertificate,), "demo", "edge-1")
    assert isinstance(body, ServerCertificate)
    assert (body.from_us, body.until_us) == (
        NOW_US - BACKDATED_DAYS * DAY_US,
        NOW_US + VALID_DAYS * DAY_US,
    )
    key = keys.signing(NOW_US)
    sealed = seal(ack(), key.kid, key.sign)
    assert unseal(sealed, verifier({body.kid: body.public_key}), (Ack,), "demo", "edge-1") == ack()


def test_the_server_runs_without_the_root_and_only_the_rotation_asks_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "k"
    make_keys(folder, "demo", NOW_US)
    away = tmp_path / "safe"
    (folder / ROOT_FILE).rename(away)
    assert ensure_keys(folder, "demo", NOW_US).signing(NOW_US)
    with pytest.raises(KeysError, match="the root key is not here"):
        rotate_keys(folder, NOW_US)
    assert len(rotate_keys(folder, NOW_US, root_file=away).keys) == 2


def test_a_rotated_key_is_announced_before_it_signs(tmp_path: Path) -> None:
    folder = tmp_path / "k"
    old = make_keys(folder, "demo", NOW_US).signing(NOW_US)
    keys = rotate_keys(folder, NOW_US + DAY_US)
    new = next(key for key in keys.keys if key.kid != old.kid)
    switch_us = NOW_US + (1 + OVERLAP_DAYS) * DAY_US
    assert keys.signing(switch_us - 1).kid == old.kid
    assert keys.signing(switch_us).kid == new.kid
    assert {old.certificate, new.certificate} == set(keys.certificates(NOW_US + DAY_US))
    assert rotate_keys(folder, NOW_US + 2 * DAY_US, at_once=True).signing(NOW_US + 2 * DAY_US).kid not in (
        old.kid,
        new.kid,
    )


def test_an_ended_certificate_signs_nothing_and_is_dropped_by_the_rotation(tmp_path: Path) -> None:
    folder = tmp_path / "k"
    keys = make_keys(folder, "demo", NOW_US)
    end_us = NOW_US + VALID_DAYS * DAY_US
    assert keys.ends_soon(end_us - DAY_US)
    assert not keys.ends_soon(NOW_US)
    with pytest.raises(KeysError, match="menjin keys rotate"):
        keys.signing(end_us)
    renewed = rotate_keys(folder, end_us)
    assert len(renewed.keys) == 1
    assert renewed.signing(end_us).kid != keys.keys[0].kid


@pytest.mark.parametrize("name", [ROOT_FILE, SERVER_FILE])
def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "k"
    make_keys(folder, "demo", NOW_US)
    (folder / name).chmod(0o640)
    with pytest.raises(KeysError, match="others can read"):
        rotate_keys(folder, NOW_US)


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "k"
    make_keys(folder, "demo", NOW_US)
    before = (folder / SERVER_FILE).read_bytes()
    with pytest.raises(KeysError, match="never overwritten"):
        make_keys(folder, "demo", NOW_US)
    (folder / SERVER_FILE).unlink()
    with pytest.raises(KeysError, match="never overwritten"):
        ensure_keys(folder, "demo", NOW_US)
    assert before


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("hash_key = ", "hash_kay = ", "hash_kay"),
        ('site = "demo"', 'site = "other"', "certificate of server:"),
        ("[[keys]]", "[[kays]]", "kays"),
        ('hash_key = "', 'hash_key = "zz', "not hexadecimal"),
        ('hash_key = "', 'hash_key = "00', "33 bytes"),
        ("[[keys]]", "[[keys", "server.keys"),
    ],
)
def test_a_damaged_key_file_is_one_clear_error(tmp_path: Path, old: str, new: str, error: str) -> None:
    folder = tmp_path / "k"
    make_keys(folder, "demo", NOW_US)
    path = folder / SERVER_FILE
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(KeysError, match=error) as caught:
        load_keys(folder)
    assert "\n" not in str(caught.value)


def test_a_certificate_by_another_root_or_for_another_key_is_refused(tmp_path: Path) -> None:
    make_keys(tmp_path / "one", "demo", NOW_US)
    make_keys(tmp_path / "two", "demo", NOW_US)
    one, two = tmp_path / "one" / SERVER_FILE, tmp_path / "two" / SERVER_FILE
    stolen = next(line for line in two.read_text().splitlines() if line.startswith("certificate"))
    kept = [line for line in one.read_text().splitlines() if not line.startswith("certificate")]
    one.write_text("\n".join([*kept, stolen]))
    with pytest.raises(KeysError, match="does not hold"):
        load_keys(tmp_path / "one")
    with pytest.raises(KeysError, match="is not the root"):
        rotate_keys(tmp_path / "two", NOW_US, root_file=tmp_path / "one" / ROOT_FILE)


def test_keys_of_another_site_are_refused(tmp_path: Path) -> None:
    make_keys(tmp_path / "k", "demo", NOW_US)
    with pytest.raises(KeysError, match="keys of site 'demo'"):
        ensure_keys(tmp_path / "k", "elsewhere", NOW_US)


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 63), st.integers(1, 255))
def test_a_signature_holds_for_its_message_and_for_no_altered_one(
    seed: bytes, message: bytes, at: int, flip: int
) -> None:
    verify = verifier({"k": public_key_of(seed)})
    signature = signer(seed)(message)
    altered = bytes([*signature[:at], signature[at] ^ flip, *signature[at + 1 :]])
    assert verify("k", message, signature)
    assert not verify("k", message + b"x", signature)
    assert not verify("k", message, altered)
    assert not verify("k", message, signature[:63])


def test_an_unknown_key_is_a_wire_error_of_its_own(tmp_path: Path) -> None:
    key = make_keys(tmp_path / "k", "demo", NOW_US).signing(NOW_US)
    with pytest.raises(WireError) as caught:
        unseal(seal(ack(), key.kid, key.sign), verifier({}), (Ack,), "demo", "edge-1")
    assert caught.value.code == "unknown_key"


def test_card_keys_are_random_private_and_kept(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    make_card_keys(one)
    make_card_keys(two)
    keys = tomllib.loads(one.read_text())
    assert sorted(keys) == ["desfire_app", "desfire_picc", "desfire_read", "felica_lite_s", "ultralight_c"]
    assert all(len(bytes.fromhex(key)) == 16 for key in keys.values())
    assert keys != tomllib.loads(two.read_text())
    assert mode(one) == 0o600
    with pytest.raises(KeysError, match="never overwritten"):
        make_card_keys(one)


def test_the_command_line_shows_public_parts_only(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE, "utf-8")
    config = tmp_path / "server.toml"
    config.write_text('dir = "state"\nsite_file = "site.toml"\n', "utf-8")
    run = CliRunner().invoke
    made = run(keys_app, ["init", "--config", str(config)])
    assert made.exit_code == 0, made.output
    shown = run(keys_app, ["show", "--config", str(config), "--json"])
    rotated = run(keys_app, ["rotate", "--config", str(config)])
    assert shown.exit_code == rotated.exit_code == 0
    stored = tomllib.loads((tmp_path / "state" / SERVER_FILE).read_text())
    secrets = [stored["hash_key"], *(entry["private_key"] for entry in stored["keys"])]
    said = made.output + shown.output + rotated.output
    assert stored["root_public_key"] in said
    assert not any(secret in said for secret in secrets)
    again = run(keys_app, ["init", "--config", str(config)])
    assert again.exit_code == 2
    assert again.output.count("\n") == 1
    assert run(keys_app, ["cards", "--out", str(tmp_path / "cards.toml")]).exit_code == 0
    assert run(keys_app, ["cards", "--out", str(tmp_path / "cards.toml")]).exit_code == 2
    assert run(keys_app, ["show", "--config", str(tmp_path / "none.toml")]).exit_code == 2
