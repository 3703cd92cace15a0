"""One edge's policy as a book: its entries by id and the digest over them, so that a change costs what it changes (DESIGN 5).

A book is changed in two steps: :meth:`Book.prepare` works out the delta, and once that is committed :meth:`Book.adopt` takes it over.
Entries are shared with the books of other edges.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

import msgspec

from controller.policy import Badge, Customer, Delta, ExitSlip, Grant, Holder, Item, Policy, Version, WorkOrder
from controller.policy_digest import BUCKET_IDS, LISTS, PolicyDigest, bucket_of
from controller.site import Site
from server.fleet.compile import Entries, Grants, Touches

_Entry = TypeVar("_Entry", Customer, Holder, Grant, Badge, Item, WorkOrder, ExitSlip)
Entry = Customer | Holder | Grant | Badge | Item | WorkOrder | ExitSlip
GOODS = ("items", "orders", "slips")
"""The lists of a policy that an edge with goods doors has."""


class Scope(msgspec.Struct, frozen=True):
    """What was compiled: these ids and no others. ``all_of_it``: every row there is."""

    customers: Collection[int] = ()
    holders: Collection[int] = ()
    badges: Collection[int] = ()
    items: Collection[int] = ()
    orders: Collection[int] = ()
    slips: Collection[int] = ()
    all_of_it: bool = False


class Prepared(msgspec.Struct, frozen=True):
    """What a compile means for one book. ``site`` None: the same as before."""

    changed: dict[str, dict[int, Entry]]
    gone: dict[str, set[int]]
    uses: dict[str, Counter[int]]
    digest: PolicyDigest
    site: Site | None

    @property
    def is_empty(self) -> bool:
        """Nothing differs."""
        return self.site is None and not any(self.changed.values()) and not any(self.gone.values())

    def delta(self, base: Version, version: Version, digest: str) -> Delta:
        """The same as the wire carries it."""
        changed = {name: tuple(entry for _, entry in sorted(entries.items())) for name, entries in self.changed.items()}
        gone = {f"gone_{name}": tuple(sorted(ids)) for name, ids in self.gone.items()}
        return Delta(base=base, version=version, digest=digest, site=self.site, **changed, **gone)  # type: ignore[arg-type]


class Book:
    """``site`` None: no policy yet. Customers, holders and grants are in it as long as a badge in it points to them."""

    def __init__(self, site: Site | None = None) -> None:
        self.site = site
        self.customers: dict[int, Customer] = {}
        self.holders: dict[int, Holder] = {}
        self.grants: dict[int, Grant] = {}
        self.badges: dict[int, Badge] = {}
        self.items: dict[int, Item] = {}
        self.orders: dict[int, WorkOrder] = {}
        self.slips: dict[int, ExitSlip] = {}
        self.digest = PolicyDigest()
        self._uses: dict[str, Counter[int]] = {"customers": Counter(), "holders": Counter(), "grants": Counter()}

    @classmethod
    def of(cls, policy: Policy) -> "Book":
        """The book of a stored policy."""
        book = cls(policy.site)
        book.customers = {entry.id: entry for entry in policy.customers}
        book.holders = {entry.id: entry for entry in policy.holders}
        book.grants = {entry.id: entry for entry in policy.grants}
        book.badges = {entry.id: entry for entry in policy.badges}
        book.items = {entry.id: entry for entry in policy.items}
        book.orders = {entry.id: entry for entry in policy.orders}
        book.slips = {entry.id: entry for entry in policy.slips}
        book.digest = PolicyDigest.of(policy)
        _count(book._uses, policy.badges, 1)
        return book

    def policy(self, version: Version) -> Policy:
        """The whole policy."""
        assert self.site is not None
        return Policy(
            version,
            self.site,
            _sorted(self.customers),
            _sorted(self.holders),
            _sorted(self.grants),
            _sorted(self.badges),
            _sorted(self.items),
            _sorted(self.orders),
            _sorted(self.slips),
        )

    def entries(self, name: str) -> Mapping[int, Entry]:
        """One list of :data:`controller.policy_digest.LISTS`, by id."""
        listed: Mapping[int, Entry] = getattr(self, name)
        return listed

    def prepare(
        self,
        site: Site,
        areas: Collection[str] | None,
        scope: Scope,
        found: Entries,
        grants: Grants,
        has_goods: bool = False,
    ) -> Prepared:
        """What ``found``, compiled from ``scope``, changes for an edge whose doors lead from or to ``areas`` (None: a desk, which gets no
        badges). A badge that was once in the policy stays until it is gone: its holder may be inside (MEANINGS 8). ``has_goods``: one of the doors is a goods door."""
        badges: dict[int, Entry] = {}
        held = self.badges
        if areas is not None:
            for touches, ids in found.by_touches.items():
                wanted = _concerns(touches, areas)
                for badge_id in ids:
                    old = held.get(badge_id)
                    if (old is not None or wanted) and old != found.badges[badge_id]:
                        badges[badge_id] = found.badges[badge_id]
        if areas is None:
            gone = set(held)
        else:
            asked: Iterable[int] = held if scope.all_of_it else scope.badges
            gone = {badge_id for badge_id in asked if badge_id not in found.badges and badge_id in held}
        changed: dict[str, dict[int, Entry]] = {name: {} for name in LISTS} | {"badges": badges}
        left: dict[str, set[int]] = {name: set() for name in LISTS} | {"badges": gone}
        for name in GOODS:
            changed[name], left[name] = self._goods(name, scope, found, has_goods)
        return self._with_what_they_point_to(site, scope, found, grants, changed, left)

    def _goods(self, name: str, scope: Scope, found: Entries, has_goods: bool) -> tuple[dict[int, Entry], set[int]]:
        held = self.entries(name)
        if not has_goods:
            return {}, set(held)
        known = found.goods.get(name, {})
        asked: Iterable[int] = held if scope.all_of_it else getattr(scope, name)
        return (
            {entry_id: entry for entry_id, entry in known.items() if held.get(entry_id) != entry},
            {entry_id for entry_id in asked if entry_id not in known and entry_id in held},
        )

    def _with_what_they_point_to(
        self,
        site: Site,
        scope: Scope,
        found: Entries,
        grants: Grants,
        changed: dict[str, dict[int, Entry]],
        left: dict[str, set[int]],
    ) -> Prepared:
        badges, gone = changed["badges"], left["badges"]
        uses: dict[str, Counter[int]] = {"customers": Counter(), "holders": Counter(), "grants": Counter()}
        _count(uses, (held for held in map(self.badges.get, (*badges, *gone)) if held is not None), -1)
        _count(uses, badges.values(), 1)  # type: ignore[arg-type] # badges hold badges
        for name, known in (("customers", found.customers), ("holders", found.holders)):
            held, counts = self.entries(name), self._uses[name]
            asked = known if scope.all_of_it else (*getattr(scope, name), *uses[name])
            for entry_id in asked:
                if counts[entry_id] + uses[name][entry_id] <= 0:
                    if entry_id in held:
                        left[name].add(entry_id)
                elif entry_id in known and held.get(entry_id) != known[entry_id]:
                    changed[name][entry_id] = known[entry_id]
        for grant_id, by in uses["grants"].items():
            if self._uses["grants"][grant_id] + by <= 0:
                if grant_id in self.grants:
                    left["grants"].add(grant_id)
            elif grant_id not in self.grants:
                changed["grants"][grant_id] = Grant(grant_id, grants.areas(grant_id))
        digest = self._digest_after(changed, left)
        return Prepared(changed, left, uses, digest, site if site != self.site else None)

    def _digest_after(self, changed: dict[str, dict[int, Entry]], gone: dict[str, set[int]]) -> PolicyDigest:
        digest = self.digest.copy()
        for name in LISTS:
            held, new, left = self.entries(name), changed[name], gone[name]
            for bucket in {bucket_of(entry_id) for entry_id in (*new, *left)}:
                first = bucket * BUCKET_IDS
                entries = []
                for entry_id in range(first, first + BUCKET_IDS):
                    entry = new.get(entry_id) or held.get(entry_id)
                    if entry is not None and entry_id not in left:
                        entries.append(entry)
                digest.put(name, bucket, entries)
        return digest

    def adopt(self, prepared: Prepared) -> None:
        """What was prepared is committed."""
        if prepared.site is not None:
            self.site = prepared.site
        for name in LISTS:
            held = getattr(self, name)
            held.update(prepared.changed[name])
            for entry_id in prepared.gone[name]:
                del held[entry_id]
        for name, counts in prepared.uses.items():
            self._uses[name].update(counts)
        self.digest = prepared.digest


def _concerns(touches: Touches, areas: Collection[str]) -> bool:
    return touches is None or not touches.isdisjoint(areas)


def _count(uses: dict[str, Counter[int]], badges: Iterable[Badge], by: int) -> None:
    customers, holders, grants = uses["customers"], uses["holders"], uses["grants"]
    for badge in badges:
        if badge.customer is not None:
            customers[badge.customer] += by
        holders[badge.holder] += by
        grants[badge.grant] += by


def _sorted(entries: Mapping[int, _Entry]) -> tuple[_Entry, ...]:
    return tuple(entries[entry_id] for entry_id in sorted(entries))


def has_goods_doors(site: Site, edge: str) -> bool:
    """Whether a goods door may be this edge's."""
    return any(door.goods and door.edge in ("", edge) for door in site.doors)


def areas_of_edge(site: Site, edge: str) -> frozenset[str]:
    """The areas that a door of this edge leads from or to. A door that names no edge counts for every edge."""
    doors = {door.id for door in site.doors if door.edge in ("", edge)}
    points = [point for point in site.access_points if point.door in doors]
    return frozenset(area for point in points for area in (point.from_area, point.to_area))
