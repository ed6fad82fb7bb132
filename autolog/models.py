"""MLflow's place for signatures and the description of saved models."""

from flavors.model import Model, get_model_info
from flavors.signature import ModelSignature, infer_signature

__all__ = ["Model", "ModelSignature", "get_model_info", "infer_signature"]
