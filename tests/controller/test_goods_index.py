"""What scans look up is kept up with deltas at their own cost (E6; issue 5, Figures)."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.goods_index import GoodsIndex, kind_of
from controller.index import PolicyIndex
from controller.policy import Delta, ExitSlip, Item, Line, Policy, Version, WorkOrder
from controller.policy_delta import make_delta
from tests.controller.building import SITE
from tests.controller.goods import goods_policy, order, slip
from tests.controller.test_index_follows import some

CODES = ("a", "b", "c")
SERIALS = ("", "SN-1", "SN-2", "SN-3")
POLICIES = st.builds(
    Policy,
    version=st.just(Version(1, 1)),
    site=st.just(SITE),
    items=some(
        st.builds(
            Item,
            st.integers(1, 5),
            st.sampled_from(SERIALS),
            st.sampled_from(("R750", "NAS")),
            st.sampled_from((None, 1, 2)),
        ),
        5,
    ),
    orders=some(
        st.builds(
            lambda number, code, binding: order(number, code=code.encode(), binding=binding),
            st.integers(1, 4),
            st.sampled_from(CODES),
            st.integers(1, 2),
        ),
        4,
    ),
    slips=some(
        st.builds(
            lambda number, code, cancelled: slip(number, code=code.encode(), cancelled=cancelled),
            st.integers(1, 4),
            st.sampled_from(CODES),
            st.booleans(),
        ),
        4,
    ),
)


def found(goods: GoodsIndex) -> dict[str, Any]:
    """All that it says."""
    return {
        "items": {serial: goods.items(serial) for serial in (*SERIALS, "SN-9")},
        "orders": [goods.document("order", number) for number in range(6)],
        "slips": [goods.document("slip", number) for number in range(6)],
        "by code": [
            (goods.document_of("order", code.encode()), goods.document_of("slip", code.encode())) for code in CODES
        ],
    }


@settings(deadline=None, max_examples=150)
@given(st.lists(POLICIES, min_size=2, max_size=4))
def test_after_any_deltas_it_is_that_of_the_policy_built_anew(policies: list[Policy]) -> None:
    index = PolicyIndex(policies[0])
    for n, wanted in enumerate(policies[1:], 2):
        new = msgspec.structs.replace(wanted, version=Version(1, n))
        index.follow(new, make_delta(index.policy, new))
        assert found(index.goods) == found(GoodsIndex(new))


def test_two_documents_of_one_code_are_none_and_an_order_is_no_slip() -> None:
    twins = slip(1), slip(2, code=slip(1).code), order(1, code=slip(1).code)
    goods = GoodsIndex(goods_policy(*twins))
    assert goods.document_of("slip", slip(1).code) is None
    assert goods.document_of("order", slip(1).code) == twins[2]
    assert kind_of(twins[2]) == "order"


def test_one_serial_number_twice_is_both_devices() -> None:
    both = Item(1, "SN-1", "R750", 1), Item(2, "SN-1", "R650", 2)
    assert GoodsIndex(goods_policy(items=both)).items("SN-1") == both


class Watched(tuple[Any, ...]):
    """Entries that count how often they are all passed through."""

    passes = 0

    def __iter__(self) -> Any:
        Watched.passes += 1
        return super().__iter__()


def test_a_delta_of_one_entry_looks_at_no_other() -> None:
    items = [Item(number, f"SN-{number}", "R750", 1) for number in range(1, 2_001)]
    index = PolicyIndex(goods_policy(*(slip(number) for number in range(1, 501)), items=items))
    before = index.policy
    after = msgspec.structs.replace(
        before,
        version=Version(1, 2),
        items=Watched((*items, Item(2_001, "SN-NEW", "R750", 2))),
        slips=Watched((*before.slips[:-1], slip(500, cancelled=True))),
    )
    delta = Delta(
        before.version, after.version, "", items=(after.items[-1],), slips=(after.slips[-1],), gone_items=(1,)
    )
    Watched.passes = 0
    index.follow(after, delta)
    assert Watched.passes == 0
    assert index.goods.items("SN-NEW") == (after.items[-1],)
    assert index.goods.items("SN-1") == ()
    assert index.goods.document("slip", 500) == after.slips[-1]


def test_a_document_of_many_lines_is_still_one_lookup_away() -> None:
    lines = tuple(Line(number, "R750", 1, (f"SN-{number}",)) for number in range(1, 1_001))
    documents: tuple[ExitSlip | WorkOrder, ...] = (slip(1, *lines), order(1, *lines))
    goods = GoodsIndex(goods_policy(*documents))
    assert goods.document_of("slip", documents[0].code) is documents[0]
