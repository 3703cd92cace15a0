"""What can be said of a customer, contact, contract or holder: the fields that the API, the import and the CRM give.

Of a ``…Fields`` what is left out stays as it is; null empties it. A ``…Record`` also says whose row it is and how new: the input of
:mod:`server.registry.upsert`. Making one checks its form (:class:`pydantic.ValidationError`); its meaning is checked when it is written.
"""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from controller.policy import CustomerKind, Duty

ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
SourceSystem = Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9._-]+$")]
SourceVersion = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
Remark = Annotated[str, StringConstraints(max_length=4_000)]
Number = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]
Areas = Annotated[list[Annotated[str, StringConstraints(max_length=64)]], Field(max_length=500)]
Places = Annotated[list[Word], Field(max_length=1_000)]
Duties = Annotated[list[Duty], Field(max_length=10)]
Allowance = Annotated[int, Field(ge=0, le=1_000_000)]

CustomerClass = Literal["A", "B", "C", "D", "strategic", "key", "ordinary"]
ContractKind = Literal["hosting", "other"]
ContractStatus = Literal["draft", "active", "suspended", "ended"]
IdDocument = Literal["id_card", "passport", "hk_macao_permit", "taiwan_permit", "other"]


class Given(BaseModel):
    """Input: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    def values(self, *excluded: str) -> dict[str, Any]:
        """What was given, by field name; what was left out is not there."""
        return {
            name: getattr(self, name)
            for name in type(self).model_fields
            if name in self.model_fields_set and name not in excluded
        }


class Source(Given):
    """How a row is called, and how new it is, in the system that it comes from."""

    source_system: SourceSystem | None = None
    external_id: ExternalId | None = None
    source_version: SourceVersion | None = None


class CustomerFields(Given):
    """A customer file. Organisations (suppliers, partners) have a ``credit_code``, individuals an ``id_number``."""

    code: Code | None = None
    kind: CustomerKind | None = None
    name: Name | None = None
    class_: CustomerClass | None = Field(default=None, alias="class")
    owner: Word | None = None
    department: Word | None = None
    credit_code: Number | None = None
    id_number: Number | None = None
    remark: Remark | None = None


class ContactFields(Given):
    """A person to talk to; ``customer``: a code, id or external id."""

    customer: str | None = None
    name: Name | None = None
    phone: Number | None = None
    email: Annotated[str, StringConstraints(max_length=254, strip_whitespace=True)] | None = None
    role: Word | None = None
    primary: bool | None = None


class ContractPlaces(Given):
    """What a contract says besides its time; ``customer``: a code, id or external id; ``areas``: ids of the site file."""

    customer: str | None = None
    number: Word | None = None
    kind: ContractKind | None = None
    status: ContractStatus | None = None
    areas: Areas | None = None
    racks: Places | None = None
    cages: Places | None = None
    ip_allowance: Allowance | None = None
    port_allowance: Allowance | None = None


class HolderFields(Given):
    """A person who can carry badges: of a customer, of the own staff, or else a visitor."""

    customer: str | None = None
    staff: bool | None = None
    name: Name | None = None
    phone: Number | None = None
    id_document: IdDocument | None = None
    id_number: Number | None = None
    may_escort: Areas | None = None
    areas: Areas | None = None
    keyholder: bool | None = None
    duties: Duties | None = None


class Record(Given):
    """Whose row this is. ``source_version``: compared as time, number or text; an older one than what is stored is refused.
    ``deleted``: gone there (true), or there again (false)."""

    source_system: SourceSystem
    external_id: ExternalId
    source_version: SourceVersion | None = None
    deleted: bool | None = None


class CustomerRecord(Record, CustomerFields):
    """A customer as another system knows it."""


class ContactRecord(Record, ContactFields):
    """A contact as another system knows it."""


class ContractRecord(Record, ContractPlaces):
    """A contract as another system knows it, its time resolved (:mod:`server.registry.moments`): ``[from_, until)``."""

    from_: AwareDatetime | None = Field(default=None, alias="from")
    until: AwareDatetime | None = None


class HolderRecord(Record, HolderFields):
    """A person as another system knows it; ``deleted``: has left (B5)."""
