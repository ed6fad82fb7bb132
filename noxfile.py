"""Every check of this repository; `nox` alone runs them all, `nox -l` lists them."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nox
from packaging.requirements import Requirement

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
EXTRAS: dict[str, list[str]] = PYPROJECT["project"]["optional-dependencies"]
# Only frameworks are tested up to a version; the other extras bring drivers.
FRAMEWORKS = [name for name, needed in EXTRAS.items() if "<" in "".join(needed)]
STORES = ("s3", "gcs", "azure", "sftp", "hdfs")
# Frameworks of which one version is tested.
ONE_VERSION = ("pytorch", "gluon")
# Frameworks with a dependency group of the same name, for their newest version.
WITH_GROUP = (*ONE_VERSION, "spark")
# What tests need of packages whose own requirements cannot be met here, nor are needed.
WITHOUT_REQUIREMENTS = {"gluon": ["gluoncv==0.10.5.post0"], "fastai": ["fastai==2.8.12"]}
# The last MLflow that knew fastai; its needs stay apart, being older than the session's.
OWN_MLFLOW = {"fastai": ("mlflow-skinny==2.22.*", "setuptools<81")}
# What estimators of other packages need beside the lowest version of a framework.
BESIDE_LOWEST = {"spark": ["xgboost-cpu==2.1.1", "scikit-learn==1.2.2", "scipy==1.10.1"]}
# Models that go both ways between us and MLflow 2, whose users have the lowest versions.
BOTH_WAYS = {"tensorflow": "integration_tests/mlflow/test_tensorflow_models.py"}
# Its extra brings torchvision, which does not go with the build of PyTorch for CPUs.
NOT_BY_EXTRA = ("fastai",)
# Frameworks that come with another one, in whose sessions they are tested.
TESTED_WITH = {"keras": "tensorflow", "fastai": "pytorch"}
# Frameworks that are recorded by MLflow and by us, and compared.
BESIDE_MLFLOW = "sklearn,xgboost,lightgbm,statsmodels,keras,tensorflow"
PACKAGES = ("core_client", "flavors", "autolog")

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False


def interpreters() -> Iterator[tuple[str, str]]:
    """Version and path of each supported Python that starts, the running one first."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    yield running, sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in ("3.10", "3.11", "3.12", "3.13"):
        candidates = [shutil.which(f"python{version}"), *pyenv.glob(f"{version}.*/bin/python")]
        works = (path for path in candidates if path and starts(str(path)))
        if version != running and (path := next(works, None)):
            yield version, str(path)


def starts(python: str) -> bool:
    """Whether this is a Python, not a shim of one that is not there."""
    return subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0


PYTHONS = dict(interpreters())
# The lowest versions of the frameworks have wheels for the oldest Pythons only.
OLDEST = PYTHONS.get("3.10") or PYTHONS.get("3.11")


def group(name: str) -> list[str]:
    """What a dependency group of pyproject.toml lists."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def lowest(*extras: str) -> list[str]:
    """Our dependencies and those of extras, each pinned to its lower bound."""
    pins = []
    needed = sum((EXTRAS[extra] for extra in extras), PYPROJECT["project"]["dependencies"])
    for requirement in map(Requirement, needed):
        bound = next(part.version for part in requirement.specifier if part.operator == ">=")
        pins.append(f"{requirement.name}=={bound}")
    return pins


def session(run: Callable[[nox.Session], None], **options: object) -> None:
    """Declare a session; on a machine for checks only, its environment goes with its end.

    All environments together take 25 GB; kept, they make the next run quicker (`nox -R`).
    """

    @functools.wraps(run)
    def alone(current: nox.Session) -> None:
        try:
            run(current)
        finally:
            if os.environ.get("CI"):
                shutil.rmtree(current.virtualenv.location)

    nox.session(alone, **options)


def pytest(session: nox.Session, *places: str) -> None:
    """Run the tests of some folders, or what was asked for after `--`."""
    session.run("python", "-m", "pytest", *(session.posargs or places))


@session
def lint(session: nox.Session) -> None:
    """Style, and imports that only go down."""
    session.install(*group("lint"), "-e", ".")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")


@session
def types(session: nox.Session) -> None:
    """Strict types in the three packages."""
    session.install(*group("types"), "-e", ".")
    session.run("mypy")


@session
def minimal(session: nox.Session) -> None:
    """The wheel with no extra, away from the sources: imports, logs, reads back."""
    folder = Path(session.create_tmp())
    shutil.rmtree(folder)
    session.run("python", "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    session.install("--force-reinstall", str(wheel))
    session.chdir(folder)
    session.run("python", "-I", str(ROOT / "tests" / "minimal.py"))


def core(session: nox.Session) -> None:
    """The engine on a toy framework, the client and the stores; no framework installed."""
    session.install("-e", ".", *group("test"))
    pytest(session, "tests")


for version, python in PYTHONS.items():
    session(core, name=f"core-{version}", python=python)


def core_lowest(session: nox.Session) -> None:
    """The same with the lowest versions of what we depend on."""
    session.install("-e", ".", *lowest(), *group("test"))
    pytest(session, "tests")


if OLDEST:
    session(core_lowest, name="core(lowest)", python=OLDEST)


def register(extra: str) -> None:
    """Sessions of one framework: its folder of tests, at both ends of its range."""
    extras = [extra, *(name for name, other in TESTED_WITH.items() if other == extra)]
    folders = [f"integration_tests/{name}" for name in extras]

    def highest(session: nox.Session) -> None:
        beside = group(extra) if extra in WITH_GROUP else []
        whole = ",".join(one for one in extras if one not in NOT_BY_EXTRA)
        session.install("-e", f".[{whole}]", *group("test"), *beside)
        for one in extras:
            if one in WITHOUT_REQUIREMENTS:
                session.install("--no-deps", *WITHOUT_REQUIREMENTS[one])
            if one in OWN_MLFLOW:
                folder = str(Path(session.create_tmp(), "mlflow").absolute())
                session.install("--target", folder, *OWN_MLFLOW[one])
                session.env["AUTOLOG_TEST_OWN_MLFLOW"] = folder
        pytest(session, *folders)

    def lowest_versions(session: nox.Session) -> None:
        beside = BESIDE_LOWEST.get(extra, [])
        session.install("-e", ".", *lowest(*extras), *group("test"), *beside)
        pytest(session, *folders)
        if extra in BOTH_WAYS and not session.posargs:
            session.install("mlflow-skinny==2.22.*")
            pytest(session, BOTH_WAYS[extra])

    # NumPy 1.23, which MXNet needs, has wheels for the oldest Pythons only.
    session(highest, name=f"{extra}(highest)", python=OLDEST if extra == "gluon" else None)
    if OLDEST and extra not in ONE_VERSION:
        session(lowest_versions, name=f"{extra}(lowest)", python=OLDEST)


for extra in FRAMEWORKS:
    if extra not in TESTED_WITH:
        register(extra)


@session
def keras_backends(session: nox.Session) -> None:
    """Keras on PyTorch and on JAX; TensorFlow's sessions run it on TensorFlow."""
    session.install("-e", ".", "torch==2.13.0", "jax[cpu]", EXTRAS["keras"][0], *group("test"))
    for backend in ("torch", "jax"):
        session.env["KERAS_BACKEND"] = backend
        pytest(session, "integration_tests/keras")


@session
def artifacts(session: nox.Session) -> None:
    """Every artifact store, on its emulator or a real server."""
    extras = ",".join((*STORES, "sklearn"))
    session.install("-e", f".[{extras}]", *group("test"), *group("emulators"))
    pytest(session, "integration_tests/artifacts")


@session
def notebook(session: nox.Session) -> None:
    """The example notebook and all that shows itself, in a real kernel."""
    session.install("-e", ".[sklearn]", *group("test"), *group("notebook"))
    pytest(session, "integration_tests/notebook", "tests/engine/test_notebook.py")


# MLflows that read our files, each in an environment of its own.
OLDER = ("mlflow-skinny==1.30.1", "mlflow-skinny==2.22.*")


@session
def mlflow(session: nox.Session) -> None:
    """What we write, read by MLflow; what MLflow writes, read by us."""
    session.install("-e", f".[{BESIDE_MLFLOW}]", *group("test"), *group("mlflow"))
    pythons = [environment(session, one, one, "setuptools<81") for one in OLDER]
    session.env["AUTOLOG_TEST_OLDER_MLFLOWS"] = os.pathsep.join(pythons)
    pytest(session, "integration_tests/mlflow")


def environment(session: nox.Session, name: str, *requirements: str) -> str:
    """The Python of another environment with these packages."""
    home = Path(session.create_tmp()).absolute() / name.replace("*", "x")
    python = home / "bin" / "python"
    if not python.exists():
        session.run("python", "-m", "venv", str(home))
    session.run(str(python), "-m", "pip", "install", "-q", *requirements, external=True)
    return str(python)


@session
def databases(session: nox.Session) -> None:
    """PostgreSQL and MariaDB: the contract of stores, faults, and MLflow beside us."""
    session.install(
        "-e", ".[sklearn,postgresql,mysql]",
        *group("test"), *group("mlflow"), *group("databases"),
    )  # fmt: skip
    pytest(session, "integration_tests/databases")


# The servers that the tests start, each in an environment of its own.
SERVERS = {
    "3.17.2": ("mlflow==3.17.2", "psycopg[binary]", "boto3"),
    "2.22": ("mlflow==2.22.*", "psycopg2-binary", "sqlalchemy<2.1", "setuptools<81"),
}


@session
def servers(session: nox.Session) -> None:
    """The contract of stores, faults, and web pages, with MLflow's own servers on loopback."""
    groups = group("test") + group("databases") + group("emulators") + group("browser")
    session.install("-e", ".[sklearn,postgresql,s3]", *groups)
    pythons = [
        f"{version}={environment(session, version, *requirements)}"
        for version, requirements in SERVERS.items()
    ]
    session.env["AUTOLOG_TEST_SERVERS"] = " ".join(pythons)
    pytest(session, "integration_tests/servers")


@functools.partial(session, default=False)
def benchmarks(session: nox.Session) -> None:
    """The budgets, ours beside MLflow's."""
    session.install(
        "-e", f".[{BESIDE_MLFLOW},spark]", *group("mlflow"), *group("pytorch")
    )  # fmt: skip
    session.run("python", "-m", "benchmarks", *session.posargs)
