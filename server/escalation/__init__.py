"""The second channel: alarms that nobody acknowledges in time go to people who do not sit at the console (docs/escalation.md)."""
