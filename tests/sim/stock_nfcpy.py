"""Unmodified nfcpy 1.0.4 on any serial path, built as its own ``open`` would but without its shell and rate change."""

import logging
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nfc.clf
import nfc.clf.pn532
import nfc.clf.transport

WAKE_UP = bytes(10)
LOG = logging.getLogger("stock_nfcpy")


@contextmanager
def chipset(path: Path) -> Iterator[nfc.clf.pn532.Chipset]:
    """The chip's command interface, woken, in normal mode."""
    tty = nfc.clf.transport.TTY(str(path))
    try:
        chip = nfc.clf.pn532.Chipset(tty, LOG)
        tty.write(WAKE_UP)
        chip.sam_configuration("normal")
        yield chip
    finally:
        with suppress(termios.error):  # its close flushes, which fails on a line that has hung up
            tty.close()
        if tty.tty is not None:
            tty.tty.close()


@contextmanager
def frontend(path: Path) -> Iterator[nfc.ContactlessFrontend]:
    """A contactless frontend on the stock PN532 driver."""
    with chipset(path) as chip:
        clf = nfc.ContactlessFrontend()
        clf.device = nfc.clf.pn532.Device(chip, LOG)
        yield clf
