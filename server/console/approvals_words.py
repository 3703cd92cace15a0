"""What the codes of approvals are called. English here, Chinese in the catalogue."""

from typing import Final

from server.console.marking import N_

APPROVALS_WORDS: Final[dict[str, dict[str, str]]] = {
    "approval": {
        "permit": N_("Permit"),
        "application": N_("Badge application"),
        "slip": N_("Exit slip"),
        "exception": N_("Late work order"),
        "order": N_("Work order"),
        "correction": N_("Correction of the inventory"),
        "emergency": N_("Emergency debt"),
        "authority": N_("Authorisation by management"),
    },
    "barred": {
        "own_slip": N_("You wrote or changed this."),
        "own_exception": N_("You asked for this."),
        "own_correction": N_("You wrote this."),
        "FOUR_EYES": N_("You had your part in this already."),
        "not_permitted": N_("This takes another role."),
    },
    "asked_for": {
        "new": N_("a first badge"),
        "reissue": N_("a new badge after loss"),
        "transfer": N_("passing to another person"),
    },
    "application_part": {
        "photo": N_("photo"),
        "id_copy": N_("copy of the ID document"),
        "letter": N_("letter of introduction"),
        "loss_letter": N_("letter stating the loss"),
    },
    "correction_act": {
        "in": N_("is here"),
        "out": N_("is not here"),
        "rack": N_("stands in another rack"),
        "owner": N_("belongs to another"),
    },
    "correction_kind": {"correction": N_("correction"), "import": N_("import of a file")},
    "correction_status": {"waiting": N_("waits for a second person"), "confirmed": N_("in force"), "withdrawn": N_("withdrawn")},
}  # fmt: skip
"""Family → code → English."""
