"""The ledger: every edge's signed records, unchanged, and what follows from them (DESIGN 2-4, MEANINGS 14)."""
