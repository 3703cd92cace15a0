"""What requests of permits, visits and emergencies are made of."""

from typing import Annotated

from fastapi import Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool

from server.operators.actor import Actor
from server.operators.guard import requires
from server.operators.permissions import Permission
from server.personal.uploads import CleanUpload, clean_upload

Name = Annotated[str, Path(max_length=64)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Said = Annotated[str, StringConstraints(min_length=1, max_length=1_000, strip_whitespace=True)]
Note = Annotated[str, StringConstraints(max_length=1_000, strip_whitespace=True)]
DocumentNumber = Annotated[str, StringConstraints(min_length=4, max_length=40, strip_whitespace=True)]
AreaList = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(min_length=1, max_length=100)]
ExternalId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Printed = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,24}$")]

Reads = Annotated[Actor, requires(Permission.PERMIT_READ)]
Writes = Annotated[Actor, requires(Permission.PERMIT_WRITE)]
ChecksIn = Annotated[Actor, requires(Permission.PERMIT_CHECK_IN)]


class Input(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Reason(Input):
    """Why."""

    reason: Said


async def _clean(request: Request, part: str) -> CleanUpload:
    declared = request.headers.get("content-type", "")
    return await run_in_threadpool(clean_upload, part, await request.body(), declared)


async def _letter(request: Request) -> CleanUpload:
    return await _clean(request, "letter")


async def _id_copy(request: Request) -> CleanUpload:
    return await _clean(request, "id_copy")


async def _photo(request: Request) -> CleanUpload:
    return await _clean(request, "photo")


Letter = Annotated[CleanUpload, Depends(_letter)]
IdCopy = Annotated[CleanUpload, Depends(_id_copy)]
Photo = Annotated[CleanUpload, Depends(_photo)]
"""Files, checked by content before the session begins: it may take a second."""
