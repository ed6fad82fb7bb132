"""Trainings by loops that the user writes: what those of PyTorch and of Gluon have in common."""
