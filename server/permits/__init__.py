"""Permits, visits and emergencies: who comes without a badge of their own, and under whose word (B7, B8, R4-R6, R8, C6)."""
