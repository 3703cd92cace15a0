"""What the agent tells of itself: the status's fields, the guarantees, and the situation for the muster page."""

from typing import Any

import msgspec

from controller.engine import Engine
from controller.lease import age_us
from controller.now import SECOND_US, Now
from controller.state import snapshot
from edge.guarantees import guarantees
from edge.muster.facts import Situation
from edge.outbox import Outbox
from edge.policy_intake import PolicyIntake
from edge.ports import Journal, MusterBoard, PolicyStore
from edge.station import Identity, Station
from edge.status import Health, door_facts

SHOW_PAUSE_US = SECOND_US // 5
"""The muster board gets what changed at most this often."""
SHOW_AGAIN_US = SECOND_US
"""And at least this often while the loop turns, so that it can tell a dead loop from a quiet one."""


class Bearing(msgspec.Struct, frozen=True):
    """What the agent alone knows of its connection, and what the intake refused."""

    session: str
    link_up: bool
    server_silent: bool
    refused: dict[str, int]


class Report:
    """Reads the agent's parts; changes none."""

    def __init__(
        self,
        identity: Identity,
        station: Station,
        engine: Engine,
        health: Health,
        journal: Journal,
        outbox: Outbox,
        policies: PolicyIntake,
        store: PolicyStore,
        muster: MusterBoard | None,
    ) -> None:
        self._identity = identity
        self._station = station
        self._engine = engine
        self._health = health
        self._journal = journal
        self._outbox = outbox
        self._policies = policies
        self._store = store
        self._muster = muster
        self._show_at_us = 0
        self._shown_at_us: int | None = None
        self._muster_fault = ""

    def status_fields(self, now: Now, bearing: Bearing) -> dict[str, Any]:
        """The status as it stands (``controller.wire.Status``)."""
        state = self._engine.state
        lease = state.lease
        return {
            "session": bearing.session,
            "software": self._station.software,
            "boot_id": self._station.boot_id,
            "journal_id": self._journal.journal_id,
            "last_seq": self._journal.last_seq,
            "acked_seq": self._outbox.acked,
            "outbox": self._outbox.waiting,
            "policy_version": self._policies.version,
            "policy_digest": self._policies.digest,
            "hardware_digest": self._station.hardware_digest,
            "wall_trusted": now.wall_trusted,
            "lease": lease.lease if lease is not None else None,
            "lease_left_s": self._engine.lease_left_s(now),
            "readers": dict(self._health.readers),
            "boards": dict(self._health.boards),
            "doors": door_facts(state, self._station.hardware),
            "refused_messages": dict(bearing.refused),
            "warnings": self._warnings(bearing),
            "guarantees": self._guarantees(now, bearing),
        }

    def show(self, now: Now, bearing: Bearing, changed: bool) -> int | None:
        """Hand the situation to the muster board, if there is one and it is time. Returns when something waits to be shown. Never raises:
        a broken page harms no door."""
        if self._muster is None:
            return None
        due_us = self._show_at_us if changed else (self._shown_at_us or 0) + SHOW_AGAIN_US
        if self._shown_at_us is not None and now.mono_us < due_us:
            return self._show_at_us if changed else None
        self._shown_at_us, self._show_at_us = now.mono_us, now.mono_us + SHOW_PAUSE_US
        try:
            self._muster.show(self._situation(now, bearing))
        except Exception as bug:  # noqa: BLE001 - see the docstring
            self._muster_fault = f"muster page: {type(bug).__name__}: {bug}"
        else:
            self._muster_fault = ""
        return None

    def _situation(self, now: Now, bearing: Bearing) -> Situation:
        state = snapshot(self._engine.state)
        index = self._engine.index
        codes: dict[int, str] = {}
        if index is not None:
            inside = state.presence if state.muster_at_fire is None else state.muster_at_fire
            for customer in {presence.customer for presence in inside.values()} - {None}:
                known = index.customers.get(customer)  # type: ignore[arg-type]
                if known is not None:
                    codes[known.id] = known.code
        policy = self._engine.policy
        return Situation(
            site_id=self._identity.site,
            edge=self._identity.edge,
            at_us=now.wall_us,
            state=state,
            site=policy.site if policy is not None else None,
            codes=codes,
            mono_us=now.mono_us,
            wall_trusted=now.wall_trusted and not state.wall_behind,
            guarantees=self._guarantees(now, bearing),
            warnings=self._warnings(bearing),
        )

    def _guarantees(self, now: Now, bearing: Bearing) -> dict[str, str]:
        state = self._engine.state
        lease = state.lease
        wall_us = max(now.wall_us, state.wall_high_us)
        return guarantees(
            state,
            policy_trouble=self._policies.unstored or self._health.policy,
            vouched_age_us=None if lease is None else age_us(lease, wall_us, now.mono_us, state.boot_id),
            lease_left_s=self._engine.lease_left_s(now),
            outbox=self._outbox.waiting,
            journal_trouble=self._health.journal,
            link_up=bearing.link_up,
            server_silent=bearing.server_silent,
        )

    def _warnings(self, bearing: Bearing) -> tuple[str, ...]:
        found = self._health.warnings(self._store.damage or self._policies.unstored, bearing.server_silent)
        fault = self._muster_fault or (self._muster.fault if self._muster is not None else "")
        return (*found, fault) if fault else found
