"""Which scenarios need processes: what they ask of the server, the desk or the CRM is nowhere in memory."""

from controller.policy import BadgeStatus
from sim.scenario import Scenario, Step
from sim.scenario_goods import OrderVerb, PermitVerb, SlipVerb
from sim.scenario_verbs import BadgeVerb, acts_in

REPORTS: dict[str, BadgeStatus] = {"lost": "lost", "suspended": "suspended", "active": "active"}
"""What a badge can be reported as where there is no desk."""
ACTS_ON_THE_POLICY = ("cancel", "bind", "unpack", "exception", "revoke", "end")
"""What happens to a slip, an order or a permit that the policy alone can tell."""
_EXPECTATIONS_OF_THE_SERVER = (
    "in_force",
    "shows",
    "to_be_returned",
    "history",
    "audited",
    "overdue",
    "no_personal_data",
    "refused",
    "missing",
)


def needs_processes(scenario: Scenario) -> str:
    """Why a scenario cannot be played in virtual time, in one line; empty when it can."""
    given = scenario.given
    for key in ("contacts", "applications"):
        if getattr(given, key):
            return f"{scenario.path}: given.{key} needs the server; play it without --virtual"
    for step in scenario.steps:
        why = _why_real(step)
        if why:
            return f"{scenario.path}:{step.line}: {why}; play it without --virtual"
    return ""


def _why_real(step: Step) -> str:
    argument, expected = step.argument, step.expect
    if step.verb in (
        "contract",
        "customer",
        "holder",
        "registry",
        "duty",
        "emergency",
    ):
        return f"{step.verb} needs the server"
    if isinstance(argument, SlipVerb | OrderVerb | PermitVerb) and acts_in(argument)[0] not in ACTS_ON_THE_POLICY:
        return f"{step.verb}: {acts_in(argument)[0]} needs the server"
    if isinstance(argument, BadgeVerb) and (acts_in(argument) != ["report"] or argument.report not in REPORTS):
        return f"badge: {acts_in(argument)[0]} needs the server"
    if step.verb in ("kill", "restore") and argument == "desk":
        return "the desk is a process"
    for key in _EXPECTATIONS_OF_THE_SERVER:
        if expected is not None and getattr(expected, key) is not None:
            return f"expect: {key} is asked of the server"
    return ""
