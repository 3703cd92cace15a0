"""Equipment: work orders in, the inventory, exit slips out (E1-E8, MEANINGS 24-26, docs/goods.md)."""
