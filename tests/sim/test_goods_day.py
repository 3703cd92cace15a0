"""A random day of deliveries in memory: what the ledger tells of devices is where they really are, whatever fails in between (E6, DESIGN §5.7)."""

import pytest

from sim.goods_day import GoodsDay
from sim.goods_office import Dropped, Made
from sim.site_folder import SiteFolder

SITE = SiteFolder("depot").site


@pytest.mark.parametrize("seed", [2])
def test_the_ledgers_inventory_is_where_the_devices_are(seed: int) -> None:
    day = GoodsDay(SITE, seed, moves=150)
    outcome = day.run()  # raises where it is not
    assert outcome.faults >= 3
    assert day.carried >= 150
    assert day.refused > 50
    assert day.office.bindings > 50
    assert any(isinstance(entry, Dropped) and entry.cancelled for entry in day.office.history)
    assert any(isinstance(entry, Made) for entry in day.office.history)


def test_one_seed_is_one_day() -> None:
    first, second = GoodsDay(SITE, 5, moves=40).run(), GoodsDay(SITE, 5, moves=40).run()
    assert first.journals == second.journals
    assert GoodsDay(SITE, 6, moves=40).run().journals != first.journals
