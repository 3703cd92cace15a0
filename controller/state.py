"""What the edge knows, as a fold over its records. Being written: encode_state(state) -> bytes, decode_state(bytes) -> State,
fold(state, record) -> None (in place)."""

import msgspec


class State(msgspec.Struct):
    """Folded facts."""

    seq: int = 0
