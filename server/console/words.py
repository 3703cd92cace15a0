"""The console's vocabulary: what a code of the wire is called on a page. English here, Chinese in the catalogue."""

from typing import Final


def N_(text: str) -> str:  # noqa: N802  (gettext's own name: marks a text for the catalogue)
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text


WORDS: Final[dict[str, dict[str, str]]] = {
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
    "instruction": {  # alarms of the server's own; those of an edge have theirs in controller.reasons
        "RECORDS_LOST": N_("Records of this edge can no longer be had: note the range and tell the administrator."),
        "SERVER_RESTORED": N_("The server was restored from an older copy: compare the edges' policies and badges."),
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
    },
    "command": {
        "UnlockDoor": N_("Unlock door"),
        "ResetFire": N_("Reset fire release"),
        "AcknowledgeAlarm": N_("Acknowledge alarm"),
        "Identify": N_("Find reader"),
        "EncodeCard": N_("Write card"),
    },
    "badge_kind": {"customer": N_("customer"), "staff": N_("staff"), "temporary": N_("temporary"), "keyholder": N_("keyholder")},
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
    "device_kind": {"reader": N_("Reader"), "board": N_("Relay board")},
    "role": {
        "guard": N_("Guard"),
        "customer_service": N_("Customer service"),
        "supervisor": N_("Supervisor"),
        "auditor": N_("Auditor"),
        "administrator": N_("Administrator"),
    },
}  # fmt: skip
"""Family → code → English. A code that is not here is shown as it is."""


def word(family: str, code: str) -> str:
    """What ``code`` is called, in English: the key for the catalogue."""
    return WORDS[family].get(code, code)
