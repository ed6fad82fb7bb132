"""Call `autolog()` before training and everything about the run is kept."""
