"""Where a run's code comes from, and its name: user, script or notebook, git, a readable name."""

from __future__ import annotations

import functools
import os
import re
import sys
from pathlib import Path
from typing import Any

from core_client.entities import SourceType


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ADJECTIVES = _words(
    "able agile amber ample apt bold brave brisk bright calm civil clear clever cosy crisp "
    "deft eager early easy exact fair fast fine firm fleet fond frank fresh full gentle glad "
    "golden grand happy hardy honest humble ideal jolly keen kind large light lively loyal "
    "lucid lucky merry mild modest neat nimble noble open patient plain polite proud pure "
    "quick quiet rapid ready rich robust round sage sharp shiny silent simple sleek smart "
    "smooth snug solid spry stable steady still strong sunny sure swift tall tidy true upbeat "
    "vivid warm wise witty"
)
NOUNS = _words(
    "acorn alder ant aspen badger bear beaver bee birch bison boar buck cedar clover cod crab "
    "crane crow deer dove duck eagle eel elk elm falcon fern finch fir fox frog goat goose "
    "grouse gull hare hawk hazel heron horse ibex iris jay kestrel kite koala lark lemur lily "
    "lion lynx maple mole moose moth newt oak orca osprey otter owl panda pike pine plover "
    "poppy puffin quail rabbit raven reed robin rook rose salmon seal shrew snail sparrow "
    "stork swan swift tern thrush tiger toad trout tulip vole walrus weasel whale willow wolf "
    "wren yew zebra"
)
PREFIXES = ("mlflow.user", "mlflow.source.")  # of the tags that `tags` gives


def random_name() -> str:
    """A run name such as ``brisk-heron-412``; leaves the global random state alone."""
    number = int.from_bytes(os.urandom(8), "big")
    number, adjective = divmod(number, len(ADJECTIVES))
    number, noun = divmod(number, len(NOUNS))
    return f"{ADJECTIVES[adjective]}-{NOUNS[noun]}-{number % 1000}"


@functools.cache
def user() -> str:
    """Who runs this process."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in many containers
        return str(os.getuid())


def tags() -> dict[str, str]:
    """The tags that say who started a run, from what code."""
    name, kind = _source()
    folder = Path(name).parent if kind == SourceType.LOCAL else Path()
    return {
        "mlflow.user": user(),
        "mlflow.source.name": name,
        "mlflow.source.type": kind,
        **_git_tags(folder.absolute()),
    }


def _source() -> tuple[str, str]:
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        if shell is not None and hasattr(shell, "kernel"):
            return _notebook(shell.user_ns), SourceType.NOTEBOOK
    script = getattr(sys.modules.get("__main__"), "__file__", None) or sys.argv[0]
    return script or sys.executable, SourceType.LOCAL


def _notebook(variables: dict[str, Any]) -> str:
    """Where the notebook lies, as VS Code, papermill or a Jupyter server tells its kernel."""
    for name in ("__vsc_ipynb_file__", "PAPERMILL_INPUT_PATH"):
        if path := variables.get(name):
            return str(path)
    path = os.environ.get("JPY_SESSION_NAME", "")  # a folder, with "/", if it is a console's
    return "notebook" if path.endswith("/") or not path else path


def _git_tags(folder: Path) -> dict[str, str]:
    """Commit, branch and remote of the work tree, read from its files: no process is started."""
    try:
        return _read_git(folder)
    except (OSError, ValueError):
        return {}


def _read_git(folder: Path) -> dict[str, str]:
    tree = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)
    if tree is None:
        return {}
    git = tree / ".git"
    if git.is_file():  # a linked work tree or a submodule
        git = tree / git.read_text().removeprefix("gitdir:").strip()
    common = git / "commondir"
    shared = git / common.read_text().strip() if common.exists() else git
    tags = {}
    head = (git / "HEAD").read_text().strip()
    if head.startswith("ref:"):
        ref = head.removeprefix("ref:").strip()
        tags["mlflow.source.git.branch"] = ref.removeprefix("refs/heads/")
        head = _commit_of(shared, ref)
    if head:
        tags["mlflow.source.git.commit"] = head
    if url := _remote_of(shared):
        tags["mlflow.source.git.repoURL"] = url
    return tags


def _commit_of(git: Path, ref: str) -> str:
    if (git / ref).exists():
        return (git / ref).read_text().strip()
    packed = git / "packed-refs"
    lines = packed.read_text().splitlines() if packed.exists() else []
    return next((line.split()[0] for line in lines if line.endswith(" " + ref)), "")


@functools.lru_cache(maxsize=8)
def _remote_of(git: Path) -> str:
    import configparser

    from core_client.settings import without_password

    config = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        config.read(git / "config")
    except configparser.Error:
        return ""
    url = config.get('remote "origin"', "url", fallback="")
    # The user in such an address may be a token.
    return without_password(re.sub(r"^(https?://)[^/]*@", r"\1", url))
