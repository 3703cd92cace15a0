"""The monitor's vocabulary: what happened while one was away."""

from typing import Final

from server.console.marking import N_

MONITOR_WORDS: Final[dict[str, dict[str, str]]] = {
    "missed": {
        "AlarmRaised": N_("alarms raised"),
        "AccessDenied": N_("taps denied"),
        "AccessPending": N_("taps that had to wait"),
        "AccessGranted": N_("taps granted"),
        "ExitByRequest": N_("exits by button"),
        "FireLatched": N_("fire releases"),
        "LockdownChanged": N_("lockdowns begun or ended"),
        "EdgeStopped": N_("stops of an edge"),
        "RangeLost": N_("losses of records"),
    },
}
"""Family → code → English."""
