"""The kiosk: a screen with scanner and keyboard at the entrance, for whoever stands before it (R3, R5, R8)."""
