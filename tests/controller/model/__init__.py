"""The proof of the rooms (docs/rooms.md): a reference model, an exhaustive search, and planted faults."""
