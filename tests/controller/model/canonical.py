"""What makes two worlds the same to all that can still happen: absolute times, counters and marks for people are left out."""

import hashlib

import msgspec

from controller.limits import Limits
from controller.now import SECOND_US
from controller.state import DoorState, State
from tests.controller.model.buildings import START_MONO_US, START_WALL_US
from tests.controller.model.world import Ground, World

COMPARED = {
    "doors", "presence", "uncertain", "alarms", "reads", "waiting", "lockdowns", "lockdown_inputs", "fire_inputs", "fire_latched",
    "gas", "link_up", "degraded", "boot_id",
}  # fmt: skip
LEFT_OUT = {
    "seq", "wall_high_us", "wall_trusted", "wall_behind", "policy_version", "policy_digest", "lease", "journal_available",
    "devices", "muster_at_fire", "tamper", "power_failed", "denials", "encoding", "cleared", "people",
    "checks", "moved", "passed", "reserved",
}  # fmt: skip
"""The same everywhere in the search (no goods door in it), or without bearing on a later decision."""
ALARMS = {"DoorForcedOpen", "DoorHeldOpen", "LONE_OCCUPANT", "ESCORT_LEFT", "FIRE", "OCCUPANCY_MISMATCH"}

_encoder = msgspec.json.Encoder(order="sorted")


def key(world: World, ground: Ground) -> bytes:
    """16 bytes that two worlds share if they have the same future, but for who of two people alike is who."""
    told = min(_encoder.encode(_told(world, ground.limits, ground.recent_us, names)) for names in ground.alike)
    return hashlib.blake2b(told, digest_size=16).digest()


def _told(world: World, limits: Limits, recent_us: int, names: dict[int, int]) -> tuple[object, ...]:
    state, now = world.state, world.mono_us
    named = names.get
    confirm_us = round(limits.exit_confirm_s * SECOND_US)
    paired_us = round(limits.pairing_window_s * SECOND_US)
    truth = world.truth
    return (
        sorted((door, _door(facts, now, limits, names)) for door, facts in state.doors.items()),
        sorted(
            (named(holder, holder), one.area, one.sure, one.escort and named(one.escort), one.unescorted, one.overstayed)
            for holder, one in state.presence.items()
        ),
        sorted(state.uncertain.items()),
        sorted(_alarm(name, state, now) for name in state.alarms if name.split("/")[0] in ALARMS),
        sorted(
            (point, named(one.badge, one.badge), one.mono_us - now)
            for point, reads in state.reads.items()
            for one in reads
            if now - one.mono_us < recent_us
        ),
        sorted(
            (
                point,
                [
                    (
                        named(one.pending.holder, one.pending.holder), one.pending.because.reason, one.pending.emergency,
                        max(one.asked_at_mono_us - now, -max(confirm_us, paired_us)),
                        one.pending.until_mono_us - now,
                    )
                    for one in waiting
                ],
            )
            for point, waiting in state.waiting.items()
        ),
        sorted(state.lockdowns.items()),
        sorted(name for name, on in state.lockdown_inputs.items() if on),
        sorted(name for name, on in state.fire_inputs.items() if on),
        sorted(state.fire_latched),
        sorted(name for name, on in state.gas.items() if on),
        state.link_up,
        state.degraded,
        state.boot_id == "boot-0",
        truth and sorted((named(who, who), area) for who, area in truth.at),
        truth and sorted((door, named(who, who)) for door, who in truth.pressed),
    )  # fmt: skip


def _door(facts: DoorState, now: int, limits: Limits, names: dict[int, int]) -> tuple[object, ...]:
    held_us = round(limits.held_open_s * SECOND_US)
    named = names.get
    return (
        facts.lock,
        facts.position,
        facts.mode,
        [
            (
                named(one.holder, one.holder), one.access_point, sorted(named(who, who) for who in one.partners),
                one.escort and named(one.escort), one.presumed_left, one.emergency, one.until_mono_us - now,
            )
            for one in facts.grants
        ],
        facts.exit_requested,
        facts.commanded,
        None if facts.window_until_mono_us is None else facts.window_until_mono_us - now,
        None if facts.open_since_mono_us is None else max(facts.open_since_mono_us - now, -held_us),
        facts.warned,
        facts.maintenance_until_us,
    )  # fmt: skip


def _alarm(name: str, state: State, now: int) -> tuple[object, ...]:
    alarm = state.alarms[name]
    until = alarm.inputs.get("until_us")
    from_now = until - (START_WALL_US + now - START_MONO_US) if isinstance(until, int) else None
    return name, alarm.inputs.get("overdue"), alarm.inputs.get("unknown_exit"), from_now
