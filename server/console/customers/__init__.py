"""The section of customers: the list, one file, duplicates, hand-over, own staff, looks at personal data (C1-C4, C8, R4)."""
