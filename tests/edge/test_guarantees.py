"""What holds, and the one cause why not."""

import pytest

from controller.lease import AcceptedLease
from controller.now import SECOND_US
from controller.policy import Lease, Version
from controller.state import State
from edge.guarantees import GUARANTEES, HOLDS, OUTBOX_MANY, VOUCHED_US, guarantees
from edge.muster.words import word

HOUR_US = 3_600 * SECOND_US
LEASE = AcceptedLease(Lease(Version(1, 1), "d", 0), 0, 0, "boot")


def found(state: State | None = None, **facts: object) -> dict[str, str]:
    known = State(wall_trusted=True, policy_version=Version(1, 1), lease=LEASE) if state is None else state
    given: dict[str, object] = {
        "policy_trouble": "",
        "vouched_age_us": 0,
        "lease_left_s": {"temporary": 1, "customer": 1, "staff": 1},
        "outbox": 0,
        "journal_trouble": "",
        "link_up": True,
        "server_silent": False,
    }
    return guarantees(known, **{**given, **facts})  # type: ignore[arg-type]


def test_all_is_well() -> None:
    assert found() == dict.fromkeys(GUARANTEES, HOLDS)


@pytest.mark.parametrize(
    ("facts", "key", "cause"),
    [
        ({"policy_trouble": "policy 1.2 refused"}, "policy", "policy 1.2 refused"),
        ({"vouched_age_us": None}, "policy", "not vouched"),
        ({"vouched_age_us": VOUCHED_US + 1}, "policy", "more than an hour"),
        ({"vouched_age_us": 9 * HOUR_US}, "policy", "more than eight hours"),
        ({"vouched_age_us": 100 * HOUR_US}, "policy", "more than two days"),
        ({"lease_left_s": {"customer": 1, "staff": 1}}, "lease_temporary", "ended"),
        ({"lease_left_s": {"temporary": 1, "staff": 1, "customer": 0}}, "lease_customer", "ended"),
        ({"outbox": OUTBOX_MANY + 1}, "outbox", "1000 records"),
        ({"journal_trouble": "disk full"}, "journal", "disk full"),
        ({"link_up": False}, "link", "no connection"),
        ({"server_silent": True}, "link", "does not acknowledge"),
    ],
)
def test_each_fact_fails_its_own_guarantee_and_no_other(facts: dict[str, object], key: str, cause: str) -> None:
    told = found(**facts)
    assert [name for name, value in told.items() if value != HOLDS] == [key]
    assert cause in told[key] or (
        cause == "not vouched" and "not vouched" in told[key].replace("has not vouched", "not vouched")
    )


@pytest.mark.parametrize(
    ("state", "key", "cause"),
    [
        (State(wall_trusted=True, wall_behind=True, policy_version=Version(1, 1), lease=LEASE), "time", "behind"),
        (State(policy_version=Version(1, 1), lease=LEASE), "time", "no trusted source"),
        (State(wall_trusted=True, lease=LEASE), "policy", "nobody enters"),
        (
            State(wall_trusted=True, policy_version=Version(1, 1), lease=LEASE, journal_available=False),
            "journal",
            "commit",
        ),
        (
            State(
                wall_trusted=True,
                policy_version=Version(1, 1),
                lease=LEASE,
                uncertain={f"a{n}": "rex" for n in range(9)},
            ),
            "occupancy",
            "a0: rex, a1: rex, a2: rex, a3: rex and 5 more",
        ),
    ],
)
def test_what_the_state_knows_fails_its_guarantee(state: State, key: str, cause: str) -> None:
    told = found(state)
    assert [name for name, value in told.items() if value != HOLDS] == [key]
    assert cause in told[key]


def test_without_any_lease_it_says_so() -> None:
    told = found(State(wall_trusted=True, policy_version=Version(1, 1)), vouched_age_us=None, lease_left_s={})
    assert {told[f"lease_{kind}"] for kind in ("temporary", "customer", "staff")} == {"none yet"}


def test_a_cause_counts_neither_seconds_nor_records() -> None:
    assert found(outbox=OUTBOX_MANY + 1) == found(outbox=50 * OUTBOX_MANY)
    assert found(vouched_age_us=2 * HOUR_US) == found(vouched_age_us=7 * HOUR_US)


@pytest.mark.parametrize(
    "told",
    [
        found(State(wall_trusted=True, wall_behind=True)),
        found(State(), vouched_age_us=None, lease_left_s={}, link_up=False),
        found(State(wall_trusted=True, policy_version=Version(1, 1), journal_available=False), server_silent=True),
        found(vouched_age_us=None, lease_left_s={}),
    ],
)
def test_each_fixed_cause_has_its_chinese(told: dict[str, str]) -> None:
    for cause in told.values():
        assert word(cause, "zh-CN") != cause
        assert word(cause, "en") == cause
