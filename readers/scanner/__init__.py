"""Barcode scanners on a serial line: what they send is text with an end, and nothing else."""
