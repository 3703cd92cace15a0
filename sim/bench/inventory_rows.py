"""The stock of ``menjin bench inventory``: a million movements, written by PostgreSQL itself. The server must not run."""

import psycopg

SPAN_US = 3 * 365 * 86_400 * 1_000_000
"""The movements lie in the three years before :data:`NOW_US`."""
NOW_US = 1_790_000_000_000_000
CUSTOMERS = 200
GREAT_SHARE = 5
"""Customer 1 has every fifth device."""
_CUSTOMERS = """
INSERT INTO customer (id, code, kind, name, name_key, source_system, version)
SELECT n, 'C' || lpad(n::text, 4, '0'), 'organisation', 'customer ' || n, 'customer ' || n, 'bench', 1 FROM generate_series(1, %(customers)s) n
"""
_ITEMS = """
INSERT INTO item (id, public_id, serial, serial_key, model, model_key, customer_id, made_at, version)
SELECT n, 'itm_' || n, 'SN' || n, 'SN' || n, 'R' || n %% 50, 'R' || n %% 50,
       CASE WHEN n %% %(great)s = 0 THEN 1 ELSE 2 + (n / %(great)s) %% (%(customers)s - 1) END, now(), 1
FROM generate_series(1, %(items)s) n
"""
_MOVEMENTS = """
INSERT INTO item_movement (id, item_id, serial_key, model, direction, at_us, customer_id, rack, source, document, number, place, reason, event_seq)
SELECT m, i.id, i.serial_key, i.model, CASE WHEN m %% 2 = 1 THEN 'in' ELSE 'out' END,
       %(now)s - %(span)s + ((m - 1) / 2 * (%(span)s::float8 / %(stays)s))::bigint + CASE WHEN m %% 2 = 1 THEN 0 ELSE 1 + (m %% 1000 * 7919 %% 1000) * %(span)s / 1000 END,
       i.customer_id, 'A-' || i.id %% 500, 'door', 'order', 'W', 0, '', m
FROM generate_series(1::bigint, 2 * %(stays)s) m JOIN item i ON i.id = 1 + (m - 1) / 2 %% %(items)s
"""
_STAYS = """
INSERT INTO item_stay (id, item_id, customer_id, rack, in_at_us, out_at_us, source, in_movement_id, out_movement_id)
SELECT row_number() OVER (ORDER BY a.id), a.item_id, a.customer_id, a.rack, a.at_us,
       CASE WHEN next.at_us IS NULL THEN nullif(least(b.at_us, %(now)s), %(now)s) ELSE least(b.at_us, next.at_us) END, 'door', a.id, b.id
FROM item_movement a JOIN item_movement b ON b.id = a.id + 1 LEFT JOIN item_movement next ON next.id = a.id + 2 * %(items)s
WHERE a.direction = 'in'
"""
_TRIGGERED = ("item", "item_stay", "item_movement", "customer")


def load(url: str, movements: int) -> int:
    """Fill the tables of a server's schema; how many devices are here now. Of a device no two stays overlap; most stay for a year and a half."""
    values = {
        "customers": CUSTOMERS,
        "great": GREAT_SHARE,
        "items": max(1, movements // 4),
        "stays": movements // 2,
        "now": NOW_US,
        "span": SPAN_US,
    }
    with psycopg.connect(url, autocommit=True) as connection:
        for table in _TRIGGERED:
            connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in (_CUSTOMERS, _ITEMS, _MOVEMENTS, _STAYS):
            connection.execute(statement, values)
        for table in _TRIGGERED:
            connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        connection.execute("VACUUM ANALYZE")
        found = connection.execute("SELECT count(*) FROM item_stay WHERE out_at_us IS NULL").fetchone()
    assert found is not None
    return int(found[0])
