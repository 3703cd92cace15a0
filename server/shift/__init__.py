"""What a shift owes the next: violations and their handling (R9, E7), register entries that lack their operation (R3), the handover (R5)."""
