"""The demo as its user runs it: by command line, with its exit and what it leaves behind."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sim.clients import HttpClient
from sim.stack import menjin
from sim.waiting import until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

WAIT_S = 15.0


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
    """A demo that has said where to look."""
    process = subprocess.Popen(menjin("demo", "--dir", str(directory)), stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "menjin is running" in line:
            return process
    raise AssertionError(f"the demo ended with {process.wait()}")


def carry_out_what_is_on_the_slip(hall: HttpClient) -> None:
    """As the README says: the carrier taps, then the slip and the devices that lie beside it are scanned."""

    def scan(text: str) -> Any:
        return hall.post("/scan", {"access_point": "goods-out", "text": text, "wait_s": WAIT_S})

    def present(reader: str) -> Any:
        return hall.post("/present", {"card": "b-li", "reader": reader, "hold_s": WAIT_S, "wait_s": WAIT_S})

    assert until(lambda: hall.get("/papers")["papers"], 60)
    table = hall.get("/papers")
    slip = next(paper for paper in table["papers"] if paper["kind"] == "slip")
    assert present("goods-in")["unlocked"]
    assert hall.post("/pass", {"door": "goods-door", "people": 1, "out": False, "tailgate": 0})["passed"] == 1
    assert present("goods-out")["indicator"] == "pending"
    assert until(lambda: scan(slip["code"])["indicator"] == "accepted", 2 * WAIT_S)
    other = next(each["serial"] for each in table["devices"] if each["customer"] != slip["customer"])
    assert scan(other)["indicator"] == "denied"
    for device in table["devices"]:
        if device["paper"] == slip["number"]:
            last = scan(device["serial"])
    assert last["unlocked"]
    assert hall.post("/pass", {"door": "goods-door", "people": 1, "out": True, "tailgate": 0})["passed"] == 1
    hall.close()


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
    carry_out_what_is_on_the_slip(HttpClient(json.loads((tmp_path / "hall" / "hall.json").read_text())["url"]))
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)
    assert demo.returncode == 0
    assert not any(alive(child) for child in children)
    assert not [path for path in (tmp_path / "hall" / "dev").glob("*") if path.is_symlink()]


def test_kill_9_of_the_demo_leaves_no_process_behind(tmp_path: Path) -> None:
    demo = started_demo(tmp_path)  # else one of the five may be a command that ends by itself
    children = children_of(demo.pid)
    assert len(children) == 5
    os.kill(demo.pid, signal.SIGKILL)
    demo.communicate(timeout=30)
    assert until(lambda: not any(alive(child) for child in children), WAIT_S)
