"""What has to be installed to load a model, told from the saved file without loading it."""

from __future__ import annotations

import functools
import importlib.metadata
import io
import pickletools
import platform
import re
import sys
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from core_client.exceptions import invalid
from flavors.model import read_yaml, to_yaml

PYTHON = platform.python_version()
CONDA, PYTHON_ENV, REQUIREMENTS = "conda.yaml", "python_env.yaml", "requirements.txt"

# Where the name of the distribution is not the name of the module.
_DISTRIBUTIONS = {
    "sklearn": "scikit-learn", "PIL": "pillow", "yaml": "PyYAML", "cv2": "opencv-python",
    "dateutil": "python-dateutil", "imblearn": "imbalanced-learn", "skimage": "scikit-image",
}  # fmt: skip

_TEXT = ("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE")
_GET = ("BINGET", "LONG_BINGET", "GET")
_PUT = ("BINPUT", "LONG_BINPUT", "PUT")


def pickle_modules(data: bytes) -> set[str]:
    """The modules that a pickle imports from, read from its opcodes; nothing is run."""
    modules: set[str] = set()
    memo: dict[int, str] = {}
    last, before = "", ""  # the last two strings pushed: STACK_GLOBAL takes its names from there
    argument: Any
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name in _TEXT or name in _GET:
            last, before = (argument if name in _TEXT else memo.get(int(argument), "")), last
            # cloudpickle keeps a module that a function uses as a call with the module's name.
            if before == "subimport":
                modules.add(last)
        elif name == "MEMOIZE":
            memo[len(memo)] = last
        elif name in _PUT:
            memo[int(argument)] = last
        elif name == "GLOBAL":
            modules.add(argument.partition(" ")[0])
        elif name == "STACK_GLOBAL":
            modules.add(before)
    return modules - {""}


def skops_modules(data: bytes) -> set[str]:
    """The modules that a skops file imports from, by the text of its schema."""
    schema = zipfile.ZipFile(io.BytesIO(data)).read("schema.json").decode()
    return set(re.findall(r'"__module__": "([^"]+)"', schema))


def requirements(modules: Iterable[str], distributions: Iterable[str]) -> list[str]:
    """Pinned requirements for those modules and distributions, sorted.

    What no index can give (a script, a module without distribution, an editable install) is left
    out; a comment says so.
    """
    tops = {module.partition(".")[0] for module in modules} - set(sys.stdlib_module_names)
    names = {_distribution(top) or f"# not installed from an index: {top}" for top in tops}
    pins = {name if name.startswith("#") else _pin(name) for name in {*names, *distributions}}
    return sorted(pins, key=lambda pin: (pin.startswith("#"), pin.lower()))


class Given(NamedTuple):
    """What the user says must be installed; None where that is left to us."""

    requirements: list[str] | None
    extra: list[str]
    conda: dict[str, Any] | None


def given(
    pip_requirements: Sequence[str] | str | None = None,
    extra_pip_requirements: Sequence[str] | str | None = None,
    conda_env: dict[str, Any] | str | None = None,
) -> Given:
    """Read what the user says must be installed.

    Args:
        pip_requirements: the requirements. A list, or the path of a requirements file.
        extra_pip_requirements: more than those found. A list, or the path of such a file.
        conda_env: a whole conda environment, or the path of its YAML file; excludes the others.
    """
    if conda_env is not None and (pip_requirements or extra_pip_requirements):
        raise invalid("conda_env excludes pip_requirements and extra_pip_requirements.")
    return Given(
        None if pip_requirements is None else _lines(pip_requirements),
        [] if extra_pip_requirements is None else _lines(extra_pip_requirements),
        None if conda_env is None else _conda(conda_env),
    )


def files(wanted: Given, found: Sequence[str]) -> dict[str, bytes]:
    """conda.yaml, python_env.yaml and requirements.txt, by name.

    Args:
        wanted: what the user says.
        found: requirements as told by `requirements`.
    """
    if wanted.conda is not None:
        conda = wanted.conda
        pips = [part["pip"] for part in conda.get("dependencies", ()) if isinstance(part, dict)]
        lines = [str(line) for pip in pips for line in pip]
    else:
        lines = [*(found if wanted.requirements is None else wanted.requirements), *wanted.extra]
        conda = {
            "name": "mlflow-env",
            "channels": ["conda-forge"],
            "dependencies": [
                f"python={PYTHON}",
                "pip",
                {"pip": [line for line in lines if not line.startswith("#")]},
            ],
        }
    build = [_pin("pip"), _pin("setuptools"), "wheel"]
    python_env = {
        "python": PYTHON,
        "build_dependencies": [tool for tool in build if not tool.startswith("#")],
        "dependencies": [f"-r {REQUIREMENTS}"],
    }
    return {
        CONDA: to_yaml(conda).encode(),
        PYTHON_ENV: to_yaml(python_env).encode(),
        REQUIREMENTS: ("\n".join(lines) + "\n").encode(),
    }


@functools.cache
def _distribution(module: str) -> str | None:
    """The distribution that a top-level module came with."""
    if module == "__main__":
        return None
    # Some frameworks have a smaller build, such as `xgboost-cpu`.
    for name in (_DISTRIBUTIONS.get(module, module), f"{module}-cpu"):
        try:
            importlib.metadata.distribution(name)
            return name
        except importlib.metadata.PackageNotFoundError:
            continue
    # Reads every distribution's list of files: slow, once, and only for odd names.
    return next(iter(_all_distributions().get(module, [])), None)


@functools.cache
def _all_distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


@functools.cache
def _pin(name: str) -> str:
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return name
    if '"editable": true' in (found.read_text("direct_url.json") or ""):
        return f"# installed from a folder, so on no index: {name}"
    # A local version such as 2.1.0+cpu names a build that the index does not have.
    return f"{name}=={found.version.partition('+')[0]}"


def _lines(given: Sequence[str] | str) -> list[str]:
    if not isinstance(given, str):
        return [str(line) for line in given]
    try:
        text = Path(given).read_text("utf-8")
    except OSError as error:
        raise invalid(
            f"Requirements {given!r} cannot be read ({error}). Give a list, or a file's path."
        ) from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _conda(given: dict[str, Any] | str) -> dict[str, Any]:
    if isinstance(given, str):
        try:
            given = read_yaml(Path(given).read_text("utf-8"), given)
        except OSError as error:
            raise invalid(f"conda_env {given!r} cannot be read ({error}).") from error
    if not isinstance(given, dict):
        raise invalid(f"conda_env must be a dict or a YAML file's path, not {given!r}.")
    return given
