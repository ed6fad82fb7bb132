"""Gluon networks, in MXNet's own format of symbols and parameters: loading one runs no code."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core_client.exceptions import MlflowException, invalid
from flavors import environment, package
from flavors.keywords import Keywords, LogKeywords, takes
from flavors.log import Saved, log
from flavors.model import Model, ModelInfo
from flavors.uris import local_path

if TYPE_CHECKING:
    from typing_extensions import Unpack

DATA, SYMBOL, PARAMS = "data", "net-symbol.json", "net-0000.params"
INPUTS = ["data"]  # the one input of a network that was never hybridized, or that MLflow saved


@takes(Keywords)
def save_model(
    gluon_model: Any,
    path: str | os.PathLike[str],
    mlflow_model: Model | None = None,
    conda_env: dict[str, Any] | str | None = None,
    **keywords: Unpack[Keywords],
) -> None:
    """Save a Gluon network to a local folder.

    Args:
        gluon_model: an initialized ``HybridBlock``; it need not be hybridized.
    """
    extras = package.extras(mlflow_model, _predictor(gluon_model), conda_env, keywords)
    package.write(lambda: _saved(extras, gluon_model), path)


@takes(LogKeywords, like=save_model)
def log_model(
    gluon_model: Any,
    artifact_path: str | None = None,
    conda_env: dict[str, Any] | str | None = None,
    **keywords: Unpack[LogKeywords],
) -> ModelInfo:
    """Save a Gluon network among the artifacts of a run."""
    extras = package.extras(None, _predictor(gluon_model), conda_env, keywords)
    return log(artifact_path, keywords, extras.model, lambda: _saved(extras, gluon_model))


def load_model(
    model_uri: str | os.PathLike[str],
    ctx: Any = None,
    dst_path: str | os.PathLike[str] | None = None,
) -> Any:
    """Load a Gluon network as a ``SymbolBlock``.

    Args:
        model_uri: ``runs:/<run id>/<path>``, ``models:/<name>/<version>``, a path, or a URI.
        ctx: the device, such as ``mxnet.cpu()``; the current one by default.
        dst_path: an existing folder to copy the model into first.

    Raises:
        MlflowException: there is no such model, or it cannot be read.
    """
    folder = local_path(model_uri, dst_path)
    return _load(folder, Model.load(folder), ctx)


def load_pyfunc(folder: Path, model: Model, trusted: bool) -> tuple[Any, Callable[..., Any]]:
    """The network, and the function that predicts (see `flavors.pyfunc`)."""
    native = _load(folder, model, None, trusted)
    predict = _predictor(native)
    return native, lambda data, params: predict(data)


def _load(folder: Path, model: Model, ctx: Any, trusted: bool = False) -> Any:
    import mxnet

    inputs = model.flavor("gluon").get("inputs", INPUTS)
    if not isinstance(inputs, list) or not all(isinstance(name, str) for name in inputs):
        raise invalid(f"The inputs of the model in '{folder}' are no list of names: {inputs!r}.")
    files, _ = package.read_files(folder, DATA, trusted)
    try:
        symbol = mxnet.sym.load_json(files[f"{DATA}/{SYMBOL}"].decode())
        net = mxnet.gluon.SymbolBlock(
            symbol, [mxnet.sym.var(name, dtype="float32") for name in inputs]
        )
        # MXNet reads files only; the one that was looked at is what it gets.
        with tempfile.TemporaryDirectory(prefix="autolog-model-") as place:
            path = Path(place, PARAMS)
            path.write_bytes(files[f"{DATA}/{PARAMS}"])
            net.collect_params().load(
                str(path), ctx or mxnet.current_context(), cast_dtype=True, dtype_source="saved"
            )
    except (KeyError, ValueError, mxnet.MXNetError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise MlflowException(f"MXNet cannot read the model in '{folder}': {reason}") from error
    return net


def _predictor(net: Any) -> Callable[[Any], Any]:
    """What predicts for a DataFrame or an array; a DataFrame is answered by one."""

    def predict(data: Any) -> Any:
        import mxnet

        table = hasattr(data, "iloc")
        rows = mxnet.nd.array(data.to_numpy() if table else data)
        found = net(rows)
        output = found.asnumpy() if hasattr(found, "asnumpy") else [x.asnumpy() for x in found]
        if not table:
            return output
        import pandas

        return pandas.DataFrame(output, index=data.index)

    return predict


def _saved(extras: package.Extras, net: Any) -> Saved:
    import mxnet

    inputs, symbol = _graph(net)
    params = net.collect_params()
    arrays = {}
    try:
        for kind, names in (
            ("arg", set(symbol.list_arguments()) - set(inputs)),
            ("aux", symbol.list_auxiliary_states()),
        ):
            for name in names:
                data = params[name].data(params[name].list_ctx()[0])
                arrays[f"{kind}:{name}"] = data.as_in_context(mxnet.cpu())
    except RuntimeError as error:  # no data went through it yet, so that sizes are not known
        raise invalid(f"{type(net).__name__} is not initialized, and holds no numbers.") from error
    with tempfile.TemporaryDirectory(prefix="autolog-model-") as folder:
        path = Path(folder, PARAMS)
        mxnet.nd.save(str(path), arrays)
        files = {
            f"{DATA}/{SYMBOL}": symbol.tojson().encode(),
            f"{DATA}/{PARAMS}": path.read_bytes(),
        }
    about = {"mxnet_version": mxnet.__version__, "inputs": inputs}
    found = environment.requirements(["mxnet", "numpy"], ["mlflow"])
    return package.complete(extras, files, "gluon", about, {}, found)


def _graph(net: Any) -> tuple[list[str], Any]:
    """The names of a network's inputs, and what it computes; the network stays as it is."""
    import mxnet

    if not isinstance(net, mxnet.gluon.HybridBlock):
        raise invalid(
            f"{type(net).__name__} is no HybridBlock: Gluon cannot save what it computes. Make it "
            "one, or keep its parameters with save_parameters and log_artifact."
        )
    if net._cached_graph:
        inputs, symbol = net._cached_graph
        return [one.name for one in inputs], symbol
    found = net(mxnet.sym.var(INPUTS[0]))
    return INPUTS, mxnet.sym.Group(found) if isinstance(found, list | tuple) else found
