"""Rotated keys in a running server."""

from datetime import timedelta

import pytest

from server.badges.models import Badge
from server.fleet.service import FleetService
from server.keys import SERVER_FILE, KeysError, rotate_keys
from tests.server.fleet.conftest import Fleet


def test_rotated_keys_are_taken_up_and_unusable_ones_leave_the_old_ones(fleet: Fleet) -> None:
    folder = fleet.context.config.dir
    before = fleet.context.keys
    edge = fleet.enrolled()
    fleet.turn()
    (folder / SERVER_FILE).chmod(0o644)
    fleet.service._follow_keys()
    assert fleet.context.keys is before
    (folder / SERVER_FILE).chmod(0o600)
    rotate_keys(folder, fleet.now_us, at_once=True)
    fleet.service._follow_keys()
    assert len(fleet.context.keys.keys) == 2
    fleet.turn()
    head = fleet.heard(edge, "policy")[-1]
    assert len(head.certificates) == 2
    (folder / SERVER_FILE).unlink()
    fleet.service._follow_keys()
    assert len(fleet.context.keys.keys) == 2


def test_an_edge_that_was_offline_during_a_rotation_gets_the_new_certificate_with_the_head(fleet: Fleet) -> None:
    """What is sealed with the new key it can open only after the head, whose certificates the root vouches for."""
    edge = fleet.enrolled()
    fleet.turn()
    [before] = fleet.heard(edge, "policy")
    fleet.broker.connected = False
    fleet.registry.member("M1", fleet.registry.customer())
    fleet.turn()
    rotate_keys(fleet.context.config.dir, fleet.now_us, at_once=True)
    fleet.service._follow_keys()
    fleet.registry.change(Badge, 1, status="lost")
    fleet.turn()
    fleet.restart()  # and the server, too
    fleet.broker.connected = True
    fleet.turn()
    head = fleet.heard(edge, "policy")[-1]
    assert len(head.certificates) == 2
    deltas = fleet.heard(edge, "delta")
    assert [message.delta.version.n for message in deltas] == [2, 3], "signed with the old key and with the new"
    assert head.version == deltas[-1].delta.version > before.version


def test_keys_rotated_after_the_last_one_ended_are_taken_up_without_a_restart(fleet: Fleet) -> None:
    """No turn gets through while nothing can be signed: what begins it again looks at the key file first."""
    edge = fleet.enrolled()
    fleet.registry.member("M1", fleet.registry.customer())
    fleet.turn()
    fleet.clock.advance(timedelta(days=10_000))
    fleet.registry.change(Badge, 1, status="lost")
    with pytest.raises(KeysError):
        fleet.turn()
    rotate_keys(fleet.context.config.dir, fleet.now_us, at_once=True)
    fleet.service.load()  # as the fleet's thread does after a fault
    fleet.turn()
    assert [message.delta.version.n for message in fleet.heard(edge, "delta")] == [2]


def test_a_process_that_does_not_lead_takes_up_rotated_keys_too(fleet: Fleet) -> None:
    service = FleetService(fleet.context)
    stopping = service._stopping
    rotate_keys(fleet.context.config.dir, fleet.now_us)

    class NeverElected:
        def lead(self) -> bool:
            return False

        def resign(self) -> None:
            return

    service._election = NeverElected()  # type: ignore[assignment]
    service._stopping = _StopsAtFirstWait()  # type: ignore[assignment]
    service._run()
    service._stopping = stopping
    edge = fleet.enrolled("edge-9")
    assert edge.epoch == 1
    assert len(fleet.context.keys.keys) == 2


class _StopsAtFirstWait:
    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def wait(self, _seconds: float) -> None:
        self._set = True
