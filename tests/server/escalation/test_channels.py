"""The configuration: what cannot be used ends with one line that holds no secret."""

import logging
from pathlib import Path

import pytest

from server.config import Config, ConfigError, load_config
from server.escalation.channels import load_channels
from tests.server.conftest import ON_SQLITE
from tests.server.escalation.conftest import SECRET, settings

GOOD = f"https://ops.example/hooks/topsecret {SECRET}"

pytestmark = ON_SQLITE


def loaded(config: Config, folder: Path, *lines: str, **more: object) -> object:
    channel = settings(folder, "on-call", *lines, **more)
    return load_channels(config.model_copy(update={"escalation": (channel,)}))


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("https://ops.example/topsecret", "after a webhook's URL comes a blank and its secret"),
        ("https://ops.example/topsecret topsecret", "secret: "),
        ("https://ops.example/topsecret whsec_dG9wc2VjcmV0", "a secret has 24 to 64"),
        (f"http://ops.example/topsecret {SECRET}", "plain HTTP is only for loopback"),
        (f"https://u:topsecret@ops.example/ {SECRET}", "without user"),
        (f"https:///topsecret {SECRET}", "write https://HOST/PATH"),
        (f"https://ops.example:99999/topsecret {SECRET}", "not a URL"),
        ("nothing://topsecret", "apprise does not know this URL"),
        ("json://ops.example/topsecret", "json:// travels in clear; use jsons"),
        ("mailto://u:topsecret@ops.example?mode=insecure", "mailto:// travels in clear; use mailtos"),
        ("wecombot://topsecret and more", "one apprise URL and nothing else"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_by_its_line_without_what_it_says(
    config: Config, tmp_path: Path, line: str, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigError, match=r"escalation 'on-call'.*line 3") as refused:
        loaded(config, tmp_path, line)
    assert error in str(refused.value)
    assert "topsecret" not in str(refused.value) + caplog.text


def test_files_that_others_can_read_are_empty_or_name_a_receiver_twice_are_refused(
    config: Config, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="holds 0 URLs"):
        loaded(config, tmp_path)
    with pytest.raises(ConfigError, match="stands there twice"):
        loaded(config, tmp_path, GOOD, GOOD)
    channel = settings(tmp_path, "on-call", GOOD)
    channel.url_file.chmod(0o640)
    with pytest.raises(ConfigError, match="run chmod 600"):
        load_channels(config.model_copy(update={"escalation": (channel,)}))
    channel.url_file.chmod(0o600)
    channel.url_file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is not text"):
        load_channels(config.model_copy(update={"escalation": (channel,)}))


def test_channels_have_names_of_their_own_and_alarms_that_there_are(config: Config, tmp_path: Path) -> None:
    channel = settings(tmp_path, "on-call", GOOD)
    with pytest.raises(ConfigError, match="two channels are called 'on-call'"):
        load_channels(config.model_copy(update={"escalation": (channel, channel)}))
    with pytest.raises(ConfigError, match="none of its alarms has priority 1"):
        loaded(config, tmp_path, GOOD, priority=1, alarms=("DoorHeldOpen",))


def test_the_services_that_are_asked_for_are_known(config: Config, tmp_path: Path) -> None:
    lines = (
        "wecombot://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa",
        "dingtalk://abcd1234abcd1234",
        "feishu://abcd1234-abcd-1234-abcd-abcd1234abcd",
        "mailtos://user:password@mail.example/?to=oncall@example.com",
        GOOD,
    )
    (channel,) = loaded(config, tmp_path, *lines)  # type: ignore[misc]
    assert [target.kind for target in channel.targets] == [
        "WeCom Bot",
        "DingTalk",
        "Feishu",
        "E-Mail",
        "webhook ops.example",
    ]


def test_the_file_of_the_server_names_channels(config: Config, tmp_path: Path) -> None:
    settings(tmp_path, "on-call", GOOD)
    path = tmp_path / "server.toml"
    text = path.read_text("utf-8")
    channel = '[[escalation]]\nname = "on-call"\nafter_s = 60\nurl_file = "on-call.urls"\n'
    path.write_text(text + 'console_url = "https://menjin.example:8443"\n' + channel, "utf-8")
    config = load_config(path)
    assert (config.escalation[0].url_file, config.console) == (tmp_path / "on-call.urls", "https://menjin.example:8443")
    assert [channel.name for channel in load_channels(config)] == ["on-call"]
    for wrong, error in (
        ('name = "a b"', "escalation.0.name"),
        ('alarms = ["NOTHING"]', "escalation.0.alarms"),
        ('url_file = "none.urls"', "there is no file"),
        ("after_s = -1", "escalation.0.after_s"),
    ):
        key = wrong.partition(" ")[0]
        kept = [line for line in channel.splitlines() if not line.startswith(key)]
        path.write_text("\n".join([text, *kept, wrong]) + "\n", "utf-8")
        with pytest.raises(ConfigError, match=error):
            load_config(path)
