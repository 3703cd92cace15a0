"""Database: engine and transactions, clock, base of the models, migrations (DESIGN 15)."""
