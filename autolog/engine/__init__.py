"""From a patched function to a recorded run: what every framework's file is written with."""
