"""Values of any wire type: one fixed example for the kept samples, and a hypothesis strategy for the round trips."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as mi

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_INTS = st.integers(-(2**63), 2**63 - 1)


def example(of: Any, name: str = "x") -> Any:
    """One plain value of a type: text says the field's name, numbers are 1, of alternatives the first."""
    return _example(mi.type_info(of), name)


def _example(info: mi.Type, name: str) -> Any:
    match info:
        case mi.StrType():
            return name
        case mi.IntType():
            return 1
        case mi.FloatType():
            return 1.5
        case mi.BoolType():
            return True
        case mi.BytesType():
            return name.encode()
        case mi.LiteralType():
            return info.values[0]
        case mi.RawType():
            return msgspec.Raw(b"{}")
        case mi.UnionType():
            return _example(next(entry for entry in info.types if not isinstance(entry, mi.NoneType)), name)
        case mi.VarTupleType():
            return (_example(info.item_type, name),)
        case mi.DictType():
            return {name: _example(info.value_type, name)}
        case mi.StructType():
            return info.cls(**{field.name: _example(field.type, field.name) for field in info.fields})
    raise TypeError(f"no example for {info}")


def values(of: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that the codec can carry."""
    return _values(mi.type_info(of))


def _values(info: mi.Type) -> st.SearchStrategy[Any]:
    match info:
        case mi.StrType():
            return _TEXT
        case mi.IntType():
            return _INTS
        case mi.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case mi.BoolType():
            return st.booleans()
        case mi.BytesType():
            return st.binary(max_size=12)
        case mi.NoneType():
            return st.none()
        case mi.LiteralType():
            return st.sampled_from(info.values)
        case mi.RawType():
            return st.just(msgspec.Raw(b'{"kept":"as it came"}'))
        case mi.UnionType():
            return st.one_of([_values(entry) for entry in info.types])
        case mi.VarTupleType():
            return st.lists(_values(info.item_type), max_size=3).map(tuple)
        case mi.DictType():
            return st.dictionaries(_values(info.key_type), _values(info.value_type), max_size=3)
        case mi.StructType():
            return st.builds(info.cls, **{field.name: _values(field.type) for field in info.fields})
    raise TypeError(f"no strategy for {info}")
