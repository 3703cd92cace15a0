"""BADGE_IN_TWO_PLACES: found by the server, for edges do not know of each other (B3, MEANINGS 13)."""

from typing import Any

from controller.events import AlarmAcknowledged, AlarmCleared
from server.ledger.writer import Ledger
from server.rooms.areas import Areas
from server.rooms.two_places import ALARM, settle_two_places, two_places_changed
from tests.server.edges import AT_US
from tests.server.rooms.conftest import WANG, House, taken


def settle(house: House) -> list[dict[str, Any]]:
    """One look, as the fleet's thread takes it; then the alarms that stand."""
    ledger = Ledger(house.context.database, "test", house.context.site)
    with ledger.writing(AT_US) as writer:
        if two_places_changed(writer.connection, writer.areas):
            settle_two_places(writer)
    with house.context.database.read() as session:
        assert not two_places_changed(session.connection(), Areas(house.context.site))
    items: list[dict[str, Any]] = house.get("alarms", alarm=ALARM)["items"]
    return items


def acknowledge(house: House) -> None:
    """As the fleet's thread does it when an operator has said so."""
    with Ledger(house.context.database, "test", house.context.site).writing(AT_US) as writer:
        writer.own_event(house.other.id, AlarmAcknowledged(ALARM, "M1", "opr_1", "both looked at"))
        writer.own_event(house.other.id, AlarmCleared(ALARM, "M1"))


def test_one_badge_inside_at_two_edges_is_an_alarm_until_one_of_them_leaves(house: House) -> None:
    house.edge.happen(taken("hall-in"), taken("hall-in", WANG), at_s=1)
    assert settle(house) == []
    house.other.happen(taken("annex-in"), at_s=2)
    [alarm] = settle(house)
    assert (alarm["subject"], alarm["source"], alarm["edge"], alarm["rule"]) == ("M1", "server", "edge-2", "B3")
    assert (alarm["inputs"]["area"], alarm["inputs"]["other_area"], alarm["inputs"]["other_edge"]) == (
        "annex",
        "hall",
        "edge-1",
    )
    assert settle(house) == [alarm], "raised once"
    house.edge.happen(taken("hall-out"), at_s=3)
    [alarm] = settle(house)
    assert alarm["state"] == "raised", "still inside at both: in the lobby now"
    house.edge.happen(taken("lobby-out"), at_s=4)
    assert settle(house) == []


def test_what_somebody_has_seen_to_is_not_raised_again_until_one_moves(house: House) -> None:
    house.edge.happen(taken("hall-in"), at_s=1)
    house.other.happen(taken("annex-in"), at_s=2)
    assert len(settle(house)) == 1
    acknowledge(house)
    assert settle(house) == []
    house.other.happen(taken("annex-in"), at_s=9)
    assert len(settle(house)) == 1


def test_who_went_from_a_room_of_one_edge_into_a_room_of_another_is_in_one_place(house: House) -> None:
    house.edge.happen(taken("hall-in"), at_s=1)
    house.other.happen(taken("cage-in"), at_s=2)
    assert settle(house) == [], "the cage lies in the hall"
    house.edge.happen(taken("annex-in", WANG), at_s=3)
    house.other.happen(taken("annex-out", WANG, to_area="lobby", presence="inside"), at_s=4)
    assert settle(house) == [], "came out of where the other edge has them"


def test_people_without_a_badge_have_numbers_of_one_edge_only(house: House) -> None:
    house.edge.happen(taken("hall-in", -1, badge=0, number="P-1"), at_s=1)
    house.other.happen(taken("annex-in", -1, badge=0, number="P-2"), at_s=2)
    assert settle(house) == []
