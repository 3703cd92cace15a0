"""Sharing the registry with a CRM by connection: its webhooks come in as hints, its records are fetched (C2, docs/registry.md)."""
