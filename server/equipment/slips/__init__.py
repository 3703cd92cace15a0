"""Exit slips: what may leave, who carries it, by which door, and what comes back (E4-E6, E8; MEANINGS 24-26)."""
