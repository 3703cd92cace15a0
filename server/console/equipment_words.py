"""What the codes of equipment's pages are called: what comes next, what to do about a difference. English here, Chinese in the catalogue."""

from typing import Final

from server.console.marking import N_

EQUIPMENT_WORDS: Final[dict[str, dict[str, str]]] = {
    "order_next": {
        "draft": N_("Next: enter the devices, then hand it in."),
        "submitted": N_("Next: it waits for approval."),
        "refused": N_("Next: change it, then hand it in again."),
        "done": N_("Nothing is left to do: all devices are in."),
        "closed": N_("It is over: the rest does not come."),
        "cancelled": N_("It is over: nothing comes in on it."),
    },
    "slip_step": {
        "draft": N_("draft"),
        "submitted": N_("handed in"),
        "reconciled": N_("squares with the inventory"),
        "inspected": N_("inspected"),
        "approved": N_("approved"),
        "issued": N_("may leave"),
        "spent": N_("all gone"),
    },
    "slip_next": {
        "draft": N_("Next: pick the devices, name the carriers if only some may carry, then hand it in."),
        "submitted": N_("Next: check it against the inventory. If every line agrees, the devices are reserved for it."),
        "reconciled": N_("Next: a guard compares the real devices with the list, and attests it."),
        "inspected": N_("Next: somebody who did not write it approves it."),
        "approved": N_("Next: issue it at a goods door, and print it."),
        "issued": N_("Next: the carrier taps at the goods door, then scans the slip and each device."),
        "partly_spent": N_("Next: the rest, on this same slip, at the goods door."),
        "spent": N_("Everything on it has left."),
        "ended": N_("Its time is over: what stayed can go on another slip."),
        "rebinding": N_("It moves to another door as soon as the old one has confirmed."),
        "cancelling": N_("It is cancelled; its devices are free once its edge has confirmed."),
        "cancelled": N_("It is cancelled: nothing leaves on it."),
        "refused": N_("It was refused: nothing leaves on it. Write another one."),
    },
    "slip_kind_about": {
        "withdrawal": N_("The customer takes its equipment away for good. The list is compared with the inventory."),
        "repair": N_("It goes out to be repaired or replaced, and comes back. Takes a sealed application, and every carrier by name."),
        "site": N_("The site's own equipment, media, documents or tools. The equipment head approves; what holds data is erased first."),
    },
    "finding_to_do": {
        "ITEM_UNKNOWN": N_("Compare the serial number with the device. If it is right, the inventory needs a correction."),
        "ITEM_NOT_HERE": N_("It has left already, or stands under another number: look at its path."),
        "ITEM_OF_ANOTHER_CUSTOMER": N_("Take it off the list: it never leaves under this customer."),
        "MODEL_DIFFERS": N_("Correct the model on the list, or the inventory."),
        "ITEM_ON_ANOTHER_SLIP": N_("Cancel that slip, or take the device off this list."),
        "TOO_FEW_HERE": N_("Lower the quantity, or name the devices by serial number."),
    },
    "carrier_kind": {"customer": N_("holder of the customer"), "visitor": N_("visitor"), "staff": N_("own staff")},
    "allocation": {"ip": N_("IP address"), "port": N_("Network port")},
}  # fmt: skip
"""Family → code → English."""
