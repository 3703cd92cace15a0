"""Operators: accounts, sessions, tokens, roles and permissions, the audit log (D1, D2)."""
