"""Situations to make lists of, and a state directory that holds one."""

from pathlib import Path

import msgspec

from controller.events import AccessTaken, FireLatched, Record, encode_record
from controller.inputs import TimeElapsed
from controller.now import SECOND_US
from controller.policy import Customer, Policy, Version, encode_policy
from controller.room_events import AreaUncertain, EscortChanged
from controller.site import Site
from controller.site_checks import parse_site
from controller.state import DoorState, Presence, StandingAlarm, State, encode_state
from edge.journal import SqliteJournal
from edge.muster.facts import Situation
from edge.policy_store import SqlitePolicyStore
from edge.randomness import SystemRandom

AT_US = 1_772_409_600 * SECOND_US  # 2026-03-02 08:00:00 in Shanghai
SITE: Site = parse_site(
    """
id = "demo"
time_zone = "Asia/Shanghai"
areas = [
  {id = "outside", public = true},
  {id = "hall", name_zh = "主机房", name_en = "Main hall"},
  {id = "cage-a", name_zh = "A笼", name_en = "Cage A", inside = "hall"},
]
doors = [{id = "hall-door", name_zh = "主机房门"}, {id = "cage-door"}]
access_points = [
  {id = "hall-in", door = "hall-door", from_area = "outside", to_area = "hall"},
  {id = "hall-out", door = "hall-door", from_area = "hall", to_area = "outside", out = true},
  {id = "cage-in", door = "cage-door", from_area = "hall", to_area = "cage-a"},
]
"""
)
LI = Presence("hall", AT_US - 3_600 * SECOND_US, 1, "000017", customer=3, kind="customer")
GUO = Presence("hall", AT_US - 60 * SECOND_US, 2, "S-2", kind="staff")
XU = Presence("cage-a", AT_US, 9, "T-9", kind="temporary", escort=20)


def state_of(presence: dict[int, Presence] | None = None, **facts: object) -> State:
    inside = {10: LI, 20: GUO, 30: XU} if presence is None else presence
    return msgspec.structs.replace(State(presence=inside, wall_trusted=True), **facts)


def situation(state: State | None = None, site: Site | None = SITE, **facts: object) -> Situation:
    whole = Situation("demo", "edge-1", AT_US, state_of() if state is None else state, site, {3: "C001"})
    return msgspec.structs.replace(whole, **facts)


def alarmed() -> Situation:
    """All that the page can show."""
    state = state_of(
        doors={"hall-door": DoorState(position="closed"), "cage-door": DoorState("unlocked", "open", "released")},
        alarms={
            "LINK_LOST/edge-1": StandingAlarm("LINK_LOST", "edge-1", AT_US, "L2"),
            "FIRE/z1": StandingAlarm("FIRE", "z1", AT_US, "L1", {"zone": "z1"}, "wang"),
        },
        uncertain={"hall": "restart"},
        fire_latched={"z1": AT_US - SECOND_US},
        muster_at_fire={10: LI},
        gas={"z1": True, "z2": False},
        lockdowns={"": "command"},
    )
    return situation(
        state,
        wall_trusted=False,
        guarantees={"time": "no trusted source since the start", "link": "holds"},
        warnings=("a <b> note",),
    )


def write_state(folder: Path, tail: int = 3, customers: int = 1, badges: bytes = b"") -> None:
    """A state directory: a checkpoint with Li inside, then ``tail`` records; the last of them bring Guo and doubt."""
    journal = SqliteJournal(folder / "journal.db", SystemRandom())
    journal.append([_record(1)], AT_US)
    journal.save_checkpoint(1, encode_state(state_of({10: LI}, seq=1)))
    taken = AccessTaken("hall-in", "hall-door", 2, 20, "S-2", "outside", "hall", kind="staff")
    doubt = AreaUncertain("cage-a", "rex")
    events = [(), *[()] * (tail - 3), (taken,), (doubt,)]
    journal.append([_record(seq, *found) for seq, found in enumerate(events, 2)], AT_US)
    journal.close()
    policy = Policy(
        Version(1, 5),
        SITE,
        customers=tuple(Customer(n + 3, f"C{n + 1:03d}", "organisation", "active", 2) for n in range(customers)),
    )
    store = SqlitePolicyStore(folder / "policy.db")
    canonical = encode_policy(policy)
    store.save_snapshot(1, 5, canonical.replace(b'"badges":[]', b'"badges":[' + badges + b"]") if badges else canonical)
    store.close()


def _record(seq: int, *events: AccessTaken | AreaUncertain | EscortChanged | FireLatched) -> bytes:
    return encode_record(Record("j", seq, AT_US, seq, "boot", Version(1, 5), TimeElapsed(), events))
