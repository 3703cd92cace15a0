"""The layout of the registry as a file: one sheet (or CSV file) per noun, its columns, and what a cell may hold (docs/registry.md)."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal

from server.problems import Problem
from server.registry.models import Contact, Contract, Customer, Holder
from server.registry.moments import begin_of, end_of
from server.registry.records import ContactRecord, ContractRecord, CustomerRecord, HolderRecord

Cell = str | int | float | bool | date | datetime | time | None
Kind = Literal["text", "personal", "number", "truth", "list", "begin", "end"]

MAX_CELL_CHARS = 32_767
"""What a spreadsheet's cell holds at most."""
EXACT_DIGITS = 15
"""A spreadsheet rounds longer numbers: an ID number must be text."""
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet may take for a formula at the beginning of a text (OWASP, CSV injection)."""
_PHONE = re.compile(r"\+[0-9 ()-]+")
_SEPARATORS = re.compile(r"[,，;；、\n]")
_TRUTHS = {"是": True, "yes": True, "true": True, "1": True, "否": False, "no": False, "false": False, "0": False}


class CellError(Exception):
    """A cell cannot be taken. The message says what and what to do, and never quotes a person's data."""


@dataclass(frozen=True)
class Column:
    """``name``: the record's field and the English heading; ``words``: what a Chinese cell may say instead of the value."""

    name: str
    zh: str
    kind: Kind = "text"
    required: bool = False
    words: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Noun:
    """One kind of row. ``name``: the English sheet and ``--noun``."""

    name: str
    zh: str
    model: type[Any]
    record: type[Any]
    columns: tuple[Column, ...]


_SOURCE = (Column("source_system", "来源系统"), Column("external_id", "外部编号"), Column("source_version", "来源版本"))
_OF_CUSTOMER = Column("customer", "客户代码", required=True)

_KINDS = {
    "组织": "organisation",
    "单位": "organisation",
    "个人": "individual",
    "供应商": "supplier",
    "合作伙伴": "partner",
}
_CLASSES = {"战略": "strategic", "重点": "key", "普通": "ordinary"}
_CONTRACT_KINDS = {"托管": "hosting", "其他": "other"}
_STATUSES = {"草稿": "draft", "生效": "active", "中止": "suspended", "终止": "ended"}
_DUTIES = {"主管": "supervisor", "值班人员": "guard", "警卫": "guard", "保安": "guard"}
_DOCUMENTS = {
    "身份证": "id_card",
    "护照": "passport",
    "港澳通行证": "hk_macao_permit",
    "台胞证": "taiwan_permit",
    "其他": "other",
}

CUSTOMERS = Noun(
    "customers",
    "客户",
    Customer,
    CustomerRecord,
    (
        Column("code", "客户代码", required=True),
        Column("kind", "类型", required=True, words=_KINDS),
        Column("name", "名称", required=True),
        Column("class", "级别", words=_CLASSES),
        Column("owner", "负责人"),
        Column("department", "部门"),
        Column("credit_code", "统一社会信用代码"),
        Column("id_number", "证件号码", "personal"),
        Column("remark", "备注"),
        *_SOURCE,
    ),
)
CONTACTS = Noun(
    "contacts",
    "联系人",
    Contact,
    ContactRecord,
    (
        _OF_CUSTOMER,
        Column("name", "姓名", "personal", required=True),
        Column("phone", "电话", "personal"),
        Column("email", "邮箱", "personal"),
        Column("role", "职务"),
        Column("primary", "主要联系人", "truth"),
        *_SOURCE,
    ),
)
CONTRACTS = Noun(
    "contracts",
    "合同",
    Contract,
    ContractRecord,
    (
        _OF_CUSTOMER,
        Column("number", "合同编号"),
        Column("kind", "类型", words=_CONTRACT_KINDS),
        Column("status", "状态", words=_STATUSES),
        Column("from", "开始日期", "begin", required=True),
        Column("until", "结束日期", "end"),
        Column("areas", "区域", "list"),
        Column("racks", "机柜", "list"),
        Column("cages", "笼", "list"),
        Column("ip_allowance", "IP数量", "number"),
        Column("port_allowance", "端口数量", "number"),
        *_SOURCE,
    ),
)
HOLDERS = Noun(
    "holders",
    "持证人",
    Holder,
    HolderRecord,
    (
        Column("customer", "客户代码"),
        Column("name", "姓名", "personal", required=True),
        Column("staff", "本场员工", "truth"),
        Column("phone", "电话", "personal"),
        Column("id_document", "证件类型", words=_DOCUMENTS),
        Column("id_number", "证件号码", "personal"),
        Column("areas", "区域", "list"),
        Column("may_escort", "可陪同区域", "list"),
        Column("keyholder", "持钥匙人", "truth"),
        Column("duties", "职责", "list", words=_DUTIES),
        *_SOURCE,
    ),
)
NOUNS = (CUSTOMERS, CONTACTS, CONTRACTS, HOLDERS)
"""In the order in which they are written: a contact's customer comes before it."""


def find_noun(title: str) -> Noun | None:
    """The noun that a sheet or ``--noun`` names, in either language."""
    wanted = title.strip().casefold()
    return next((noun for noun in NOUNS if wanted in (noun.name, noun.zh)), None)


def find_column(noun: Noun, heading: Cell) -> Column | None:
    """The column that a heading names, in either language; a star behind it is the template's mark of what is required."""
    wanted = str(heading or "").strip().rstrip("*＊").strip().casefold().replace(" ", "_")
    return next((column for column in noun.columns if wanted in (column.name, column.zh.casefold())), None)


def read_cell(column: Column, cell: Cell, time_zone: str) -> Any:
    """The value of the record's field; None for an empty cell. Raises :class:`CellError`."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, str) and len(cell) > MAX_CELL_CHARS:
        raise CellError(f"holds more than {MAX_CELL_CHARS} characters; shorten it")
    if column.kind in ("begin", "end"):
        return _moment(column, cell, time_zone)
    if column.kind == "truth":
        return _truth(cell)
    text = _text(column, cell)
    if column.kind == "number":
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise CellError("must be a whole number")
        return int(text)
    if column.kind == "list":
        words = column.words or {}
        return [words.get(part.strip(), part.strip()) for part in _SEPARATORS.split(text) if part.strip()]
    return (column.words or {}).get(text, text)


def _text(column: Column, cell: Cell) -> str:
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise CellError("holds a date, time or truth value where text is wanted; format the cell as text")
    if isinstance(cell, str):
        text = cell.strip()
        if text.startswith("'") and text[1:].startswith(DANGEROUS):
            return text[1:]  # as it was exported
        if text.startswith(DANGEROUS) and not (column.name == "phone" and _PHONE.fullmatch(text)):
            raise CellError("begins with = + - or @, which a spreadsheet executes; write the value itself")
        if "\0" in text:
            raise CellError("holds a NUL character; write the text again")
        return text
    if not math.isfinite(cell) or cell != int(cell):
        raise CellError("holds a fraction where text is wanted; format the cell as text")
    if len(str(abs(int(cell)))) > EXACT_DIGITS:
        raise CellError(
            "holds a long number, which the spreadsheet has rounded; format the cell as text and write it again"
        )
    return str(int(cell))


def _truth(cell: Cell) -> bool:
    if isinstance(cell, bool):
        return cell
    found = _TRUTHS.get(str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell).strip().casefold())
    if found is None:
        raise CellError("must be yes or no (是, 否)")
    return found


def _moment(column: Column, cell: Cell, time_zone: str) -> datetime:
    if isinstance(cell, datetime):
        if cell.time() != time.min:
            raise CellError("holds a time without its zone; write a date, or 2026-12-31T16:00:00Z as text")
        cell = cell.date()
    if isinstance(cell, date):
        cell = cell.isoformat()
    if not isinstance(cell, str):
        raise CellError("must be a date")
    given = re.sub(r"[/.年月]", "-", cell.strip()).rstrip("日")
    if re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", given):
        year, month, day = given.split("-")
        given = f"{year}-{month:0>2}-{day:0>2}"
    else:
        given = cell.strip()
    try:
        return (begin_of if column.kind == "begin" else end_of)(given, time_zone, column.name)
    except Problem as problem:
        raise CellError("write a date (2026-12-31) or a time with its zone (2026-12-31T16:00:00Z)") from problem
