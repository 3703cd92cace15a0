"""``menjin bench tap``: what a tap costs in the edge's own process, and how long a person waits at an emulated door."""

from sim.bench.commit import commit_figures
from sim.bench.figures import Report
from sim.bench.path import path_figures

BADGES = 100_000
BACKLOG = 100_000


def run() -> Report:
    """Both, with :data:`BADGES` stored badges; the path with :data:`BACKLOG` unacknowledged records besides."""
    figures = (*commit_figures(BADGES), *path_figures(BADGES, BACKLOG))
    return Report(
        "tap",
        figures,
        "one disk for both commits; DESFire EV2 on a PN532 and a Modbus board emulated at 115200; hall and edge are two "
        "processes, no broker answers",
    )
