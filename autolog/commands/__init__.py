"""The parts of the `autolog` command, a file each, imported when the command starts."""
