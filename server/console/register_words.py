"""What codes of the register are called on its pages. English here, Chinese in the catalogue."""

from typing import Final

from server.console.marking import N_

REGISTER_WORDS: Final[dict[str, dict[str, str]]] = {
    "direction": {
        "in": N_("Entered"),
        "out": N_("Left"),
        "opened": N_("Cabinet opened"),
        "found": N_("Found by a count"),
        "missed": N_("Not found by a count"),
    },
    "stay_end": {
        "exit": N_("left"),
        "count": N_("not found by a count"),
        "unseen": N_("left unseen: when is not known"),
    },
    "report_period": {"today": N_("This day"), "week": N_("7 days"), "month": N_("30 days")},
    "report_of": {
        "entries": N_("Room"),
        "denials": N_("Why refused"),
        "doors": N_("Door"),
        "customers": N_("Customer"),
        "alone": N_("Room"),
        "edges": N_("Edge"),
    },
    "report_hint": {
        "entries": N_("Who passed a door into a room. One person who goes through the hall into a cage enters both."),
        "denials": N_("Taps that a door refused, by reason. Of a room: at the doors that lead into it."),
        "doors": N_(
            "Alarms of doors: left open for too long, or opened without a grant. The time is from the alarm until it was over."
        ),
        "customers": N_(
            "Visits: people received at the desk under a permit. Entries: also those with a badge of their own."
        ),
        "alone": N_("Somebody alone where two must be, and visitors whose escort had left them."),
        "edges": N_("When the server heard nothing of an edge. Its doors went on deciding; its records came later."),
    },
    "note_kind": {"note": N_("Note"), "operation": N_("Operation done")},
}
