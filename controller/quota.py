"""The quota as the edge checks it again in every policy that it receives (B2, MEANINGS 5)."""

from collections.abc import Iterable, Mapping

from controller.policy import Badge, Customer

NO_SLOT = "no_slot"
BEYOND_QUOTA = "beyond_quota"
SUPERSEDED = "superseded"
"""Of an older generation of its slot."""
TWICE = "slot_twice"
"""Two badges of one slot and generation."""
CARD_OF_TWO = "card_of_two"

_SLOT_BITS = 16


def without_place(badges: Iterable[Badge], customers: Mapping[int, Customer]) -> dict[int, str]:
    """The customer badges that hold no valid place in their customer's quota: badge id → why.

    Of one slot only the highest generation works, of equal generations none, and a slot beyond the quota never. Staff and
    temporary badges have no slot. Slots count from 1.
    """
    invalid: dict[int, str] = {}
    highest: dict[int, Badge] = {}
    for badge in badges:
        if badge.kind != "customer":
            continue
        customer, slot = badge.customer, badge.slot
        if customer is None or slot is None:
            invalid[badge.id] = NO_SLOT
            continue
        known = customers.get(customer)
        if known is None or not 1 <= slot <= known.quota or slot >= 1 << _SLOT_BITS:
            invalid[badge.id] = BEYOND_QUOTA
            continue
        place = customer << _SLOT_BITS | slot  # one int per place: a tuple would cost 15 MB at 100 000 badges
        other = highest.setdefault(place, badge)
        if other is badge:
            continue
        if badge.generation > other.generation:
            invalid.setdefault(other.id, SUPERSEDED)
            highest[place] = badge
        elif badge.generation < other.generation:
            invalid[badge.id] = SUPERSEDED
        else:
            invalid[badge.id] = invalid[other.id] = TWICE
    return invalid
