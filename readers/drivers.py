"""The reader drivers, by the name that ``edge.toml`` gives (``driver = "pn532"``)."""
