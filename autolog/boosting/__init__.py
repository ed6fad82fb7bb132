"""What trainings of boosted trees have in common, whatever the library."""
