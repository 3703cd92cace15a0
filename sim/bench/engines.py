"""The policy of a bench put into Cedar and casbin, each as its own manual advises, parsed beforehand.

Who is inside is no policy: each request carries the counts of its room, from the table that the bare evaluation keeps
(:mod:`sim.bench.bare`), and the rules about them stand in the engine's own policy.
"""

import json
import logging
from typing import Any

from controller.policy import Policy
from controller.state import State
from sim.bench.bare import RoomCount, room_counts
from sim.bench.figures import BenchMissing
from sim.bench.population import NOON_US, BenchTap

CEDAR_POLICY = """
permit (principal is Badge, action == Action::"enter", resource is Area)
when {
  principal.status == "active" && principal.slotValid &&
  principal.from <= context.now && context.now < principal.until &&
  (principal.kind != "customer" ||
    (principal.customer.status == "active" && context.now < principal.customer.until)) &&
  context.readAge <= 2000000 && (context.wallTrusted || principal.kind == "staff") &&
  context.journalOk && context.now < context.leaseUntil &&
  resource in principal.grant.areas &&
  context.minute >= principal.grant.opens && context.minute < principal.grant.closes &&
  !resource.closed && !context.lockdown && !context.gas &&
  !context.alreadyInside && principal.kind != "temporary" &&
  (!resource.twoPerson || context.sureInside >= 2) &&
  (!resource.firstIn || principal.kind == "staff" || context.staffInside > 0) &&
  (resource.composition == "any" || principal.kind == "staff" || context.staffInside > 0 ||
    (resource.composition == "same_customer" && context.customerInside > 0)) &&
  context.people < resource.capacity &&
  !context.interlocked
};
"""

CEDAR_REASONS = {
    "BADGE_REVOKED": 'principal.status != "active"',
    "QUOTA_SLOT_INVALID": "!principal.slotValid",
    "CONTRACT_ENDED": 'principal.kind == "customer" && '
    '(principal.customer.status != "active" || context.now >= principal.customer.until)',
    "TIME_UNTRUSTED": '!context.wallTrusted && principal.kind != "staff"',
    "BADGE_EXPIRED": "context.now < principal.from || context.now >= principal.until",
    "LATE_READ": "context.readAge > 2000000",
    "NO_PERMISSION": "!(resource in principal.grant.areas)",
    "OUTSIDE_SCHEDULE": "context.minute < principal.grant.opens || context.minute >= principal.grant.closes",
    "AREA_CLOSED": "resource.closed",
    "AREA_UNSAFE": "context.gas",
    "LOCKDOWN": "context.lockdown",
    "ANTI_PASSBACK": "context.alreadyInside",
    "LEASE_ENDED": "context.now >= context.leaseUntil",
    "JOURNAL_UNAVAILABLE": "!context.journalOk",
    "ESCORT_REQUIRED": 'principal.kind == "temporary"',
    "SECOND_PERSON_REQUIRED": "resource.twoPerson && context.sureInside < 2",
    "FIRST_IN_REQUIRED": 'resource.firstIn && principal.kind != "staff" && context.staffInside == 0',
    "COMPOSITION": 'resource.composition != "any" && principal.kind != "staff" && context.staffInside == 0 && '
    '!(resource.composition == "same_customer" && context.customerInside > 0)',
    "AREA_FULL": "context.people >= resource.capacity",
    "INTERLOCKED": "context.interlocked",
}
"""The same conditions turned round, each a ``forbid`` of its own, so that Cedar's diagnostics can name what refused."""

CEDAR_REASONED_POLICY = (  # a condition about a badge that is not there is an error, and forbids nothing: hence the look
    'permit (principal is Badge, action == Action::"enter", resource is Area) when { principal has status };\n'
)
CEDAR_REASONED_POLICY += "\n".join(
    f'@id("{reason}")\nforbid (principal is Badge, action == Action::"enter", resource is Area) when {{ {condition} }};'
    for reason, condition in CEDAR_REASONS.items()
)

CASBIN_MODEL = """
[request_definition]
r = sub, obj, act, now, kind, already, sure, staff, customer, people, blocked

[policy_definition]
p = sub, obj, act, from, until, capacity, composition

[role_definition]
g = _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act && int(p.from) <= r.now && r.now < int(p.until) && \
r.kind != "temporary" && r.already == False && r.sure >= 2 && (r.kind == "staff" || r.staff > 0) && \
(r.kind == "staff" || r.staff > 0 || (p.composition == "same_customer" && r.customer > 0)) && \
r.people < int(p.capacity) && r.blocked == False
"""


class Cedar:
    """cedarpy with a parsed PolicySet and a parsed Entities handle. ``reasoned``: every condition a policy of its own, so that a refusal
    has its reason as ours has; else one policy for all, which is faster and says only no."""

    def __init__(self, policy: Policy, state: State, reasoned: bool = False) -> None:
        try:
            import cedarpy
        except ImportError as error:
            raise BenchMissing("bench decide compares with cedarpy: run it from `make setup`'s environment") from error
        self._is_authorized = cedarpy.is_authorized
        self._decision = cedarpy.Decision.Allow
        self._policies = cedarpy.PolicySet.from_str(CEDAR_REASONED_POLICY if reasoned else CEDAR_POLICY)
        self._entities = cedarpy.Entities.from_json_str(json.dumps(_cedar_entities(policy)))
        self._known = {badge.credential: (badge.id, badge.holder, badge.customer) for badge in policy.badges}
        self._rooms = room_counts(policy, state)

    def allows(self, tap: BenchTap) -> bool:
        """One decision through Cedar."""
        badge, holder, customer = self._known.get(tap.credential, (0, 0, None))
        room = self._rooms[tap.area]
        answer = self._is_authorized(
            {
                "principal": {"type": "Badge", "id": str(badge)},
                "action": {"type": "Action", "id": "enter"},
                "resource": {"type": "Area", "id": tap.area},
                "context": {
                    "now": NOON_US,
                    "readAge": 0,
                    "wallTrusted": True,
                    "journalOk": True,
                    "leaseUntil": NOON_US + 1,
                    "minute": 720,
                    "lockdown": False,
                    "gas": False,
                    "interlocked": False,
                    "alreadyInside": holder in room.holders,
                    "sureInside": room.sure,
                    "staffInside": room.staff,
                    "customerInside": _of(customer, room),
                    "people": room.people,
                },
            },
            self._policies,
            self._entities,
        )
        return bool(answer.decision == self._decision)


def _of(customer: int | None, room: RoomCount) -> int:
    return 0 if customer is None else room.customers[customer]


def _cedar_entities(policy: Policy) -> list[dict[str, Any]]:
    def reference(kind: str, name: object) -> dict[str, Any]:
        return {"__entity": {"type": kind, "id": str(name)}}

    areas = [
        {
            "uid": {"type": "Area", "id": area.id},
            "attrs": {
                "closed": area.closed,
                "twoPerson": area.two_person,
                "firstIn": area.first_in,
                "composition": area.composition,
                "capacity": 10**9 if area.capacity is None else area.capacity,
            },
            "parents": [],
        }
        for area in policy.site.areas
    ]
    grants = [
        {
            "uid": {"type": "Grant", "id": str(grant.id)},
            "attrs": {
                "areas": [reference("Area", entry.area) for entry in grant.areas],
                "opens": 0,
                "closes": 1440,
            },
            "parents": [],
        }
        for grant in policy.grants
    ]
    customers = [
        {
            "uid": {"type": "Customer", "id": str(customer.id)},
            "attrs": {"status": customer.status, "until": customer.until_us},
            "parents": [],
        }
        for customer in policy.customers
    ]
    badges = [
        {
            "uid": {"type": "Badge", "id": str(badge.id)},
            "attrs": {
                "status": badge.status,
                "kind": badge.kind,
                "slotValid": True,
                "from": badge.from_us,
                "until": badge.until_us,
                "grant": reference("Grant", badge.grant),
            }
            | ({} if badge.customer is None else {"customer": reference("Customer", badge.customer)}),
            "parents": [],
        }
        for badge in policy.badges
    ]
    return [*areas, *grants, *customers, *badges]


class Casbin:
    """casbin: badges are roles' members, grants are roles, one policy line per grant and area."""

    def __init__(self, policy: Policy, state: State, fast: bool) -> None:
        try:
            import casbin
            from casbin.model.model_fast import FastModel
        except ImportError as error:
            raise BenchMissing("bench decide compares with casbin: run it from `make setup`'s environment") from error
        logging.getLogger("casbin").setLevel(logging.WARNING)
        # FastEnforcer keys its policies by the fields named: here area and act.
        keys = (1, 2)
        model = FastModel(keys) if fast else casbin.Model()
        model.load_model_from_text(CASBIN_MODEL)
        self._enforcer = casbin.FastEnforcer(model, cache_key_order=keys) if fast else casbin.Enforcer(model)
        self._enforcer.enable_auto_build_role_links(False)
        areas = {area.id: area for area in policy.site.areas}
        self._enforcer.add_policies(
            [
                [f"grant-{grant.id}", entry.area, "enter", str(entry.from_us), str(entry.until_us),
                 str(areas[entry.area].capacity), areas[entry.area].composition]
                for grant in policy.grants
                for entry in grant.areas
            ]
        )  # fmt: skip
        self._enforcer.add_grouping_policies([[f"badge-{badge.id}", f"grant-{badge.grant}"] for badge in policy.badges])
        self._enforcer.build_role_links()
        self._enforcer.add_function("int", int)
        self._known = {
            badge.credential: (f"badge-{badge.id}", badge.holder, badge.kind, badge.customer) for badge in policy.badges
        }
        self._rooms = room_counts(policy, state)

    def allows(self, tap: BenchTap) -> bool:
        """One decision through casbin; an unknown card is a badge in no role."""
        badge, holder, kind, customer = self._known.get(tap.credential, ("badge-0", 0, "customer", None))
        room = self._rooms[tap.area]
        return bool(
            self._enforcer.enforce(
                badge, tap.area, "enter", NOON_US, kind, holder in room.holders, room.sure, room.staff,
                _of(customer, room), room.people, False,
            )
        )  # fmt: skip
