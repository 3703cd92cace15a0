"""What a scan looks up in the policy: documents by the hash of their code, devices by serial number; kept up at the cost of each change.

100 000 devices and 10 000 slips must neither slow a scan nor a delta of one entry: one dictionary access each.
"""

from collections.abc import Hashable, Iterable
from itertools import chain
from typing import Generic, TypeVar

from controller.goods_events import DocumentKind
from controller.policy import Delta, ExitSlip, Item, Policy, WorkOrder

Document = WorkOrder | ExitSlip

_Key = TypeVar("_Key", bound=Hashable)
_Entry = TypeVar("_Entry", bound=Item | WorkOrder | ExitSlip)


class _Table(Generic[_Key, _Entry]):
    """Entries by a key that is one entry's own, but for faults: then all of them, by id."""

    __slots__ = ("_one", "_several")

    def __init__(self) -> None:
        self._one: dict[_Key, _Entry] = {}
        self._several: dict[_Key, tuple[_Entry, ...]] = {}

    def get(self, key: _Key) -> tuple[_Entry, ...]:
        one = self._one.get(key)
        return (one,) if one is not None else self._several.get(key, ())

    def put(self, key: _Key, entry: _Entry) -> None:
        self._set(key, (*self.get(key), entry))

    def remove(self, key: _Key, entry_id: int) -> None:
        self._set(key, tuple(entry for entry in self.get(key) if entry.id != entry_id))

    def _set(self, key: _Key, entries: tuple[_Entry, ...]) -> None:
        self._one.pop(key, None)
        self._several.pop(key, None)
        if len(entries) == 1:
            self._one[key] = entries[0]
        elif entries:
            self._several[key] = tuple(sorted(entries, key=lambda entry: entry.id))


class GoodsIndex:
    """Lookups over a policy's items, orders and slips. Pure, like :class:`controller.index.PolicyIndex`, which holds it."""

    __slots__ = ("_codes", "_documents", "_items", "_serials")

    def __init__(self, policy: Policy) -> None:
        self._items: _Table[str, Item] = _Table()
        self._serials: dict[int, str] = {}
        self._codes: _Table[tuple[DocumentKind, bytes], Document] = _Table()
        self._documents: dict[tuple[DocumentKind, int], Document] = {}
        for item in policy.items:
            self._put_item(item)
        for document in chain[Document](policy.orders, policy.slips):
            self._put_document(document)

    def document_of(self, kind: DocumentKind, code: bytes) -> Document | None:
        """The document that carries this code; None also where several do: then none is meant."""
        found = self._codes.get((kind, code))
        return found[0] if len(found) == 1 else None

    def document(self, kind: DocumentKind, document_id: int) -> Document | None:
        """A document by its id."""
        return self._documents.get((kind, document_id))

    def items(self, serial: str) -> tuple[Item, ...]:
        """The devices in the site's rooms with this serial number: one, or none."""
        return self._items.get(serial)

    def follow(self, delta: Delta) -> None:
        """Become the index of the policy that ``delta`` makes of the one indexed until now."""
        for item_id in chain((item.id for item in delta.items), delta.gone_items):
            serial = self._serials.pop(item_id, "")
            if serial:
                self._items.remove(serial, item_id)
        gone_items = set(delta.gone_items)
        for item in _last(delta.items):
            if item.id not in gone_items:
                self._put_item(item)
        changed: tuple[tuple[DocumentKind, tuple[Document, ...], tuple[int, ...]], ...] = (
            ("order", delta.orders, delta.gone_orders),
            ("slip", delta.slips, delta.gone_slips),
        )
        for kind, documents, gone in changed:
            for document_id in chain((document.id for document in documents), gone):
                known = self._documents.pop((kind, document_id), None)
                if known is not None:
                    self._codes.remove((kind, known.code), document_id)
            for document in _last(documents):
                if document.id not in gone:
                    self._put_document(document)

    def _put_item(self, item: Item) -> None:
        if item.serial:
            self._serials[item.id] = item.serial
            self._items.put(item.serial, item)

    def _put_document(self, document: Document) -> None:
        kind = kind_of(document)
        self._documents[kind, document.id] = document
        self._codes.put((kind, document.code), document)


def _last(entries: Iterable[_Entry]) -> Iterable[_Entry]:
    """Of one id twice the later counts, as in :func:`controller.policy_delta.advance`."""
    return {entry.id: entry for entry in entries}.values()


def kind_of(document: Document) -> DocumentKind:
    """Whether it is an order or a slip."""
    return "order" if isinstance(document, WorkOrder) else "slip"
