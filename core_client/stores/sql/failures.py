"""Why a database cannot be used, and what to do about it, in a plain sentence."""

from __future__ import annotations

from sqlalchemy import URL

_FILE = (
    ("locked", "another process has kept it locked; close that process or try again"),
    ("readonly", "it is read-only; give this user the right to write '{path}'"),
    ("unable to open", "give this user the right to write '{path}' and its folder"),
    ("full", "the disk is full; free some space"),
    ("I/O", "the disk or its quota refused; free some space or check the disk"),
    ("not a database", "the file is no SQLite database; move it away or name another one"),
    ("malformed", "the file is damaged; restore a copy, or move it away"),
)
_SERVER = (
    ("password", "check user and password in the URI"),
    ("Access denied", "check user and password in the URI"),
    ("permission denied", "give this user the right to read and write the tables there"),
    ("command denied", "give this user the right to read and write the tables there"),
    ("Unknown database", "create the database, or correct its name in the URI"),
    ("does not exist", "create what is missing, or correct its name in the URI"),
    ("translate host", "correct the host in the URI"),
    ("resolve host", "correct the host in the URI"),
    ("refused", "check that the server runs, and host and port in the URI"),
    ("Can't connect", "check that the server runs, and host and port in the URI"),
    ("timeout", "check that the server can be reached from here"),
)


def explained(name: str, url: URL, cause: str) -> str:
    """The sentence for an error of the driver.

    Args:
        name: the URI without its password.
        url: the database.
        cause: what the driver said.
    """
    if url.password:
        cause = cause.replace(str(url.password), "***")
    cause = " ".join(cause.split())
    stories = _FILE if url.get_backend_name() == "sqlite" else _SERVER
    for sign, story in stories:
        if sign in cause:
            advice = story.format(path=url.database)
            return f"The database '{name}' cannot be used ({cause}): {advice}."
    return f"The database '{name}' cannot be used: {cause}."
