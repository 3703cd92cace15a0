"""What makes two worlds the same to all that can still happen: absolute times, counters and marks for people are left out."""

import hashlib

import msgspec

from controller.limits import Limits
from controller.now import SECOND_US
from controller.state import DoorState, State
from tests.controller.model.world import World

COMPARED = {
    "doors", "presence", "uncertain", "alarms", "reads", "waiting", "lockdowns", "lockdown_inputs", "fire_inputs", "fire_latched",
    "gas", "link_up", "degraded", "boot_id",
}  # fmt: skip
LEFT_OUT = {
    "seq", "wall_high_us", "wall_trusted", "wall_behind", "policy_version", "policy_digest", "lease", "journal_available",
    "devices", "muster_at_fire", "tamper", "power_failed", "denials", "encoding", "cleared",
}  # fmt: skip
"""The same everywhere in the search, or without bearing on a later decision."""
ALARMS = {"DoorForcedOpen", "DoorHeldOpen", "LONE_OCCUPANT", "ESCORT_LEFT", "FIRE", "OCCUPANCY_MISMATCH"}

_encoder = msgspec.json.Encoder(order="sorted")


def key(world: World, limits: Limits) -> bytes:
    """16 bytes that two worlds share if they have the same future."""
    state, now = world.state, world.mono_us
    confirm_us = round(limits.exit_confirm_s * SECOND_US)
    recent_us = round(max(limits.same_read_s, limits.duress_until_s) * SECOND_US)
    told = (
        sorted((door, _door(facts, now, limits)) for door, facts in state.doors.items()),
        sorted(
            (holder, one.area, one.sure, one.escort, one.unescorted, one.overstayed)
            for holder, one in state.presence.items()
        ),
        sorted(state.uncertain.items()),
        sorted(_alarm(name, state, now) for name in state.alarms if name.split("/")[0] in ALARMS),
        sorted(
            (point, one.badge, one.mono_us - now)
            for point, reads in state.reads.items()
            for one in reads
            if now - one.mono_us < recent_us
        ),
        sorted(
            (
                point,
                [
                    (
                        one.pending.holder, one.pending.because.reason, one.pending.emergency,
                        max(one.asked_at_mono_us - now, -confirm_us), one.pending.until_mono_us - now,
                        max(one.asked_at_mono_us - now, -round(limits.pairing_window_s * SECOND_US)),
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
        world.truth,
    )  # fmt: skip
    return hashlib.blake2b(_encoder.encode(told), digest_size=16).digest()


def _door(facts: DoorState, now: int, limits: Limits) -> tuple[object, ...]:
    held_us = round(limits.held_open_s * SECOND_US)
    return (
        facts.lock,
        facts.position,
        facts.mode,
        [
            (
                one.holder,
                one.access_point,
                sorted(one.partners),
                one.escort,
                one.presumed_left,
                one.emergency,
                one.until_mono_us - now,
            )
            for one in facts.grants
        ],
        facts.exit_requested,
        None if facts.window_until_mono_us is None else facts.window_until_mono_us - now,
        None if facts.open_since_mono_us is None else max(facts.open_since_mono_us - now, -held_us),
        facts.warned,
        facts.maintenance_until_us,
    )


def _alarm(name: str, state: State, now: int) -> tuple[object, ...]:
    alarm = state.alarms[name]
    until = alarm.inputs.get("until_us")
    from_now = until - state_wall(now) if isinstance(until, int) else None
    return name, alarm.inputs.get("overdue"), from_now


def state_wall(mono_us: int) -> int:
    from tests.controller.model.buildings import START_MONO_US, START_WALL_US

    return START_WALL_US + mono_us - START_MONO_US
