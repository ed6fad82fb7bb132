"""The keywords that `save_model` and `log_model` take in every flavor: said here, once."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

if TYPE_CHECKING:
    from core_client.run import ActiveRun
    from flavors.signature import ModelSignature

Function = TypeVar("Function", bound=Callable[..., Any])


class Keywords(TypedDict, total=False):
    """What is kept with a model."""

    code_paths: Sequence[str] | None
    signature: ModelSignature | bool | None
    input_example: Any
    pip_requirements: Sequence[str] | str | None
    extra_pip_requirements: Sequence[str] | str | None
    metadata: dict[str, Any] | None
    extra_files: Sequence[str] | None


class LogKeywords(Keywords, total=False):
    """What is kept with a model, and where in a run."""

    name: str | None
    registered_model_name: str | None
    await_registration_for: int | None
    params: Mapping[str, Any] | None
    tags: Mapping[str, Any] | None
    model_type: str | None
    step: int | None
    model_id: str | None
    run: ActiveRun | None


# Of the keywords above, and of those whose place among the arguments differs between flavors.
MEANINGS = """
    path: a folder on this machine that does not exist yet, or is empty.
    artifact_path: older name of `name`.
    conda_env: a conda environment (dict or YAML file) in place of the one told from the model.
    mlflow_model: a description to start from.
    code_paths: files and folders of Python code to keep with the model, importable on loading.
    signature: what the model takes and gives. By default as far as the model itself or
        `input_example` tells; False leaves it out.
    input_example: a few rows of input: table, array, sparse matrix, list, dict, or a pair of one
        of these and a dict of parameters.
    pip_requirements: requirements in place of those told from the model.
    extra_pip_requirements: requirements added to those told from the model.
    metadata: anything that YAML can hold, kept in the MLmodel file.
    extra_files: further files and folders to keep with the model, by path or URI.
    name: where the model goes below the run's artifacts; ``model`` by default.
    registered_model_name: make it a version of that registered model, on a server.
    await_registration_for: accepted for MLflow's sake.
    params: parameters of the model, kept in its metadata and, where the store has logged models,
        with it.
    tags: further facts about the model, kept as `params` are.
    model_type: what you call this kind of model, kept as `params` are.
    step: the step of the training that the model is from, kept as `params` are.
    model_id: a logged model that is there already, on a server of MLflow 3; it gets the files.
    run: the run; by default the active one, or a new one.
"""
RAISES = "    MlflowException: the model cannot be saved; nothing is left of it then."


def takes(keywords: type, like: Callable[..., Any] | None = None) -> Callable[[Function], Function]:
    """Show the keywords that a function has from above as its own, and refuse all others.

    Args:
        keywords: `Keywords` or `LogKeywords`, which the function takes as its ``**keywords``.
        like: another function that tells what further arguments mean.
    """

    def decorate(function: Function) -> Function:
        signature = inspect.signature(function)
        *own, _ = signature.parameters.values()
        shared = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind.__forward_arg__
            )
            for name, kind in keywords.__annotations__.items()
        ]
        signature = signature.replace(parameters=[*own, *shared])

        @functools.wraps(function)
        def checked(*args: Any, **given: Any) -> Any:
            for name in given:
                if name not in signature.parameters:
                    raise _unexpected(name, function.__name__, signature)
            return function(*args, **given)

        checked.__signature__ = signature  # type: ignore[attr-defined]
        checked.__doc__ = _documented(function, signature, like)
        return checked  # type: ignore[return-value]

    return decorate


def _unexpected(name: str, function: str, signature: inspect.Signature) -> TypeError:
    import difflib

    close = difflib.get_close_matches(name, signature.parameters, 1)
    cure = f" Did you mean '{close[0]}'?" if close else ""
    return TypeError(f"{function}() got an unexpected keyword argument '{name}'.{cure}")


def _documented(
    function: Callable[..., Any], signature: inspect.Signature, like: Callable[..., Any] | None
) -> str:
    """The docstring with every argument in it."""
    own = inspect.getdoc(function) or ""
    told = _by_argument(MEANINGS) | _by_argument(like and like.__doc__) | _by_argument(own)
    arguments = [told[name] for name in signature.parameters if name in told]
    return "\n".join(
        [own.partition("\n\nArgs:\n")[0], "", "Args:", *arguments, "", "Raises:", RAISES]
    )


def _by_argument(text: str | None) -> dict[str, str]:
    """The lines of a docstring about each argument; Python may run without docstrings."""
    return {
        found["name"]: found[0]
        for found in re.finditer(r"^ {4}(?P<name>\w+): .*(\n {8}.*)*", text or "", re.MULTILINE)
    }
