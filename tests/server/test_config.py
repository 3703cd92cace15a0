"""The configuration file and environment: one line for what is wrong."""

import stat
from pathlib import Path

import pytest

from server.config import ConfigError, is_loopback, load_config


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text("", "utf-8")
    (tmp_path / "open.key").write_text("", "utf-8")
    (tmp_path / "open.key").chmod(0o644)
    (tmp_path / "private.key").write_text("", "utf-8")
    (tmp_path / "private.key").chmod(0o600)
    made = tmp_path / "server.toml"
    made.write_text('dir = "state"\nsite_file = "site.toml"\n', "utf-8")
    return made


def add(path: Path, *lines: str) -> Path:
    """The file with these lines instead of those of the same keys."""
    keys = {line.split(" ")[0] for line in lines}
    kept = [line for line in path.read_text("utf-8").splitlines() if line.split(" ")[0] not in keys]
    path.write_text("\n".join([*kept, *lines]) + "\n", "utf-8")
    return path


def test_relative_paths_are_the_files_own_and_dir_is_made_for_its_owner_only(path: Path) -> None:
    config = load_config(path)
    assert config.dir == path.parent / "state"
    assert stat.S_IMODE(config.dir.stat().st_mode) == 0o700
    assert config.database_url == f"sqlite:///{path.parent}/state/menjin.db"
    assert config.site_file == path.parent / "site.toml"


def test_the_environment_wins_over_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENJIN_SERVER_PORT", "9000")
    monkeypatch.setenv("MENJIN_SERVER_DATABASE_URL", "postgresql:///menjin")
    config = load_config(add(path, "port = 8000"))
    assert (config.port, config.database_url) == (9000, "postgresql:///menjin")


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (['colour = "red"'], "colour: unknown key; known keys: dir, site_file"),
        (["port = 70000"], "port: "),
        (['port = "x"'], "port: "),
        (["port = "], "not TOML"),
        (["dir = 1"], "dir: "),
        (['site_file = "none.toml"'], "site_file: there is no file"),
        (['host = "0.0.0.0"', "tls = false"], "plain HTTP is only for loopback"),
        (['tls_key = "site.toml"'], "give both"),
        (['tls_key = "open.key"', 'tls_certificate = "site.toml"'], "tls_key: "),
        (['broker_key = "open.key"', 'broker_certificate = "site.toml"'], "can be read by anyone; run chmod 600"),
        (['broker_certificate = "site.toml"'], "broker_certificate and broker_key go together"),
        (['broker_url = "mqtts://x"', 'broker_ca = "site.toml"'], "broker_ca: "),
        (['tls_certificate = "site.toml"', 'tls_key = "private.key"'], "tls_certificate, tls_key: "),
        (['broker_url = "mqtt://x"', 'broker_ca = "site.toml"'], "write mqtts://"),
        (['broker_url = "http://x"'], "broker_url: write mqtt://"),
        (['broker_url = "mqtt://x:port"'], "broker_url: write mqtt://"),
        (["session_hours = 0"], "session_hours: "),
        (['dir = "site.toml"'], "dir "),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_is_said_in_one_line_with_file_and_key(path: Path, lines: list[str], error: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_config(add(path, *lines))
    line = str(refused.value)
    assert error in line
    assert line.startswith(str(path))
    assert "\n" not in line


def test_a_missing_key_or_file_is_named(path: Path) -> None:
    path.write_text('dir = "state"\n', "utf-8")
    with pytest.raises(ConfigError, match=r"site_file: missing; add it or set MENJIN_SERVER_SITE_FILE"):
        load_config(path)
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load_config(path.parent / "none.toml")


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("MENJIN_SERVER_PROT", "1", "environment MENJIN_SERVER_PROT: unknown key 'prot'"),
        ("MENJIN_SERVER_PORT", "x", "port: "),
    ],
)
def test_a_wrong_environment_is_refused_too(
    path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, error: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=error):
        load_config(path)


def test_tls_is_on_beyond_loopback_and_off_on_it_unless_asked_for(path: Path) -> None:
    assert not load_config(path).uses_tls
    assert load_config(add(path, "tls = true")).uses_tls
    assert load_config(add(path, 'host = "0.0.0.0"')).uses_tls


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("menjin.example", False),
        ("", False),
    ],
)
def test_what_counts_as_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback
