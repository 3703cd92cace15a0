"""``docs/rules.md`` (its catalogue comes from ``tests/controller/catalogue.py``) and ``docs/door-states.md``, made from the code so that
they cannot say anything else.

To write them anew: ``MENJIN_WRITE_DOCS=1 pytest tests/controller/test_rule_docs.py``.
"""

from controller.access import RULES
from controller.door import TABLE, DoorCondition, DoorInput, diagram
from controller.reasons import ALARMS, Reason

_ON_WAY_OUT = {"refuse": "refused", "alarm": "granted, with an alarm", "ignore": "granted"}
_SINCE = {"edge": "at the door", "server": "at the desk"}


def rules_page() -> str:
    """The decision's numbered list, then every reason and alarm."""
    return "\n".join(
        [
            "# Rules, reasons and alarms",
            "",
            "Generated from `controller/access.py`, `controller/reasons.py` and `tests/controller/catalogue.py`; do not edit.",
            "",
            "## The decision at an access point",
            "",
            "The rules are asked in this order; the first refusal is the answer. On a way out only those marked so refuse (MEANINGS 8).",
            "",
            "| no. | rule | reasons | on a way out |",
            "|---|---|---|---|",
            *(_rule_line(number) for number in range(1, len(RULES) + 1)),
            "",
            "## Reasons",
            "",
            "| reason | kind | rule | given | inputs | zh-CN | English |",
            "|---|---|---|---|---|---|---|",
            *(_reason_line(reason) for reason in Reason),
            "",
            "## Alarms",
            "",
            "Priority 1 is the most urgent. An alarm clears when its cause is gone, or, for a moment that has passed, when an operator acknowledges it.",
            "",
            "| alarm | rule | priority | clears by | raised | zh-CN | English |",
            "|---|---|---|---|---|---|---|",
            *(
                f"| {name} | {alarm.rule} | {alarm.priority} | {alarm.clears} | {_SINCE[alarm.since]} | {alarm.zh} | {alarm.en} |"
                for name, alarm in ALARMS.items()
            ),
            "",
        ]
    )


def doors_page() -> str:
    """The door's diagram and its whole table."""
    return "\n".join(
        [
            "# A door's states",
            "",
            "Generated from the table in `controller/door.py`; do not edit. Lock, position, mode and alarms are separate facts; a state here",
            "joins the first three. Moves that change nothing are in the table only.",
            "",
            "```mermaid",
            diagram().rstrip(),
            "```",
            "",
            "| state | " + " | ".join(event.value for event in DoorInput) + " |",
            "|---" * (len(DoorInput) + 1) + "|",
            *(_state_line(state) for state in DoorCondition),
            "",
        ]
    )


def _rule_line(number: int) -> str:
    rule = RULES[number - 1]
    says = " ".join((rule.check.__doc__ or "").split())
    reasons = ", ".join(f"`{reason.name}`" for reason in rule.reasons)
    return f"| {number} | {says} | {reasons} | {_ON_WAY_OUT[rule.on_way_out]} |"


def _reason_line(reason: Reason) -> str:
    meaning = reason.value
    inputs = ", ".join(meaning.inputs)
    return f"| `{reason.name}` | {meaning.kind} | {meaning.rule} | {_SINCE[meaning.since]} | {inputs} | {meaning.zh} | {meaning.en} |"


def _state_line(state: DoorCondition) -> str:
    cells = []
    for event in DoorInput:
        move = TABLE[state, event]
        effects = "; ".join(effect.value for effect in move.effects)
        cells.append((f"→ {move.to.value}" if move.to is not state else "stays") + (f": {effects}" if effects else ""))
    return f"| **{state.value}** | " + " | ".join(cells) + " |"
