"""Who may sign in to the demo's console: one account a role, all with the password that the demo prints.

A real server makes one administrator with a one-time password and nobody else (docs/install.md). The demo's are made for looking: it listens on
loopback only, its password is new each time, and what takes four eyes can be tried by two of them in two browsers.
"""

from typing import NamedTuple

from sim.operators import FIRST, Operators, spoken_password
from sim.stack import Stack


class Account(NamedTuple):
    """Somebody whom the demo lets sign in; ``for_what``: for the terminal."""

    username: str
    name: str
    role: str
    for_what: str


ACCOUNTS = (
    Account("guard", "吴迪", "guard", "alarms, doors, visitors, handover"),
    Account("service", "陈晨", "customer_service", "badges, permits, work orders, exit slips"),
    Account("it-head", "周原", "it_head", "the second word on a permit"),
    Account("supervisor", "林岚", "supervisor", "exceptions, emergencies; usable on a phone"),
    Account("auditor", "何平", "auditor", "reads, changes nothing"),
)


def make_accounts(stack: Stack) -> str:
    """Make them all, and give the administrator of the first start the same password. Returns it."""
    password = spoken_password()
    operators = Operators(stack, password)
    try:
        operators.first_administrator()
        for account in ACCOUNTS:
            operators.seat(account.username, account.name, account.role)
    finally:
        operators.close()
    return password


def lines(password: str) -> list[str]:
    """What the terminal says of them."""
    said = [f"user name: {FIRST}", f"password:  {password}", "", "the same password opens, for what takes two people:"]
    return said + [f"  {account.username:12}{account.for_what}" for account in ACCOUNTS]
