"""``/api/v1``: the registry's routers (docs/interfaces.md, Registry, badges, reach)."""

from server.registry import change_endpoints, contacts, contracts, customers, holders, same_customer

ROUTERS = [
    customers.router,
    same_customer.customers_router,
    same_customer.duplicates_router,
    contacts.router,
    contracts.router,
    holders.router,
    change_endpoints.router,
]
