"""``GET /api/v1/health``: whether the server can read its database. No secrets, no permission."""

from sqlalchemy import text

from server.routes import AppContext, DbSession, api_router

router = api_router("", "health")


@router.get("/health")
def health(session: DbSession, context: AppContext) -> dict[str, str]:
    """``{"status": "ok", "site": …}``, or the problem ``database_unavailable``."""
    session.connection().execute(text("SELECT 1"))
    return {"status": "ok", "site": context.site.id}
