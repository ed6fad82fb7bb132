"""What the logging verbs write: dictionaries, figures, images and tables as bytes of a file."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from core_client.exceptions import invalid


def of_dict(dictionary: Any, artifact_file: str) -> bytes:
    """JSON with two spaces, or YAML where the file's name ends in ``.yml`` or ``.yaml``."""
    if artifact_file.endswith((".yml", ".yaml")):
        import yaml

        plain = json.loads(json.dumps(dictionary, default=str))
        return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).encode()
    return json.dumps(dictionary, indent=2, default=str).encode()


def of_figure(figure: Any, artifact_file: str, save_kwargs: Mapping[str, Any] | None) -> bytes:
    """A matplotlib or plotly figure in the format that the file's name ends with."""
    suffix = PurePosixPath(artifact_file).suffix.lstrip(".").lower()
    options = dict(save_kwargs or {})
    buffer = io.BytesIO()
    if hasattr(figure, "savefig"):
        figure.savefig(buffer, **{"format": suffix or "png", **options})
        return buffer.getvalue()
    if hasattr(figure, "write_html") and suffix in ("html", "htm"):
        return str(figure.to_html(**{"include_plotlyjs": "cdn", **options})).encode()
    if hasattr(figure, "to_image"):
        return bytes(figure.to_image(format=suffix or "png", **options))
    raise invalid(
        f"log_figure got a {type(figure).__name__}. "
        "Give it a matplotlib or plotly figure; for anything else save a file and log_artifact it."
    )


def of_image(image: Any, suffix: str, longest: int | None = None) -> bytes:
    """A picture: a PIL image, or an array of height x width (x 1, 3 or 4 channels).

    Args:
        image: the picture; integers are 0 to 255, floats 0 to 1.
        suffix: the format as a file's ending, such as ``.png``.
        longest: pixels that the longer side has at most.
    """
    from PIL import Image

    if not isinstance(image, Image.Image):
        image = Image.fromarray(_pixels(image))
    if longest:
        image = image.copy()
        image.thumbnail((longest, longest))
    buffer = io.BytesIO()
    kind = Image.registered_extensions().get(suffix.lower())
    if kind is None:
        raise invalid(f"Images cannot be written as '{suffix}'. Use a name that ends in '.png'.")
    image.save(buffer, format=kind)
    return buffer.getvalue()


def _pixels(image: Any) -> Any:
    import numpy as np

    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise invalid(
            f"log_image got an array of shape {array.shape}. "
            "It takes height x width, or height x width x 1, 3 or 4 channels."
        )
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * 255
    top = 1 if array.dtype.kind == "f" else 255
    if array.size and (array.min() < 0 or array.max() > top):
        raise invalid(
            f"log_image got {array.dtype} values from {array.min()} to {array.max()}. "
            "Integers must be 0 to 255 and floats 0 to 1."
        )
    return (array * 255).astype(np.uint8) if top == 1 else array.astype(np.uint8)


def of_table(data: Any, earlier: bytes | None = None) -> bytes:
    """A table as MLflow keeps it: ``{"columns": [...], "data": [[...], ...]}``.

    Args:
        data: a pandas DataFrame, or a dictionary of columns (lists, or single values).
        earlier: the file as it is, if there is one; the new rows follow its rows.
    """
    if hasattr(data, "to_dict"):
        columns = {str(name): list(column) for name, column in data.to_dict("list").items()}
    elif isinstance(data, Mapping):
        columns = {
            str(name): list(column) if isinstance(column, (list, tuple)) else [column]
            for name, column in data.items()
        }
    else:
        raise invalid(f"log_table got a {type(data).__name__}. Give it a dict or a DataFrame.")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise invalid(f"log_table got columns of different lengths: {lengths}.")
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    if earlier is not None:
        table = json.loads(earlier)
        if table["columns"] != list(columns):
            raise invalid(
                f"The table has the columns {table['columns']}, the new rows {list(columns)}. "
                "Log them to another file."
            )
        rows = table["data"] + rows
    return json.dumps({"columns": list(columns), "data": rows}, default=_plain).encode()


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)
