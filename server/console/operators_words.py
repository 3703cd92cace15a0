"""What the pages of operators, approvals and the recovery secret call things. English here, Chinese in the catalogue."""

from typing import Final

from server.console.marking import N_

OPERATORS_WORDS: Final[dict[str, dict[str, str]]] = {
    "approval_kind": {
        "account": N_("Account of management"),
        "second_factor": N_("Second factor taken away"),
        "restore": N_("Restore of data"),
        "repair": N_("Repair of data"),
        "recovery": N_("Opening of the recovery secret"),
    },
    "approval_status": {
        "waiting": N_("waits"),
        "approved": N_("approved, not used yet"),
        "refused": N_("refused"),
        "withdrawn": N_("withdrawn"),
        "used": N_("approved and used"),
        "over": N_("time is over"),
    },
    "recovery_act": {
        "made": N_("Begun"),
        "half_shown": N_("Half shown"),
        "half_read_back": N_("Half read back from paper"),
        "in_force": N_("Sealed: in force"),
        "refused": N_("Opening tried with wrong halves"),
        "opened": N_("Opened"),
        "withdrawn": N_("Given up before it was sealed"),
    },
}
