"""The scan bench at a size that says nothing about speed: every figure is there, and what it measures happened."""

import pytest

from controller.codes import document_of
from controller.policy import credential_key
from controller.policy_digest import policy_digest
from sim.bench.population import HASH_KEY
from sim.bench.scan import DEVICES_OF_A_SLIP, code_of, devices_of, goods_policy, scan_figures, serial_of


def test_the_population_has_its_slips_with_ten_devices_each_of_their_customers() -> None:
    policy = goods_policy(100, 120)
    assert policy_digest(policy)
    assert (len(policy.slips), len(policy.items)) == (120, 120 * DEVICES_OF_A_SLIP)
    owner = {item.serial: item.customer for item in policy.items}
    for slip in policy.slips:
        assert slip.code == credential_key(HASH_KEY, "slip", code_of(slip.id))
        assert document_of(code_of(slip.id)) == ("slip", code_of(slip.id))
        serials = [serial for line in slip.lines for serial in line.serials]
        assert serials == [serial_of(device) for device in devices_of(slip.id)]
        assert {owner[serial] for serial in serials} == {slip.customer}


@pytest.mark.processes
def test_scans_yield_their_figures() -> None:
    figures = {figure.name: figure for figure in scan_figures(badges=400, slips=200, scans=9)}
    assert figures["scan: our share p99"].reach == "≤ 10"
    assert figures["scan: our share p50"].value > 0
    # twelve characters and CR, ten bits each at 9600
    assert figures["scan: the code on the wire p50"].value == pytest.approx(13 * 10 / 9.6, abs=0.01)
