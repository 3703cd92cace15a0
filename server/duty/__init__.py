"""What the people on duty keep: tests of ways out with their signatures (L5), and the register of mechanical keys."""
