"""The state of the building as an edge's own events tell it: a small second opinion beside the product's fold."""

from collections.abc import Iterable

from controller.events import AccessTaken, AlarmCleared, AlarmRaised, AnyEvent
from controller.room_events import AreaCertain, AreaUncertain, OccupancyReconciled
from controller.site import Site


class BuildingState:
    """Folded from events: where each holder is, which alarms stand, which areas are uncertain."""

    def __init__(self, site: Site, events: Iterable[AnyEvent]) -> None:
        self._inside = {area.id: area.inside for area in site.areas}
        self._public = {area.id for area in site.areas if area.public}
        self._where: dict[int, str] = {}
        self._alarms: set[tuple[str, str]] = set()
        self._uncertain: set[str] = set()
        for event in events:
            self._apply(event)

    def people_in(self, area: str) -> int:
        """Known holders in the area and all that lies inside it (MEANINGS 13)."""
        return sum(1 for where in self._where.values() if self._lies_in(where, area))

    def alarms(self) -> tuple[str, ...]:
        """The names of standing alarms, sorted; one entry per subject."""
        return tuple(sorted(name for name, _ in self._alarms))

    def uncertain(self) -> set[str]:
        """Areas somebody may have left or entered unseen."""
        return self._uncertain

    def _lies_in(self, where: str | None, area: str) -> bool:
        while where is not None:
            if where == area:
                return True
            where = self._inside.get(where)
        return False

    def _apply(self, event: AnyEvent) -> None:
        match event:
            case AccessTaken(presence="unchanged"):
                pass  # a cabinet: nobody passes
            case AccessTaken(holder=holder, to_area=to_area):
                if to_area in self._public:
                    self._where.pop(holder, None)
                else:
                    self._where[holder] = to_area
            case OccupancyReconciled():
                self._uncertain -= {event.area, *event.within} - {*event.doubtful}
                for holder in event.gone:
                    self._where.pop(holder, None)
                for found in (*event.present, *event.elsewhere):
                    self._where[found.holder] = found.area
            case AlarmRaised(alarm=alarm, subject=subject):
                self._alarms.add((alarm, subject))
            case AlarmCleared(alarm=alarm, subject=subject):
                self._alarms.discard((alarm, subject))
            case AreaUncertain():
                self._uncertain |= {event.area, *event.within}
            case AreaCertain(area=area):
                self._uncertain.discard(area)
            case _:
                pass
