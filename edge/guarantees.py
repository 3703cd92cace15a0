"""What this edge can promise at the moment, each in a word: ``holds`` or one short cause (status, muster page; docs/interfaces.md). Pure.

The causes are coarse on purpose: a status goes out when one changes, so none counts seconds or records. Those that are fixed are translated
in ``edge.muster.words``.
"""

from collections.abc import Mapping

from controller.now import SECOND_US
from controller.state import State

HOLDS = "holds"
GUARANTEES = (
    "time",
    "policy",
    "lease_temporary",
    "lease_customer",
    "lease_staff",
    "outbox",
    "journal",
    "occupancy",
    "link",
)
"""The keys, in the order in which they are shown."""
OUTBOX_MANY = 1_000
"""More records than this waiting for the server are told: with the link up they leave in seconds."""
VOUCHED_US = 3_600 * SECOND_US
"""A policy that the server vouched for within this counts as current; leases come every few minutes."""
_AREAS_NAMED = 4


def guarantees(
    state: State,
    *,
    policy_trouble: str,
    vouched_age_us: int | None,
    lease_left_s: Mapping[str, int],
    outbox: int,
    journal_trouble: str,
    link_up: bool,
    server_silent: bool,
) -> dict[str, str]:
    """``vouched_age_us``: since the last lease; None: there was none. ``policy_trouble``, ``journal_trouble``: one line, empty when well."""
    found = dict.fromkeys(GUARANTEES, HOLDS)
    if state.wall_behind:
        found["time"] = "the clock stands behind what the journal has seen"
    elif not state.wall_trusted:
        found["time"] = "no trusted source since the start"
    if policy_trouble:
        found["policy"] = policy_trouble
    elif state.policy_version is None:
        found["policy"] = "no policy: nobody enters"
    elif vouched_age_us is None:
        found["policy"] = "the server has not vouched for it yet"
    elif vouched_age_us > VOUCHED_US:
        found["policy"] = f"not vouched for in more than {_coarse(vouched_age_us)}"
    for kind in ("temporary", "customer", "staff"):
        if lease_left_s.get(kind, 0) <= 0:
            found[f"lease_{kind}"] = "ended" if state.lease is not None else "none yet"
    if outbox > OUTBOX_MANY:
        found["outbox"] = f"more than {OUTBOX_MANY} records wait for the server"
    if journal_trouble or not state.journal_available:
        found["journal"] = journal_trouble or "the journal cannot commit"
    if state.uncertain:
        named = [f"{area}: {cause}" for area, cause in sorted(state.uncertain.items())]
        more = f" and {len(named) - _AREAS_NAMED} more" if len(named) > _AREAS_NAMED else ""
        found["occupancy"] = ", ".join(named[:_AREAS_NAMED]) + more
    if not link_up:
        found["link"] = "no connection to the broker"
    elif server_silent:
        found["link"] = "the server does not acknowledge"
    return found


def _coarse(age_us: int) -> str:
    hours = age_us // (3_600 * SECOND_US)
    for least, text in ((48, "two days"), (24, "a day"), (8, "eight hours"), (2, "two hours")):
        if hours >= least:
            return text
    return "an hour"
