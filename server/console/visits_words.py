"""What codes are called on the pages of permits, temporary badges and violations, and at the kiosk. English here, Chinese in the catalogue."""

from typing import Final

from server.console.marking import N_

VISITS_WORDS: Final[dict[str, dict[str, str]]] = {
    "permit_missing": {
        "letter": N_("the customer's letter"),
        "persons": N_("the persons who come"),
        "id_document": N_("the kind of ID document"),
        "id_number": N_("the number of the ID document"),
        "id_copy": N_("the copy of the ID document"),
    },
    "card_state": {
        "available": N_("in the cabinet"),
        "lent": N_("lent"),
        "lost": N_("lost"),
        "retired": N_("retired"),
    },
    "card_technology": {
        "desfire": "DESFire",
        "ultralight-c": "Ultralight C",
        "felica-lite-s": "FeliCa Lite-S",
        "uid": N_("bare number (opens no main room)"),
    },
    "violation_status": {
        "open": N_("not handled"),
        "handled": N_("has been handled"),
        "reopened": N_("taken up again"),
    },
    "violation_act": {
        "recorded": N_("Written down"),
        "evidence": N_("Evidence added"),
        "suspended": N_("Badge suspended"),
        "lifted": N_("Badge given back"),
        "handled": N_("Handled"),
        "reopened": N_("Taken up again"),
    },
    "handling": {
        "warning": N_("warned"),
        "suspended": N_("badge suspended"),
        "contract_talk": N_("talked with the customer"),
        "none": N_("nothing done"),
    },
}
"""Family → code → English."""
