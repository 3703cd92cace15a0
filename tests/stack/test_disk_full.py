"""The edge's disk is full: ways out open, entries are refused, and with space again everything resumes (MEANINGS 1, 2)."""

import os
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from controller.events import AlarmCleared, AlarmRaised
from controller.inputs import RexPressed
from sim.waiting import until
from tests.stack.open_site import WAIT_S, OpenSite

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180)]

DISK_BYTES = 8 * 1024 * 1024
NOT_A_PAGE_BYTES = 1024
COMMAND_S = 10.0


Full = Callable[[bool], None]
"""True: nothing more can be written; False: there is room again."""
Disk = Callable[[OpenSite], AbstractContextManager[Full]]


@contextmanager
def limited_files(site: OpenSite) -> Iterator[Full]:
    """The kernel lets the edge write no file beyond its first kilobyte: each commit fails with EFBIG. Needs no rights."""
    pid = site.stack.children["edge"].pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def full(now: bool) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (NOT_A_PAGE_BYTES, before[1]) if now else before)

    try:
        yield full
    finally:
        full(False)


@contextmanager
def small_disk(site: OpenSite) -> Iterator[Full]:
    """The edge's folder on a small file system of its own, filled to the last byte: each commit fails with ENOSPC."""
    folder = site.stack.edge_state
    kept = folder.with_name("edge-kept")
    assert site.stop_edge() == 0
    shutil.copytree(folder, kept)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", str(folder)],
        capture_output=True, timeout=COMMAND_S, check=False,
    )  # fmt: skip
    try:
        if mounted.returncode != 0:
            pytest.skip("mounting a small file system takes root; the other way to fill the disk is tested anyway")
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        site.stack.restore("edge")
        filler = folder / "filler"

        def full(now: bool) -> None:
            if now:
                _fill(filler)
            else:
                filler.unlink(missing_ok=True)

        yield full
    finally:
        site.stop_edge()
        if mounted.returncode == 0:
            kept_now = folder.with_name("edge-after")
            shutil.copytree(folder, kept_now, ignore=shutil.ignore_patterns("filler"))
            subprocess.run(["umount", str(folder)], timeout=COMMAND_S, check=True)
            shutil.copytree(kept_now, folder, dirs_exist_ok=True)
        site.stack.restore("edge")


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as filler:
        block = bytes(4096)
        try:
            while True:
                filler.write(block)
        except OSError:
            os.fsync(filler.fileno())


@pytest.mark.parametrize("disk", [limited_files, small_disk])
def test_on_a_full_disk_ways_out_open_taps_are_refused_and_everything_resumes_with_space(
    site: OpenSite, disk: Disk
) -> None:
    with disk(site) as full:
        assert site.is_ready()
        assert site.all_lock()
        after = site.tail.last_seq()
        full(True)
        refused = site.tap("b-li", "lobby-in")
        assert (refused.decision, refused.unlocked) == (None, False)
        assert refused.indicator in ("denied", "alarm")
        assert site.stack.hall.post("/rex", {"door": "hall-door"})["unlocked"], "the way out depends on the disk"
        assert until(lambda: any("journal cannot commit" in line for line in warnings(site)), WAIT_S), warnings(site)
        assert site.tail.last_seq() == after
        assert site.all_lock()

        full(False)
        assert until(lambda: cleared(site, after), WAIT_S), "the journal does not resume"
        events = site.tail.events(after)
        assert any(isinstance(record.input, RexPressed) for record in site.tail.records(after)), (
            "the way out's record did not wait"
        )
        assert any(isinstance(event, AlarmRaised) and event.alarm == "JOURNAL_UNAVAILABLE" for event in events)
        assert site.tap("b-li", "lobby-in").decision == "granted"
        assert until(lambda: not any("journal cannot commit" in line for line in warnings(site)), WAIT_S)
        found = site.drained()
        assert (found.lost, found.duplicated, found.foreign) == (0, 0, 0)


def warnings(site: OpenSite) -> list[str]:
    found: list[str] = site.edge_reported()["reported"]["warnings"]
    return found


def cleared(site: OpenSite, after: int) -> bool:
    return any(
        isinstance(event, AlarmCleared) and event.alarm == "JOURNAL_UNAVAILABLE" for event in site.tail.events(after)
    )
