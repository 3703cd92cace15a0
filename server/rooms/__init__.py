"""Who went in and out, and who is inside: the register, occupancy, and what an operator adds to them (R3, MEANINGS 12)."""
