"""What the accounts of issue 6 need (D1-D3): the kiosk's role."""

from alembic import op

revision = "0010"
down_revision = "0009"

ROLES = (
    "role IN ('guard', 'customer_service', 'it_head', 'equipment_head', 'supervisor', 'auditor', 'kiosk',"
    " 'administrator')"
)


def upgrade() -> None:
    """Apply."""
    _widen_roles()


def _widen_roles() -> None:
    """SQLite copies the tables. Sessions are kept aside: dropping the old table takes with it what refers to its rows."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        op.execute("CREATE TEMP TABLE kept_session AS SELECT * FROM operator_session")
        op.execute("DELETE FROM operator_session")
    for table in ("operator", "api_token"):
        name = op.f(f"ck_{table}_role")
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_constraint(name, type_="check")
            batch_op.create_check_constraint(name, ROLES)
    if sqlite:
        op.execute("INSERT INTO operator_session SELECT * FROM kept_session")
        op.execute("DROP TABLE kept_session")
