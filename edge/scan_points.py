"""For the core all scanners of one access point are one device. Pure."""

from collections.abc import Sequence

from controller.inputs import DeviceFaulted, DeviceRecovered
from edge.ports import DeviceChanged


class ScanPoints:
    """What works at each access point. ``scanners``: each with its access point."""

    def __init__(self, scanners: Sequence[tuple[str, str]]) -> None:
        self._point = dict(scanners)
        self._working: dict[str, bool | None] = dict.fromkeys(self._point)
        self._told: dict[str, bool] = {}

    def take(self, change: DeviceChanged) -> list[DeviceFaulted | DeviceRecovered]:
        """What the core must know: ``scanner:<access point>`` is in fault once none of its scanners works, and works as soon as one does."""
        self._working[change.device] = change.working
        point = self._point[change.device]
        there = [working for name, working in self._working.items() if self._point[name] == point]
        working = any(there)
        if (not working and None in there) or self._told.get(point) == working:
            return []  # one has not said yet, or it is known
        self._told[point] = working
        device = f"scanner:{point}"
        return [DeviceRecovered(device, "scanner") if working else DeviceFaulted(device, "scanner", change.cause)]
