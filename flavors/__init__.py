"""How a model is saved, described and loaded. One file per framework."""
