"""Personal data: encryption at rest, masking, recorded looks, attachments and their erasure (C4, D6, DESIGN 17)."""
