"""``docs/rules.md`` and ``docs/door-states.md``, made from the code so that they cannot say anything else.

To write them anew: ``MENJIN_WRITE_DOCS=1 pytest tests/controller/test_rule_docs.py``.
"""

from controller.access import RULES
from controller.door import TABLE, DoorCondition, DoorInput, diagram
from controller.reasons import ALARMS, Reason

TITLES: dict[str, str] = {
    "B1": "a badge is issued on a contract in force and complete papers",
    "B2": "quota: two badges for an organisation, one for an individual",
    "B3": "a badge is for its holder alone, within its validity",
    "B4": "a lost badge opens nothing; re-issue needs the letter",
    "B5": "a holder who leaves: the badge is deregistered",
    "B6": "the contract ends: every badge stops, with or without a network",
    "B7": "emergency entry by two operators",
    "B8": "temporary entry on an approved permit",
    "B9": "every decision is attributable",
    "R1": "default deny",
    "R2": "two persons in the main room",
    "R3": "the register: granted is not taken",
    "R4": "staff by name, customers by badge, all others escorted",
    "R5": "each visitor is recorded",
    "R6": "operation by non-operations staff is approved and signed",
    "R7": "a customer touches only their own equipment",
    "R8": "declaration and photo at the door",
    "R9": "violations are recorded and can suspend a badge",
    "E1": "a work order 24 hours before the first racking",
    "E2": "arriving equipment is unpacked and checked line by line",
    "E3": "one server, one address, one port",
    "E4": "withdrawal on an exit slip",
    "E5": "removal binds to carriers and date",
    "E6": "a slip is spent once, item by item",
    "E7": "equipment stands in the customer's own rack",
    "E8": "the site's own equipment leaves on an approved slip",
    "D7": "the record is tamper-evident",
    "L1": "the way out always works",
    "L2": "link, restart and crash never unlock a door",
    "L3": "a muster list within a second",
    "L4": "a late read opens nothing",
    "L5": "life-safety devices are tested on a date",
}
"""The rules of the machine room that a door or a desk enforces, in a few words; RULES.md has them in full."""

_ON_WAY_OUT = {"refuse": "refused", "alarm": "granted, with an alarm", "ignore": "granted"}
_SINCE = {"edge": "at the door", "server": "at the desk", "later": "not yet enforced"}


def rules_page() -> str:
    """The decision's numbered list, then every reason, alarm and rule."""
    return "\n".join(
        [
            "# Rules, reasons and alarms",
            "",
            "Generated from `controller/access.py` and `controller/reasons.py`; do not edit.",
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
            "## Rules and what enforces them so far",
            "",
            "| rule | | reasons | alarms |",
            "|---|---|---|---|",
            *(_title_line(rule) for rule in TITLES),
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


def _title_line(rule: str) -> str:
    reasons = ", ".join(
        f"`{reason.name}`" + ("" if reason.value.since == "edge" else f" ({_SINCE[reason.value.since]})")
        for reason in Reason
        if reason.value.rule == rule and reason.value.kind == "denied"
    )
    alarms = ", ".join(name for name, alarm in ALARMS.items() if alarm.rule == rule)
    return f"| {rule} | {TITLES[rule]} | {reasons} | {alarms} |"


def _state_line(state: DoorCondition) -> str:
    cells = []
    for event in DoorInput:
        move = TABLE[state, event]
        effects = "; ".join(effect.value for effect in move.effects)
        cells.append((f"→ {move.to.value}" if move.to is not state else "stays") + (f": {effects}" if effects else ""))
    return f"| **{state.value}** | " + " | ".join(cells) + " |"
