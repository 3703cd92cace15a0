"""A context without HTTP, and files as people hand them in."""

import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from PIL import Image
from pypdf import PdfWriter
from sqlmodel import Session

from server.app import open_context
from server.badges.models import Application
from server.config import Config
from server.context import Context
from server.db.clock import FixedClock
from server.ids import new_id
from server.operators.actor import Actor
from server.registry.models import Customer, Holder

DESK = Actor("operator", "opr_DESK", "desk", "customer_service")
GUARD = Actor("operator", "opr_GUARD", "guard", "guard")


@pytest.fixture
def context(config: Config, clock: FixedClock) -> Iterator[Context]:
    opened = open_context(config, clock)
    yield opened
    opened.close()


def picture(kind: str = "JPEG", size: tuple[int, int] = (240, 320), **saved: object) -> bytes:
    """A picture with some content, so that it has a size."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    kept = io.BytesIO()
    image.save(kept, kind, **saved)
    return kept.getvalue()


def pdf(pages: int = 1) -> bytes:
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(200, 200)
    kept = io.BytesIO()
    writer.write(kept)
    return kept.getvalue()


def new_holder(session: Session, context: Context, name: str = "李娜", phone: str = "13800138000") -> Holder:
    """A customer's holder, with personal fields."""
    from server.personal.fields import write_field

    now = context.clock.now()
    code = new_id("C", now)[-8:]
    customer = Customer(public_id=new_id("cus", now), code=code, kind="organisation", name="华云数据", created_at=now)
    session.add(customer)
    session.flush()
    holder = Holder(public_id=new_id("hol", now), kind="customer", customer_id=customer.id, created_at=now)
    write_field(context.personal, holder, "name", name)
    write_field(context.personal, holder, "phone", phone)
    write_field(context.personal, holder, "id_number", "11010519491231002X")
    session.add(holder)
    session.flush()
    return holder


def new_application(session: Session, context: Context, holder: Holder | None = None) -> Application:
    now = context.clock.now()
    holder = holder or new_holder(session, context)
    assert holder.id is not None
    application = Application(
        public_id=new_id("app", now), holder_id=holder.id, created_by="opr_DESK", created_at=now, consent_at=now
    )
    session.add(application)
    session.flush()
    return application


DAY = timedelta(days=1)
