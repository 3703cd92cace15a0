"""The console's vocabulary: what a code of the wire is called on a page. English here, Chinese in the catalogue."""

from typing import Final

from server.console.approvals_words import APPROVALS_WORDS
from server.console.badges_words import BADGES_WORDS
from server.console.customers_words import CUSTOMERS_WORDS
from server.console.equipment_words import EQUIPMENT_WORDS
from server.console.marking import N_
from server.console.monitor_words import MONITOR_WORDS
from server.console.operators_words import OPERATORS_WORDS
from server.console.record_words import RECORD_WORDS
from server.console.register_words import REGISTER_WORDS
from server.console.system_words import SYSTEM_WORDS
from server.console.visits_words import VISITS_WORDS

_WORDS: Final[dict[str, dict[str, str]]] = {
    "mode": {
        "controlled": N_("Normal"),
        "released": N_("Released by fire"),
        "locked_down": N_("Locked down"),
        "unknown": N_("Mode unknown"),
    },
    "position": {"open": N_("Open"), "closed": N_("Closed"), "unknown": N_("Position unknown")},
    "lock": {"locked": N_("Locked"), "unlocked": N_("Unlocked"), "unknown": N_("Lock unknown")},
    "decision": {
        "AccessGranted": N_("Granted"),
        "AccessPending": N_("Pending"),
        "AccessDenied": N_("Denied"),
        "AccessTaken": N_("Passed"),
        "AccessLapsed": N_("Not used"),
        "ExitByRequest": N_("Exit by button"),
        "AlarmRaised": N_("Alarm"),
        "AlarmAcknowledged": N_("Acknowledged"),
        "AlarmCleared": N_("Cleared"),
        "DoorUnlocked": N_("Unlocked"),
        "DoorLocked": N_("Locked"),
        "DoorOpened": N_("Opened"),
        "DoorClosed": N_("Closed"),
        "DoorModeChanged": N_("Door mode"),
        "FireLatched": N_("Fire release"),
        "FireReset": N_("Fire reset"),
        "InputRecorded": N_("Input"),
        "AreaUncertain": N_("Uncertain"),
        "DeviceStateChanged": N_("Device"),
        "LinkStateChanged": N_("Link"),
        "EdgeStarted": N_("Edge started"),
        "EdgeStopped": N_("Edge stopped"),
        "PolicyChanged": N_("Policy"),
        "LeaseAccepted": N_("Lease"),
        "CommandDone": N_("Command"),
        "EncodingStarted": N_("Card awaited"),
        "CardEncoded": N_("Card written"),
        "ClockStateChanged": N_("Clock"),
        "JournalStateChanged": N_("Journal"),
        "RangeLost": N_("Records lost"),
        "AreaCertain": N_("Certain again"),
        "OccupancyReconciled": N_("Counted"),
        "PeopleCounted": N_("Counter"),
        "EscortConfirmed": N_("Escort confirmed"),
        "EscortChanged": N_("Escort changed"),
        "LockdownChanged": N_("Lockdown"),
        "MaintenanceChanged": N_("Maintenance"),
        "DoorHeldWarning": N_("Open for long"),
        "DoorRattled": N_("Contact rattles"),
        "InterlockBroken": N_("Interlock broken"),
        "DegradedChanged": N_("Degraded"),
        "HolderConfirmed": N_("Holder confirmed"),
        "EquipmentCheckStarted": N_("Check begun"),
        "ItemAccepted": N_("Device accepted"),
        "EquipmentRefused": N_("Refused"),
        "EquipmentCheckEnded": N_("Check ended"),
        "ItemsReserved": N_("Devices reserved"),
        "ItemsMoved": N_("Devices moved"),
        "ItemsFreed": N_("Devices stayed"),
    },
    "alarm": {
        "DoorForcedOpen": N_("Door forced open"),
        "DoorHeldOpen": N_("Door held open"),
        "LONE_OCCUPANT": N_("One person alone"),
        "ESCORT_LEFT": N_("Escort left"),
        "OVERSTAY": N_("Overstay"),
        "EXIT_IRREGULAR": N_("Irregular exit"),
        "OCCUPANCY_MISMATCH": N_("Count does not match"),
        "BADGE_LOST": N_("Lost badge used"),
        "BADGE_IN_TWO_PLACES": N_("Badge in two places"),
        "EQUIPMENT_UNCHECKED": N_("Equipment unchecked"),
        "SLIP_REUSED": N_("Exit slip shown again"),
        "EMERGENCY_ENTRY": N_("Emergency entry"),
        "DURESS": N_("Duress"),
        "TAMPER": N_("Tamper"),
        "FIRE": N_("Fire"),
        "GAS": N_("Gas discharge"),
        "REPEATED_DENIALS": N_("Repeated denials"),
        "READER_FAULT": N_("Reader fault"),
        "BOARD_FAULT": N_("Relay board fault"),
        "JOURNAL_UNAVAILABLE": N_("Journal unavailable"),
        "CLOCK_UNTRUSTED": N_("Clock not trusted"),
        "LINK_LOST": N_("Link lost"),
        "FORK": N_("Journal and ledger differ"),
        "RECORDS_LOST": N_("Records lost"),
        "SERVER_RESTORED": N_("Server restored"),
    },
    "uncertain": {
        "rex": N_("Someone left by the button, without a badge."),
        "restart": N_("The edge restarted."),
        "ambiguous": N_("Button and badge in one opening."),
        "fire": N_("Fire release."),
        "command": N_("Opened by command."),
        "no_contact": N_("The door has no contact."),
        "forced": N_("The door was forced."),
        "records_dropped": N_("Records were dropped."),
        "rattling": N_("The door's contact rattles."),
        "replaced": N_("A revoked edge had somebody here."),
    },
    "unlock_cause": {
        "grant": N_("by a grant"),
        "rex": N_("by the exit button"),
        "fire": N_("by fire release"),
        "command": N_("by command"),
    },
    "input": {
        "fire": N_("fire input"),
        "gas": N_("gas input"),
        "tamper": N_("tamper input"),
        "mains": N_("mains input"),
        "battery": N_("battery input"),
        "lockdown": N_("lockdown input"),
    },
    "command": {
        "UnlockDoor": N_("Unlock door"),
        "ResetFire": N_("Reset fire release"),
        "AcknowledgeAlarm": N_("Acknowledge alarm"),
        "Identify": N_("Find reader"),
        "EncodeCard": N_("Write card"),
        "LockDown": N_("Lock down"),
        "Release": N_("End lockdown"),
        "Admit": N_("Admit"),
        "ReconcileOccupancy": N_("Count of persons"),
        "SetMaintenance": N_("Maintenance"),
        "CheckEquipment": N_("Check of equipment"),
        "ConfirmHolder": N_("Word on the holder"),
    },
    "badge_kind": {
        "customer": N_("customer"),
        "staff": N_("staff"),
        "temporary": N_("temporary"),
        "keyholder": N_("keyholder"),
    },
    "revoked_table": {
        "badge": N_("Badge"),
        "contract": N_("Contract"),
        "holder": N_("Holder of"),
        "customer": N_("Customer"),
    },
    "revoked_became": {
        "lost": N_("lost"),
        "suspended": N_("suspended"),
        "revoked": N_("deregistered"),
        "returned": N_("handed back"),
        "draft": N_("no longer signed"),
        "ended": N_("has ended"),
        "gone": N_("gone"),
        "less": N_("permits less"),
    },
    "awaited": {
        "SECOND_PERSON_REQUIRED": N_("A second person is awaited."),
        "ESCORT_REQUIRED": N_("An escort is awaited."),
        "GUARD_CONFIRMATION_REQUIRED": N_("Compare photo and person: your word is awaited."),
        "ITEMS_MISSING": N_("Not all devices are scanned: scan the rest, or a second tap takes those scanned."),
    },
    "awaited_out": {
        "SECOND_PERSON_REQUIRED": N_("Would leave one alone: the partner is awaited, or a second tap."),
        "ESCORT_REQUIRED": N_("Would leave visitors behind: they are awaited, or a second tap."),
        "GUARD_CHECK_REQUIRED": N_(
            "No working scanner there: check slip and devices, or a second tap goes without equipment."
        ),
        "NO_EXIT_SLIP": N_("The exit slip is awaited, or a second tap goes without equipment."),
        "ITEMS_MISSING": N_("Not all devices are scanned: scan the rest, or a second tap takes those scanned."),
    },
    "document": {"order": N_("Work order"), "slip": N_("Exit slip")},
    "goods_way": {"in": N_("going in"), "out": N_("going out")},
    "check_ended": {
        "reserved": N_("The devices may pass now."),
        "cancelled": N_("Cancelled at the scanner: nothing of it counts."),
        "timed_out": N_("Nothing was scanned for too long: nothing of it counts."),
        "replaced": N_("Another check took its place: nothing of it counts."),
        "withdrawn": N_("The document is no longer valid here: nothing of it counts."),
    },
    "items_freed": {
        "lapsed": N_("The door was not opened: the devices have not passed."),
        "restart": N_("The edge restarted meanwhile: nobody saw whether the door opened."),
        "withdrawn": N_("The document was taken back before the door opened."),
    },
    "unchecked_cause": {
        "rex": N_("opened by the exit button"),
        "badge": N_("somebody went out without equipment, by their word"),
        "command": N_("opened by command"),
        "forced": N_("forced open"),
        "fire": N_("released by fire"),
        "restart": N_("the edge restarted while devices were to pass"),
    },
    "lockdown_cause": {"command": N_("by an order"), "input": N_("by the lockdown button")},
    "device_kind": {"reader": N_("Reader"), "scanner": N_("Scanner"), "board": N_("Relay board")},
    "section": {
        "live": N_("Monitor"),
        "inside": N_("Inside"),
        "register": N_("Register"),
        "visits": N_("Visits"),
        "equipment": N_("Equipment"),
        "badges": N_("Badges"),
        "customers": N_("Customers"),
        "handover": N_("Handover"),
        "approvals": N_("Approvals"),
        "reports": N_("Reports"),
        "system": N_("System"),
    },
    "tab": {
        "visits": N_("Today"),
        "permits": N_("Permits"),
        "cards": N_("Temporary badges"),
        "violations": N_("Violations"),
        "documents": N_("Slips and orders"),
        "inventory": N_("In the rooms"),
        "path": N_("Path of a device"),
        "discrepancies": N_("What does not square"),
        "badges": N_("Badges"),
        "applications": N_("Applications"),
        "to_return": N_("To be returned"),
        "customers": N_("Customers"),
        "staff": N_("Own staff"),
        "duplicates": N_("Duplicates"),
        "looks": N_("Looks at personal data"),
        "edges": N_("Edges"),
        "duties": N_("Tests due"),
        "keys": N_("Mechanical keys"),
        "escalations": N_("Second channel"),
        "operators": N_("Operators"),
        "recovery": N_("Recovery secret"),
        "audit": N_("Audit log"),
    },
    "role": {
        "guard": N_("Guard"),
        "customer_service": N_("Customer service"),
        "it_head": N_("IT head"),
        "equipment_head": N_("Equipment head"),
        "supervisor": N_("Supervisor"),
        "auditor": N_("Auditor"),
        "kiosk": N_("Kiosk"),
        "administrator": N_("Administrator"),
    },
}


def gathered(*parts: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The families of all parts. Raises :class:`ValueError` for one that two of them have: the later would take the place of the other."""
    found: dict[str, dict[str, str]] = {}
    for part in parts:
        for family, names in part.items():
            if family in found:
                raise ValueError(f"two parts of the vocabulary have the family {family!r}")
            found[family] = names
    return found


WORDS: Final = gathered(
    _WORDS,
    APPROVALS_WORDS,
    BADGES_WORDS,
    CUSTOMERS_WORDS,
    EQUIPMENT_WORDS,
    MONITOR_WORDS,
    OPERATORS_WORDS,
    RECORD_WORDS,
    REGISTER_WORDS,
    SYSTEM_WORDS,
    VISITS_WORDS,
)
"""Family → code → English. A code that is not here is shown as it is."""


def word(family: str, code: str) -> str:
    """What ``code`` is called, in English: the key for the catalogue."""
    return WORDS[family].get(code, code)
