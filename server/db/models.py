"""Every module that holds table models: what Alembic, the tests and the schema check see. Add yours here."""

import importlib

MODEL_MODULES = (
    "server.operators.models",
    "server.operators.approval_models",
    "server.operators.recovery_models",
    "server.registry.models",
    "server.badges.models",
    "server.personal.models",
    "server.crm.models",
    "server.fleet.models",
    "server.fleet.goods_models",
    "server.ledger.models",
    "server.duty.models",
    "server.escalation.models",
    "server.rooms.models",
    "server.permits.models",
    "server.equipment.models",
    "server.equipment.slip_models",
    "server.shift.models",
    "server.kiosk.models",
    "server.idempotency",
)


def import_models() -> None:
    """Import every table model, so that ``server.db.model.metadata`` is complete."""
    for module in MODEL_MODULES:
        importlib.import_module(module)
