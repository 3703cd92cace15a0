"""What the hall shows of one thing: the values of `GET /state` and of its changes (docs/interfaces.md)."""

from typing import TYPE_CHECKING, Any

from sim.cards.maker import number_on

if TYPE_CHECKING:
    from sim.hall import Hall


def state_of(hall: "Hall", kind: str, name: str) -> dict[str, Any]:
    """``kind``: card, reader, scanner, door, board or inputs. Called under the hall's lock."""
    if kind == "card":
        card = hall.cards[name]
        number = number_on(card.chip) if card.technology == "desfire-blank" else card.number
        return {"technology": card.technology, "number": number, "uid": card.chip.uid.hex().upper(),
                "wrong_key": card.wrong_key, "reader": card.reader}  # fmt: skip
    if kind == "reader":
        unit = hall.readers[name]
        door_id = hall.door_of(name) if unit.wiring.access_point else None
        return {"access_point": unit.wiring.access_point, "door": door_id, "plugged": unit.line.plugged,
                "act": unit.act_in_force, "lamps": dict(unit.lamps)}  # fmt: skip
    if kind == "scanner":
        scanner = hall.scanners[name]
        return {"access_point": scanner.wiring.access_point, "door": hall.door_of_scanner(scanner),
                "plugged": scanner.line.plugged, "act": scanner.act_in_force, "lamps": dict(scanner.lamps)}  # fmt: skip
    if kind == "door":
        door = hall.doors[name]
        return {"kind": door.kind, "fail": door.wiring.fail, "egress": door.wiring.egress,
                "fire_zones": list(door.wiring.fire_zones), "locked": door.locked, "open": door.leaf_open,
                "propped": door.propped, "forced": door.forced, "rex": door.rex_pressed,
                "tamper": door.tampered}  # fmt: skip
    if kind == "board":
        board = hall.boards[name]
        return {"driver": board.driver, "plugged": board.line.plugged, "act": board.act_in_force,
                "outputs": list(board.relays.outputs), "inputs": list(board.relays.inputs)}  # fmt: skip
    cable = hall.cable
    network = None if cable is None else {"plugged": cable.plugged, "act": cable.act_in_force}
    return {**{loop: dict(zones) for loop, zones in hall.zones.items()}, "network": network,
            "people": dict(hall.people)}  # fmt: skip
