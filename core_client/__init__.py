"""Runs and how they reach a store. Knows no machine-learning framework."""
