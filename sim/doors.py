"""State of a door's hardware: lock, leaf, door position switch, exit button, tamper contact. No time in it, no chance.

What a person can do is a verb; what copper does follows from the state. A leaf opens only when its lock is released, by the
lever from inside, or by force.
"""

from sim.wiring import DoorWiring


class LeafHeld(Exception):
    """The leaf does not move: the lock holds it."""


class DoorState:
    """One door. ``relay_on``: the lock's relay is energised."""

    def __init__(self, wiring: DoorWiring) -> None:
        self.wiring = wiring
        self.relay_on = False
        self.leaf_open = False
        self.propped = False
        self.forced = False
        self.rex_pressed = False
        self.tampered = False

    @property
    def kind(self) -> str:
        """``strike`` (fail-secure) or ``magnet`` (fail-safe)."""
        return "strike" if self.wiring.fail == "secure" else "magnet"

    @property
    def locked(self) -> bool:
        """The lock's position. A hardwired exit button moves the lock itself, the edge and its board unasked: it powers a
        strike and cuts a magnet's power."""
        if self.wiring.egress == "hardwired" and self.rex_pressed:
            return False
        return self.relay_on == (self.wiring.fail == "safe")

    def relay(self, on: bool) -> None:
        """The lock's relay moved."""
        self.relay_on = on

    def open(self) -> None:
        """Push the leaf open. Raises :class:`LeafHeld` when the lock holds it."""
        if self.leaf_open:
            return
        if self.locked:
            raise LeafHeld(f"{self.wiring.id} is locked")
        self.leaf_open = True

    def open_from_inside(self) -> None:
        """Open with the lever, which a mechanical way out always allows (its switch is the REX contact: press that first).
        Raises :class:`LeafHeld` where the way out is hardwired and the lock holds."""
        if self.wiring.egress == "mechanical":
            self.leaf_open = True
        else:
            self.open()

    def force(self) -> None:
        """Break the leaf open whatever the lock does."""
        if not self.leaf_open and self.locked:
            self.forced = True
        self.leaf_open = True

    def prop(self) -> None:
        """Put a wedge under the open leaf. Raises :class:`LeafHeld` when it is neither open nor to be opened."""
        self.open()
        self.propped = True

    def close(self) -> None:
        """Take the wedge away and shut the leaf; lock and latch take it again."""
        self.leaf_open = self.propped = self.forced = False

    def press_rex(self) -> None:
        """Hold the exit button (or the lever, whose switch it is)."""
        self.rex_pressed = True

    def release_rex(self) -> None:
        """Let it go."""
        self.rex_pressed = False

    def tamper(self, opened: bool) -> None:
        """Open or close the cover that the tamper contact watches."""
        self.tampered = opened

    def levels(self) -> dict[tuple[str, int], bool]:
        """What each of the door's inputs carries: (board, input) → current flows."""
        facts = (
            (self.wiring.contact, self.leaf_open),
            (self.wiring.rex, self.rex_pressed),
            (self.wiring.tamper, self.tampered),
        )
        return {(wired.board, wired.input): wired.current_flows(active) for wired, active in facts if wired is not None}
