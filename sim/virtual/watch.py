"""The invariants of one building in virtual time, looked at after every step."""

from collections.abc import Sequence

from controller.engine import Engine
from controller.events import PolicyChanged, Record
from controller.room_events import OccupancyReconciled
from controller.site import AccessPoint, Site
from sim.goods_checks import DocumentChecks
from sim.invariants import RecordChecks, Truth, beyond_quota, locked_in, same_state
from sim.memory import Asked
from sim.node import BrokenPromise
from sim.virtual.building import EDGE, Building


class Watch:
    """:meth:`look` raises :class:`sim.node.BrokenPromise` in one line: invariant and what broke it."""

    def __init__(self, site: Site, building: Building) -> None:
        self._site = site
        self._building = building
        self._checks = RecordChecks(site)
        self._documents = DocumentChecks(EDGE)
        self._truth = Truth(site)

    def before_passing(self, point: AccessPoint, people: int, tailgate: int) -> None:
        """People are about to go through a door."""
        self._truth.passing(self._engine.state, point, people, tailgate)

    def look(self, quiet: bool = False, asked: Sequence[Asked] = ()) -> None:
        """Check everything. ``quiet``: what happened gives no cause to unlock; ``asked``: what the hardware was asked meanwhile."""
        building = self._building
        news: list[Record] = building.records()[self._checks.state.seq :]
        self._checks.take(news)
        changed = any(isinstance(event, PolicyChanged) for record in news for event in record.events)
        for record in news:
            beyond_quota(record, self._engine.policy)
            self._documents.take(record, None if changed else self._engine.policy)
            for event in record.events:
                if isinstance(event, OccupancyReconciled):
                    self._truth.counted(event, building.people)
        if not self._engine.pending:
            same_state(self._checks.state, self._engine.state)
        now = building.node.now(building.now_us)
        locked_in(self._engine, self._site, building.node.doors, EDGE, now)
        self._truth.check(self._engine.state, building.people)
        opened = [act.subject for act in asked if act.act == "unlock"]
        opened += [act.subject for act in asked if act.act == "hold" and not self._engine.state.fire_latched]
        if quiet and opened:
            raise BrokenPromise(f"5: {opened[0]} was unlocked by what gives no cause")

    @property
    def _engine(self) -> Engine:
        return self._building.node.agent.engine
