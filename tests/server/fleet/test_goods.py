"""Equipment on its way into the policies, and where a document's binding is over (docs/goods.md, At the server)."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from controller.events import PolicyChanged
from controller.goods_events import DocumentKind
from controller.policy import Badge, Delta, ExitSlip, GrantArea, Item, Line, Policy, Version, WorkOrder
from server.config import Config, load_config
from server.db.clock import to_us
from server.equipment.models import Item as ItemRow
from server.equipment.models import ItemMovement, ItemStay
from server.equipment.models import WorkOrder as OrderRow
from server.equipment.slip_models import ExitSlip as SlipRow
from server.equipment.slip_models import ExitSlipCarrier
from server.fleet.bindings import Binding, binding_of
from server.fleet.goods_models import BindingRelease, GoodsChange
from server.fleet.models import Edge
from server.permits.models import Permit, PermitPerson, TemporaryBadge, TemporaryCard, Visit
from server.registry.models import Contract
from tests.server.conftest import SITE, START
from tests.server.edges import WireEdge
from tests.server.fleet.conftest import Fleet

GOODS_SITE = (
    SITE
    + """
[[areas]]
id = "goods"
[[doors]]
id = "goods-door"
edge = "edge-1"
goods = "out"
[[access_points]]
id = "goods-in"
door = "goods-door"
from_area = "outside"
to_area = "goods"
[[access_points]]
id = "goods-out"
door = "goods-door"
from_area = "goods"
to_area = "outside"
out = true
"""
)
HOUR = timedelta(hours=1)


@pytest.fixture
def config(database_url: str, tmp_path: Path) -> Config:
    """A site with a goods door of edge-1."""
    (tmp_path / "site.toml").write_text(GOODS_SITE, "utf-8")
    path = tmp_path / "server.toml"
    path.write_text(f'dir = "server"\nsite_file = "site.toml"\ndatabase_url = "{database_url}"\n', "utf-8")
    return load_config(path)


@pytest.fixture
def edge(fleet: Fleet) -> WireEdge:
    """edge-1, with its first policy."""
    made = fleet.enrolled("edge-1")
    fleet.turn()
    return made


def put(fleet: Fleet, row: Any) -> int:
    """A row, written in a transaction of its own; its id."""
    with fleet.context.database.write() as session:
        session.add(row)
        session.flush()
        made: int = row.id
        return made


def change(fleet: Fleet, statement: str, **values: Any) -> None:
    """Bare SQL."""
    with fleet.context.database.write() as session:
        session.connection().execute(text(statement), values)


def device(fleet: Fleet, customer: int, serial: str) -> int:
    """A device that is here."""
    item = put(
        fleet,
        ItemRow(
            public_id=f"itm_{serial}", serial=serial, serial_key=serial, model="R750", model_key="R750", customer_id=customer, made_at=START
        ),
    )  # fmt: skip
    movement = put(
        fleet,
        ItemMovement(item_id=item, serial_key=serial, model="R750", direction="in", at_us=1, customer_id=customer, source="import"),
    )  # fmt: skip
    put(fleet, ItemStay(item_id=item, customer_id=customer, in_at_us=1, source="import", in_movement_id=movement))
    return item


def slip(fleet: Fleet, customer: int, number: str = "S-1", **more: Any) -> int:
    """An issued slip, bound to edge-1."""
    values: dict[str, Any] = {
        "public_id": f"slp_{number}", "kind": "withdrawal", "status": "issued", "customer_id": customer, "purpose": "x", "from_at": START,
        "until_at": START + 8 * HOUR, "number": number, "code_hash": number.encode().ljust(16, b"."), "code_sealed": b"sealed", "edge_id": edge_id(fleet),
        "binding": 1, "bound_lines": [[7, "R750", 1, ["SN-1"]]], "created_by": "opr_1", "created_by_name": "A", "created_at": START, "changed_at": START,
    }  # fmt: skip
    return put(fleet, SlipRow(**(values | more)))


def order(fleet: Fleet, customer: int, **more: Any) -> int:
    """An approved work order, bound to edge-1."""
    with fleet.context.database.read() as session:
        contract = session.exec(select(Contract.id).where(Contract.customer_id == customer)).one()
    values: dict[str, Any] = {
        "public_id": "wor_1", "number": "W-1", "customer_id": customer, "contract_id": contract, "status": "approved", "planned_from": START,
        "planned_until": START + 8 * HOUR, "made_at": START, "made_by": "opr_1", "submitted_at": START - HOUR, "notice_h": 24, "code_sealed": b"sealed",
        "code_hash": b"W" * 16, "edge_id": edge_id(fleet), "binding": 1, "bound_lines": [[3, "R750", 2, []]],
    }  # fmt: skip
    return put(fleet, OrderRow(**(values | more)))


def edge_id(fleet: Fleet, name: str = "edge-1") -> int:
    """An edge's row."""
    with fleet.context.database.read() as session:
        found = session.exec(select(Edge.id).where(Edge.name == name)).one()
        assert found is not None
        return found


def policy_of(fleet: Fleet, edge: WireEdge) -> Policy:
    """What the edge runs when it follows everything."""
    fleet.turn()
    return fleet.snapshot(edge)


def last_delta(fleet: Fleet, edge: WireEdge) -> Delta:
    """The newest delta."""
    fleet.turn()
    delta: Delta = fleet.heard(edge, "delta")[-1].delta
    return delta


def binding(fleet: Fleet, document: DocumentKind, document_id: int, at: datetime = START) -> Binding:
    """How it is bound now."""
    with fleet.context.database.read() as session:
        return binding_of(session.connection(), document, document_id, to_us(at))


def follows(fleet: Fleet, edge: WireEdge, version: Version | None = None) -> None:
    """The edge's journal says that it follows its newest policy, or this one."""
    edge.record(PolicyChanged(version=version or fleet.kept(edge).version, digest="d"))
    fleet.say(edge, "records", edge.batch(1, len(edge.journal)))


def test_devices_orders_and_slips_are_in_the_policy_of_an_edge_with_a_goods_door(fleet: Fleet, edge: WireEdge) -> None:
    customer = fleet.registry.customer()
    item = device(fleet, customer, "SN-1")
    its_slip, its_order = slip(fleet, customer), order(fleet, customer)
    carrier = fleet.registry.holder("li", customer)
    put(fleet, ExitSlipCarrier(public_id="crr_1", slip_id=its_slip, holder_id=carrier))
    policy = policy_of(fleet, edge)
    start = to_us(START)
    assert policy.items == (Item(item, "SN-1", "R750", customer, True, 1),)
    assert policy.slips == (
        ExitSlip(
            its_slip, b"S-1".ljust(16, b"."), "S-1", "withdrawal", customer, "edge-1", 1, start, start + 8 * 3_600_000_000,
            (Line(7, "R750", 1, ("SN-1",)),), (carrier,),
        ),
    )  # fmt: skip
    assert policy.orders == (
        WorkOrder(
            its_order, b"W" * 16, "W-1", customer, "edge-1", 1, start + 23 * 3_600_000_000, start, start + 8 * 3_600_000_000, False,
            (Line(3, "R750", 2),),
        ),
    )  # fmt: skip


def test_a_document_that_no_policy_carries_yet_is_a_pending_change(fleet: Fleet, edge: WireEdge) -> None:
    slip(fleet, fleet.registry.customer())
    assert fleet.api.get("/api/v1/policy/current", params={"edge": "edge-1"}).json()["pending"]
    fleet.turn()
    change(fleet, "UPDATE exit_slip SET status = 'cancelled'")
    assert fleet.api.get("/api/v1/policy/current", params={"edge": "edge-1"}).json()["pending"]
    fleet.turn()
    assert not fleet.api.get("/api/v1/policy/current", params={"edge": "edge-1"}).json()["pending"]


def test_an_edge_without_goods_doors_and_a_desk_hear_nothing_of_equipment(fleet: Fleet, edge: WireEdge) -> None:
    others = [fleet.enrolled("edge-2"), fleet.enrolled("desk-1", role="desk")]
    fleet.turn()
    before = [fleet.kept(other).version for other in others]
    customer = fleet.registry.customer()
    device(fleet, customer, "SN-1")
    slip(fleet, customer)
    fleet.turn()
    assert [fleet.kept(other).version for other in others] == before


def test_a_device_that_leaves_and_a_change_by_bare_sql_come_as_small_deltas(fleet: Fleet, edge: WireEdge) -> None:
    customer = fleet.registry.customer()
    items = [device(fleet, customer, f"SN-{number}") for number in range(5)]
    its_slip = slip(fleet, customer)
    fleet.turn()
    left_us = to_us(START)
    change(fleet, "UPDATE item_stay SET out_at_us = :at WHERE item_id = :item", at=left_us, item=items[2])
    delta = last_delta(fleet, edge)
    assert (delta.items, delta.gone_items, delta.slips) == (
        (Item(items[2], "SN-2", "R750", customer, False, left_us),),
        (),
        (),
    )
    change(fleet, "UPDATE exit_slip SET status = 'cancelled' WHERE id = :slip", slip=its_slip)
    assert [entry.cancelled for entry in last_delta(fleet, edge).slips] == [True]


def test_a_device_is_told_by_its_newest_stay_and_forgotten_a_month_after_it_left(fleet: Fleet, edge: WireEdge) -> None:
    customer, other = fleet.registry.customer(), fleet.registry.customer("C002")
    item = device(fleet, customer, "SN-1")
    left_us = to_us(START)
    change(fleet, "UPDATE item_stay SET out_at_us = :at", at=left_us)
    with fleet.context.database.read() as session:
        movement = session.exec(select(ItemMovement.id)).one()
    assert movement is not None
    stay = ItemStay(item_id=item, customer_id=other, in_at_us=left_us + 9, source="import", in_movement_id=movement)
    put(fleet, stay)
    assert policy_of(fleet, edge).items == (Item(item, "SN-1", "R750", other, True, left_us + 9),)
    change(fleet, "UPDATE item_stay SET out_at_us = :at WHERE out_at_us IS NULL", at=left_us + 10)
    assert policy_of(fleet, edge).items == (Item(item, "SN-1", "R750", other, False, left_us + 10),)
    fleet.clock.advance(timedelta(days=31))
    fleet.turn()
    assert policy_of(fleet, edge).items != ()
    fleet.clock.advance(timedelta(hours=2))
    fleet.turn()
    assert policy_of(fleet, edge).items == ()


def test_what_was_followed_is_followed_once_and_a_restart_finds_the_same(fleet: Fleet, edge: WireEdge) -> None:
    customer = fleet.registry.customer()
    device(fleet, customer, "SN-1")
    slip(fleet, customer)
    order(fleet, customer)
    before = policy_of(fleet, edge)
    with fleet.context.database.read() as session:
        assert session.exec(select(GoodsChange)).all() == []
    fleet.restart()
    fleet.turn()
    assert fleet.kept(edge).version == before.version
    change(fleet, "UPDATE work_order SET unpacked_at = :at", at=START.replace(tzinfo=None))
    assert [entry.unpacked for entry in policy_of(fleet, edge).orders] == [True]


def test_a_document_leaves_the_policy_a_day_after_its_last_window(fleet: Fleet, edge: WireEdge) -> None:
    customer = fleet.registry.customer()
    slip(fleet, customer, "S-1")
    slip(fleet, customer, "S-2", return_until_at=START + 72 * HOUR, bound_lines=[])
    order(fleet, customer)
    fleet.turn()
    fleet.clock.advance(timedelta(hours=31, minutes=59))
    assert [entry.number for entry in policy_of(fleet, edge).slips] == ["S-1", "S-2"]
    fleet.clock.advance(timedelta(minutes=2))
    fleet.turn()
    policy = policy_of(fleet, edge)
    assert [entry.number for entry in policy.slips] == ["S-2"]
    assert policy.orders == ()


@pytest.mark.parametrize("document", ["slip", "order"])
def test_a_binding_is_over_when_the_edges_records_say_that_it_follows(
    fleet: Fleet, edge: WireEdge, document: DocumentKind
) -> None:
    customer = fleet.registry.customer()
    made = slip(fleet, customer) if document == "slip" else order(fleet, customer)
    fleet.turn()
    follows(fleet, edge)
    assert binding(fleet, document, made) == Binding("edge-1", False, waits="not_withdrawn")
    withdraw = "exit_slip SET next_edge_id = edge_id" if document == "slip" else "work_order SET withdrawn_at = made_at"
    change(fleet, f"UPDATE {withdraw}")
    assert binding(fleet, document, made) == Binding("edge-1", False, waits="not_compiled")
    fleet.turn()
    assert binding(fleet, document, made) == Binding("edge-1", False, waits="not_acknowledged")
    fleet.receipt(edge)
    assert not binding(fleet, document, made).released, "a status says nothing of the records before it"
    follows(fleet, edge, Version(1, fleet.kept(edge).version.n - 1))
    assert not binding(fleet, document, made).released
    follows(fleet, edge)
    assert binding(fleet, document, made) == Binding("edge-1", True, "acknowledged")
    bind = "exit_slip SET next_edge_id = NULL" if document == "slip" else "work_order SET withdrawn_at = NULL"
    change(fleet, f"UPDATE {bind}, binding = 2")
    fleet.turn()
    assert binding(fleet, document, made) == Binding("edge-1", False, waits="not_withdrawn")


def test_a_binding_is_over_five_minutes_after_the_window_with_the_edge_cut_off(fleet: Fleet, edge: WireEdge) -> None:
    made = slip(fleet, fleet.registry.customer(), return_until_at=START + 10 * HOUR)
    over = START + 10 * HOUR + timedelta(minutes=5)
    assert not binding(fleet, "slip", made, over - timedelta(microseconds=1)).released
    assert binding(fleet, "slip", made, over) == Binding("edge-1", True, "window_over")


def test_what_is_withdrawn_while_a_policy_is_being_compiled_is_not_released_by_it(fleet: Fleet, edge: WireEdge) -> None:
    made = slip(fleet, fleet.registry.customer())
    service, compiler = fleet.service, fleet.service.policies.compiler
    with fleet.context.database.read() as session:
        work = compiler.read(session.connection(), fleet.now_us)
    assert work is not None
    change(fleet, "UPDATE exit_slip SET next_edge_id = edge_id")
    steps = compiler.prepare(work, service.composer.epoch)
    with fleet.context.database.write() as session:
        compiler.keep(session.connection(), work, steps, fleet.now_us)
    compiler.adopt(work, steps)
    with fleet.context.database.read() as session:
        assert session.exec(select(BindingRelease)).all() == [], "this version allows the slip"
    fleet.turn()
    assert binding(fleet, "slip", made) == Binding("edge-1", False, waits="not_acknowledged")
    assert policy_of(fleet, edge).slips == ()


def test_an_edge_that_is_compiled_anew_later_releases_by_the_version_that_it_then_gets(
    fleet: Fleet, edge: WireEdge
) -> None:
    made = slip(fleet, fleet.registry.customer(), edge_id=edge_id(fleet))
    fleet.turn()
    compiler = fleet.service.policies.compiler
    compiler.edges[edge_id(fleet)].broken = True  # what is stored cannot be read
    change(fleet, "UPDATE exit_slip SET next_edge_id = edge_id")
    fleet.turn()
    assert binding(fleet, "slip", made) == Binding("edge-1", False, waits="not_compiled")
    compiler.compile_all_anew()
    fleet.turn()
    assert binding(fleet, "slip", made) == Binding("edge-1", False, waits="not_acknowledged")
    follows(fleet, edge)
    assert binding(fleet, "slip", made).released


def test_no_binding_of_a_document_that_there_is_not(fleet: Fleet) -> None:
    with pytest.raises(LookupError, match="slip 99"):
        binding(fleet, "slip", 99)


def visitors_badge(fleet: Fleet, customer: int) -> int:
    """A temporary badge, lent under the customer's permit."""
    visitor = fleet.registry.holder("xu", kind="visitor")
    badge = fleet.registry.badge("T-1", visitor, status="issued")
    permit = put(
        fleet,
        Permit(
            public_id="prm_1", kind="temporary", status="approved", customer_id=customer, from_at=START, until_at=START + 2 * HOUR,
            areas=["lobby", "goods", "attic"], schedule="office", reason="x", created_by="opr_1", created_at=START, submitted_at=START, decided_at=START,
        ),
    )  # fmt: skip
    person = put(fleet, PermitPerson(public_id="pps_1", permit_id=permit, holder_id=visitor))
    visit = put(
        fleet, Visit(public_id="vst_1", permit_id=permit, person_id=person, holder_id=visitor, created_at=START)
    )
    card = put(
        fleet,
        TemporaryCard(public_id="tcd_1", number="T-1", technology="desfire", credential=b"c" * 16, made_at=START, made_by="opr_1"),
    )  # fmt: skip
    with fleet.context.database.write() as session:
        session.add(TemporaryBadge(badge_id=badge, permit_id=permit, visit_id=visit, card_id=card))
    return badge


def test_a_visitors_badge_opens_the_permits_areas_in_its_window_as_a_visitor_of_the_customer(
    fleet: Fleet, edge: WireEdge
) -> None:
    customer = fleet.registry.customer()
    badge = visitors_badge(fleet, customer)
    change(fleet, "UPDATE badge SET status = 'active' WHERE id = :badge", badge=badge)
    policy = policy_of(fleet, edge)
    (entry,) = policy.badges
    assert isinstance(entry, Badge)
    assert (entry.kind, entry.status, entry.customer, entry.slot) == ("temporary", "active", customer, None)
    assert [one.id for one in policy.customers] == [customer]
    window = to_us(START), to_us(START + 2 * HOUR)
    (grant,) = policy.grants
    assert grant.areas == (GrantArea("goods", *window, "office"), GrantArea("lobby", *window, "office"))


def test_visitors_of_a_merged_customer_are_the_kept_ones(fleet: Fleet, edge: WireEdge) -> None:
    kept, merged = fleet.registry.customer(), fleet.registry.customer("C002")
    badge = visitors_badge(fleet, merged)
    assert [entry.customer for entry in policy_of(fleet, edge).badges if entry.id == badge] == [merged]
    answer = fleet.api.post("/api/v1/customers/C001/merge", json={"merged": "C002", "reason": "one company"})
    assert (answer.status_code, answer.json().get("moved", {}).get("permits", 1)) == (200, 1), answer.text
    assert [entry.customer for entry in policy_of(fleet, edge).badges if entry.id == badge] == [kept]
    with fleet.context.database.read() as session:
        assert [permit.customer_id for permit in session.exec(select(Permit)).all()] == [kept]


def _asked_back(fleet: Fleet, edge: WireEdge) -> int:
    """A slip that its edge's policy does not allow any more, and the edge does not know yet."""
    made = slip(fleet, fleet.registry.customer(), bound_at=START)
    fleet.turn()
    change(fleet, "UPDATE exit_slip SET next_edge_id = edge_id")
    fleet.turn()
    return made


def test_an_edge_whose_records_are_lost_releases_nothing_before_the_window_is_over(
    fleet: Fleet, edge: WireEdge
) -> None:
    made = _asked_back(fleet, edge)
    edge.record(PolicyChanged(version=Version(1, 1), digest="d"))
    edge.record(PolicyChanged(version=Version(1, 1), digest="d"))
    edge.record(PolicyChanged(version=fleet.kept(edge).version, digest="d"))
    fleet.say(
        edge, "records", edge.batch(3, 3, 3)
    )  # what the first two told is gone: devices may have left under the slip
    assert binding(fleet, "slip", made) == Binding("edge-1", False, waits="records_missing")
    assert binding(fleet, "slip", made, START + 9 * HOUR).because == "window_over"


def test_an_edge_whose_journal_was_replaced_releases_nothing_before_the_window_is_over(
    fleet: Fleet, edge: WireEdge
) -> None:
    edge.record(PolicyChanged(version=Version(1, 1), digest="d"))
    fleet.say(edge, "records", edge.batch(1, 1))
    made = _asked_back(fleet, edge)
    edge.journal_id, edge.journal = "j2", []
    follows(fleet, edge)
    assert binding(fleet, "slip", made) == Binding("edge-1", False, waits="records_missing")


def test_a_record_that_could_not_be_read_may_have_moved_devices(fleet: Fleet, edge: WireEdge) -> None:
    made = _asked_back(fleet, edge)
    edge.record(PolicyChanged(version=Version(1, 1), digest="d"))
    edge.journal[0] = edge.journal[0].replace(b"PolicyChanged", b"PolicyChenged")
    follows(fleet, edge)
    assert binding(fleet, "slip", made) == Binding("edge-1", False, waits="records_missing")
    change(fleet, "DELETE FROM ledger_quarantine")  # as when a newer version has read it
    assert binding(fleet, "slip", made) == Binding("edge-1", True, "acknowledged")


def test_a_finished_order_stays_so_that_the_door_can_say_so(fleet: Fleet, edge: WireEdge) -> None:
    made = order(fleet, fleet.registry.customer(), status="done")
    assert [entry.id for entry in policy_of(fleet, edge).orders] == [made]
    change(fleet, "UPDATE work_order SET status = 'closed'")
    assert policy_of(fleet, edge).orders == ()
