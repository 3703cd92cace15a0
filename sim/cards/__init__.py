"""Simulated cards, each its own State and Service; :mod:`sim.cards.maker` personalises them."""
