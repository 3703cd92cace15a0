"""What people do at the console, in real Chromium, on real processes with the simulated hall: one site for all of it."""
