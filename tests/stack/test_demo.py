"""The demo as its user runs it: by command line, with its exit and what it leaves behind."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from sim.stack import menjin
from sim.waiting import until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]


def children_of(pid: int) -> list[int]:
    """Pids of the live child processes of ``pid``."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def started_demo(directory: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(menjin("demo", "--dir", str(directory)), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "menjin is running" in line:
            return process
    raise AssertionError(f"the demo ended with {process.wait()}")


def test_the_headless_demo_loses_and_doubles_nothing() -> None:
    done = subprocess.run(
        menjin("demo", "--headless", "--for", "8s", "--json", "--seed", "7"),
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["taps"] == figures["granted"] + figures["pending"] + figures["denied"]
    assert figures["granted"] > 0
    assert figures["denied"] > 0
    assert figures["events_at_server"] > figures["taps"]
    assert (figures["events_lost"], figures["events_duplicated"]) == (0, 0)
    assert figures["tap_to_unlock_ms"]["p50"] > 0


def test_ctrl_c_ends_the_demo_and_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = started_demo(tmp_path)
    children = children_of(demo.pid)
    assert len(children) == 5
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=30)
    assert demo.returncode == 0
    assert not any(alive(child) for child in children)
    assert not [path for path in (tmp_path / "hall" / "dev").glob("*") if path.is_symlink()]


def test_kill_9_of_the_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    demo = started_demo(tmp_path)
    children = children_of(demo.pid)
    assert len(children) == 5
    os.kill(demo.pid, signal.SIGKILL)
    demo.communicate(timeout=30)
    assert until(lambda: not any(alive(child) for child in children), 10)
