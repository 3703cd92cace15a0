"""What happened over a time, counted: entries, denials, doors left or forced open, visits, who was alone, which edge was silent."""
