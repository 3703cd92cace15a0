-- The journal's schema at version 1, with a few records. Never edited once released.
CREATE TABLE journal (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    journal_id TEXT NOT NULL,
    acked_upto INTEGER NOT NULL,
    wall_high_water_us INTEGER NOT NULL,
    purged_upto INTEGER NOT NULL,
    purged_hash BLOB NOT NULL
) STRICT;
CREATE TABLE records (
    seq INTEGER PRIMARY KEY,
    wall_us INTEGER NOT NULL,
    hash BLOB NOT NULL,
    record BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    state BLOB NOT NULL
) STRICT;
CREATE TABLE commands (
    command_id TEXT PRIMARY KEY,
    expires_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX commands_by_expiry ON commands (expires_at_us);
INSERT INTO journal VALUES (1, '00112233445566778899aabbccddeeff', 3, 1700000000000000, 1, x'ff44e121014845ba9f060b9dd529b57e3706d9dcbf47ce18d6a7e50bea6c7e46');
INSERT INTO records VALUES (2, 1700000000000000, x'd989977286f310a93de4be7eb9aa920e4411c5e002607031b10f147c8039c3b1', x'7b22736571223a327d');
INSERT INTO records VALUES (3, 1700000000000000, x'b94dfd11521c5dc81e3e4e26cfdf1b0bae0014902617ad6e18cd3875e417881d', x'7b22736571223a337d');
INSERT INTO records VALUES (4, 1700000000000000, x'c825912406300007e116a0c12bd1de3a747a7f875524b6ab78e9d1016ddb7976', x'7b22736571223a347d');
INSERT INTO checkpoint VALUES (1, 3, x'b94dfd11521c5dc81e3e4e26cfdf1b0bae0014902617ad6e18cd3875e417881d', x'7374617465');
INSERT INTO commands VALUES ('c1', 1700000000000000);
PRAGMA application_id = 1835691628;
PRAGMA user_version = 1;
