"""The encrypted roster of the guards' desk, which opens with the server dead (MEANINGS 31). Making needs the database, opening does not."""
