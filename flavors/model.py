"""The MLmodel file: what a saved model is, which flavors load it, what it takes and gives."""

from __future__ import annotations

import datetime
import os
import uuid
from pathlib import Path
from typing import Any

import msgspec

from core_client.exceptions import MlflowException, invalid, missing
from flavors.signature import ModelSignature

MLMODEL = "MLmodel"


def _now() -> str:
    return str(datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None))


class Model(msgspec.Struct):
    """The content of one MLmodel file.

    `flavors` maps a flavor's name to what it needs for loading. Fields that MLflow writes and
    this version does not know are passed over.
    """

    artifact_path: str | None = None
    run_id: str | None = None
    flavors: dict[str, dict[str, Any]] = {}
    signature: ModelSignature | None = None
    saved_input_example_info: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    model_uuid: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex)
    utc_time_created: str = msgspec.field(default_factory=_now)
    model_size_bytes: int | None = None
    mlflow_version: str | None = None
    model_id: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The model as YAML can hold it, without what is not known."""
        known = {name: getattr(self, name) for name in Model.__struct_fields__}
        if self.signature is not None:
            known["signature"] = self.signature.to_dict()
        return {name: value for name, value in known.items() if value is not None}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Model:
        """The model of an MLmodel file's content."""
        known = {name: fields[name] for name in cls.__struct_fields__ if name in fields}
        if known.get("signature"):
            known["signature"] = ModelSignature.from_dict(known["signature"])
        return cls(**known)

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read an MLmodel file, or the one in that folder.

        Raises:
            MlflowException: there is none, or it is no MLmodel file.
        """
        file = Path(path)
        if file.is_dir():
            file = file / MLMODEL
        try:
            text = file.read_text("utf-8")
        except FileNotFoundError:
            raise missing(f"No model at '{path}': it has no {MLMODEL} file.") from None
        fields = read_yaml(text, str(file))
        if not isinstance(fields, dict) or not isinstance(fields.get("flavors"), dict):
            raise invalid(f"'{file}' is not an {MLMODEL} file: it names no flavors.")
        return cls.from_dict(fields)

    def flavor(self, name: str) -> dict[str, Any]:
        """What that flavor needs for loading.

        Raises:
            MlflowException: the model was saved without that flavor.
        """
        found = self.flavors.get(name)
        if not isinstance(found, dict):
            there = ", ".join(self.flavors) or "none"
            raise missing(f"The model has no '{name}' flavor; it has: {there}.")
        return found


class ModelInfo(Model):
    """A logged model: the content of its MLmodel file, and the URI that loads it."""

    model_uri: str = ""


def info(model: Model, model_uri: str, model_id: str | None = None) -> ModelInfo:
    """The model with its URI and, where the store keeps logged models, its id there."""
    fields = {name: getattr(model, name) for name in Model.__struct_fields__}
    fields["model_id"] = model_id or model.model_id
    return ModelInfo(**fields, model_uri=model_uri)


def get_model_info(model_uri: str | os.PathLike[str]) -> ModelInfo:
    """The description of a saved model, without loading the model itself."""
    from flavors.uris import local_path

    return info(Model.load(local_path(model_uri)), str(model_uri))


def to_yaml(content: Any) -> str:
    """Plain values as YAML."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(content, Dumper=dumper, default_flow_style=False, allow_unicode=True))


def read_yaml(text: str, name: str) -> Any:
    """Plain values of a YAML text; a text that asks for objects is refused."""
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise MlflowException(f"'{name}' is not plain YAML: {error}") from error
