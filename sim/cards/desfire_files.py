"""DESFire commands on files: CreateStdDataFile, DeleteFile, ReadData, WriteData, and what there is."""

from sim.cards.desfire_channels import LegacyChannel
from sim.cards.desfire_context import (
    AUTHENTICATION_ERROR,
    BOUNDARY_ERROR,
    DUPLICATE,
    FILE_NOT_FOUND,
    ILLEGAL_COMMAND,
    LENGTH_ERROR,
    OK,
    PARAMETER_ERROR,
    Context,
    Refused,
    exactly,
)
from sim.cards.desfire_memory import FREE, FREE_CREATION, FREE_LISTING, FULL, MAC, PLAIN, StandardFile
from sim.cards.ev2 import Session

FILES = 32
HEADER_BYTES = 7
"""ReadData and WriteData: file number, offset, length."""


def file_ids(context: Context, data: bytes) -> tuple[bytes, int]:
    exactly(context.opened(0x6F, data), 0)
    context.allowed(FREE_LISTING)
    return context.closed(bytes(sorted(context.application.files)))


def file_settings(context: Context, data: bytes) -> tuple[bytes, int]:
    number = exactly(context.opened(0xF5, data), 1)
    context.allowed(FREE_LISTING)
    return context.closed(_file(context, number).settings())


def create(context: Context, data: bytes) -> tuple[bytes, int]:
    """CreateStdDataFile: number, communication mode, rights(2), size(3)."""
    data = exactly(context.opened(0xCD, data), HEADER_BYTES)
    context.in_an_application()
    context.allowed(FREE_CREATION)
    number, file = data[0], StandardFile.from_settings(data[1:])
    unknown_key = any(len(context.application.keys) <= right < FREE for right in file.rights)
    if number >= FILES or file.mode not in (PLAIN, MAC, FULL) or not file.data or unknown_key:
        raise Refused(PARAMETER_ERROR)
    if number in context.application.files:
        raise Refused(DUPLICATE)
    context.application.files[number] = file
    try:
        context.fits()
    except Refused:
        del context.application.files[number]
        raise
    return context.closed()


def delete(context: Context, data: bytes) -> tuple[bytes, int]:
    number = exactly(context.opened(0xDF, data), 1)
    context.in_an_application()
    context.allowed(FREE_CREATION)
    _file(context, number)
    del context.application.files[number[0]]
    return context.closed()


def read(context: Context, code: int, data: bytes) -> tuple[bytes, int]:
    file = _file(context, data[:1])
    mode = _mode(context, file, file.read, file.read_write)
    session = context.session
    if session is not None:
        data = session.opened(code, data, MAC if mode != PLAIN and isinstance(session, Session) else PLAIN, 0)
    exactly(data, HEADER_BYTES)
    offset, length = int.from_bytes(data[1:4], "little"), int.from_bytes(data[4:7], "little")
    if length == 0:
        length = len(file.data) - offset
    if length <= 0 or offset + length > len(file.data):
        raise Refused(BOUNDARY_ERROR)
    content = bytes(file.data[offset : offset + length])
    return (content if session is None else session.closed(OK, content, mode)), OK


def write(context: Context, code: int, data: bytes) -> tuple[bytes, int]:
    file = _file(context, data[:1])
    mode = _mode(context, file, file.write, file.read_write)
    session = context.session
    if session is not None:
        data = session.opened(code, data, mode, HEADER_BYTES)
    header, content = data[:HEADER_BYTES], data[HEADER_BYTES:]
    exactly(header, HEADER_BYTES)
    offset, length = int.from_bytes(header[1:4], "little"), int.from_bytes(header[4:7], "little")
    exactly(content, length)
    if offset + length > len(file.data):
        raise Refused(BOUNDARY_ERROR)
    file.data[offset : offset + length] = content
    return (b"" if session is None else session.closed(OK, b"", PLAIN if mode == PLAIN else MAC)), OK


def _file(context: Context, number: bytes) -> StandardFile:
    if not number:
        raise Refused(LENGTH_ERROR)
    if number[0] not in context.application.files:
        raise Refused(FILE_NOT_FOUND)
    return context.application.files[number[0]]


def _mode(context: Context, file: StandardFile, *rights: int) -> int:
    """The communication mode in force for a command that any of these rights allows."""
    if context.session is not None and context.session.key_number in rights:
        if isinstance(context.session, LegacyChannel) and file.mode != PLAIN:
            raise Refused(ILLEGAL_COMMAND)  # the oldest scheme's data transfer is not modelled
        return file.mode
    if FREE in rights:
        return PLAIN
    raise Refused(AUTHENTICATION_ERROR)
