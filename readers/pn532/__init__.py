"""The NXP PN532 on a high-speed UART: ``line`` (bytes), ``chip`` (nfcpy, the only file that imports it), ``reader``."""
