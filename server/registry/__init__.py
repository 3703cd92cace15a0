"""The customer registry: customers, contracts, holders (C1, C2). The CRM stands on the same tables."""
