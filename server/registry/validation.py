"""What a number must look like, and what looks wrong about it (C1).

The form is required: another one is refused. Checksums, dates and regions that look wrong are warned about and stored, since real
papers carry such numbers, and a customer whom the CRM has must not be missing here.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date

import phonenumbers
from pydantic import BaseModel
from stdnum.cn import ric, uscc
from stdnum.exceptions import ValidationError as StdnumError

from server.personal.normal_forms import DEFAULT_REGION
from server.problems import Problem

_CREDIT_CODE = re.compile(r"[0-9]{8}[0-9A-HJ-NP-RTUWXY]{10}")
_ID_CARD = re.compile(r"[0-9]{17}[0-9X]")
_DOCUMENT = re.compile(r"[0-9A-Z()/]{4,24}")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
_HOME = phonenumbers.country_code_for_region(DEFAULT_REGION)
_REGIONS_WITHOUT_LIST = ("81", "82", "83", "9")
"""Residents from Hong Kong, Macao and Taiwan, and foreigners with permanent residence: valid, and in no list of places."""


class Warned(BaseModel):
    """Something that was stored although it looks wrong."""

    field: str
    code: str
    detail: str
    detail_zh: str


def credit_code(text: str) -> tuple[str, list[Warned]]:
    """A unified social credit code (GB 32100), compact. Raises :class:`Problem` 422."""
    number = _compact(text)
    if not _CREDIT_CODE.fullmatch(number):
        raise refused(
            "credit_code",
            "credit_code: a unified social credit code has 18 characters: 8 digits, then digits and capitals but I, O, S, V, Z.",
            "credit_code：统一社会信用代码为 18 位：前 8 位数字，其后为数字或大写字母（不含 I、O、S、V、Z）。",
        )
    if uscc.calc_check_digit(number[:17]) == number[17]:
        return number, []
    return number, [_checksum("credit_code", "统一社会信用代码")]


def id_card(text: str, today: date) -> tuple[str, list[Warned]]:
    """A resident identity card number (GB 11643), compact. Raises :class:`Problem` 422."""
    number = _compact(text)
    if not _ID_CARD.fullmatch(number):
        raise refused(
            "id_number",
            "id_number: an identity card number has 17 digits and a last digit or X.",
            "id_number：身份证号码为 18 位：17 位数字加一位数字或 X。",
        )
    warnings = [] if ric.calc_check_digit(number) == number[17] else [_checksum("id_number", "身份证号码")]
    try:
        born = ric.get_birth_date(number)
    except StdnumError:
        born = None
    if born is None or born.year < 1880 or born > today:
        warnings.append(
            Warned(
                field="id_number",
                code="id_number_date",
                detail="id_number: the date of birth in this number cannot be: compare it with the document.",
                detail_zh="id_number：号码中的出生日期不成立：请与证件核对。",
            )
        )
    elif not number.startswith(_REGIONS_WITHOUT_LIST) and not _has_region(number):
        warnings.append(
            Warned(
                field="id_number",
                code="id_number_region",
                detail=f"id_number: no known region begins with {number[:6]}: compare it with the document.",
                detail_zh=f"id_number：没有以 {number[:6]} 开头的地区：请与证件核对。",
            )
        )
    return number, warnings


def id_number(text: str, id_document: str | None, today: date) -> tuple[str, list[Warned]]:
    """The number of an ID document; without a named document one of 18 characters is taken for an identity card's."""
    number = _compact(text)
    if id_document == "id_card" or (id_document is None and len(number) == 18):
        return id_card(text, today)
    if not _DOCUMENT.fullmatch(number):
        raise refused(
            "id_number",
            "id_number: write the document's number: 4 to 24 letters and digits.",
            "id_number：请填写证件号码：4 至 24 位字母和数字。",
        )
    return number, []


def phone(text: str) -> tuple[str, list[Warned]]:
    """A telephone number: Chinese ones as they are dialled at home (13800000000, 01012345678), others as +CC….
    Raises :class:`Problem` 422."""
    try:
        number = phonenumbers.parse(unicodedata.normalize("NFKC", text), DEFAULT_REGION)
    except phonenumbers.NumberParseException as error:
        raise refused(
            "phone",
            "phone: this is no telephone number; write it with its area code, from abroad with + and the country code.",
            "phone：不是电话号码；请填写区号，境外号码请以 + 和国家代码开头。",
        ) from error
    if number.country_code == _HOME:
        extension, number.extension = number.extension, None
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        written = re.sub(r"[^0-9]", "", written) + (f" ext. {extension}" if extension else "")
        number.extension = extension
    else:
        written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    if phonenumbers.is_valid_number(number):
        return written, []
    return written, [
        Warned(
            field="phone",
            code="phone_unusual",
            detail="phone: no such number is given out in its country: check it.",
            detail_zh="phone：该国家或地区没有这样的号码：请核对。",
        )
    ]


def email(text: str) -> tuple[str, list[Warned]]:
    """An e-mail address. Raises :class:`Problem` 422."""
    if not _EMAIL.fullmatch(text.strip()):
        raise refused("email", "email: write it as name@example.com.", "email：请写成 name@example.com。")
    return text.strip(), []


def checked(
    values: dict[str, object], field: str, check: Callable[[str], tuple[str, list[Warned]]], warnings: list[Warned]
) -> None:
    """Replace ``values[field]``, if it is there, by its written form; what looks wrong goes to ``warnings``."""
    text = values.get(field)
    if not isinstance(text, str):
        return
    values[field], found = check(text)
    warnings += found


def refused(field: str, detail: str, detail_zh: str) -> Problem:
    """422: this input cannot be."""
    return Problem(422, "invalid_input", detail, detail_zh, field=field)


def _compact(text: str) -> str:
    return re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", text)).upper()


def _has_region(number: str) -> bool:
    try:
        ric.get_birth_place(number)
    except StdnumError:
        return False
    return True


def _checksum(field: str, name_zh: str) -> Warned:
    return Warned(
        field=field,
        code=f"{field}_checksum",
        detail=f"{field}: its check digit does not fit: compare it with the document.",
        detail_zh=f"{field}：{name_zh}校验位不符：请与证件核对。",
    )
