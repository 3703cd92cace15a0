"""The edges: enrolment, policies, leases, commands, status, and the messages to and from them (DESIGN 4-9)."""
