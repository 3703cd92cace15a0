"""In what order, and in what groups, the workers of ``make test`` take the tests.

Tests that start processes mostly wait, the others mostly compute: taken in turns from one queue, each fills the other's gaps. A file goes to one
worker, which keeps what its tests share; of some files each test goes by itself.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ["tests.standstill"]
settings.register_profile(
    "soak", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
"""Of ``make soak``. ``make test`` takes hypothesis' own ``ci``, which draws the same examples each time."""
ONE_BY_ONE = ("tests/stack/test_scenarios.py", "tests/stack/test_demo.py", "tests/stack/test_start_errors.py")
"""Long files in which every test starts processes of its own."""
ON_THE_SHARED_SITE = (
    "tests/stack/test_broker_faults.py",
    "tests/stack/test_database_faults.py",
    "tests/stack/test_disk_full.py",
    "tests/stack/test_edge_faults.py",
)
"""They use the same running site."""
FLOWS = "tests/stack/flows"
"""They sit at the consoles of one running site."""
LONGEST_FIRST = (
    FLOWS, "test_kills", "shared site", "test_browser", "test_any_request", "b4-a-successor", "test_quota", "headless_demo", "test_demo", "test_ingest",
    "c1-c2", "fire-releases", "server-and-broker-killed", "test_deploy", "edge-killed", "test_desk", "test_board_kills", "test_takeover",
    "test_revoke", "test_journal_faults", "test_scenarios", "test_processes", "test_hall_page", "test_process_faults", "test_mqtt",
)  # fmt: skip
"""Parts of names: what begins last should not end last. What is not named here is short."""


def group_of(nodeid: str) -> str:
    """The tests that one worker takes together."""
    file = nodeid.split("::", 1)[0]
    if file in ON_THE_SHARED_SITE:
        return "tests/stack: shared site"
    if file.startswith(FLOWS):
        return FLOWS
    return nodeid if file in ONE_BY_ONE else file


def in_turns(groups: dict[str, list[pytest.Item]]) -> list[str]:
    """The groups that start processes, longest first, evenly among the others, the largest of these first."""
    waiting = sorted((name for name, items in groups.items() if any(map(_starts_processes, items))), key=_rank)
    computing = sorted(groups.keys() - set(waiting), key=lambda name: (-len(groups[name]), name))
    places = {name: at / len(kind) for kind in (waiting, computing) for at, name in enumerate(kind)}
    return sorted(places, key=lambda name: places[name])


class _InTurns(LoadFileScheduling):
    """One queue of groups, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """``--dist loadfile`` keeps to the groups."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return _InTurns(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In workers alone: other runs keep the order of the files."""
    names = {item.nodeid for item in items}
    if len(names) != len(items):
        raise pytest.UsageError("two tests have one name: xdist would run one of them")
    if not hasattr(config, "workerinput"):
        return
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        groups.setdefault(group_of(item.nodeid), []).append(item)
    items[:] = [item for name in in_turns(groups) for item in groups[name]]


def _starts_processes(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(name) is not None for name in ("processes", "browser"))


def _rank(group: str) -> int:
    return next((rank for rank, part in enumerate(LONGEST_FIRST) if part in group), len(LONGEST_FIRST))
