"""MLflow's place for models as plain functions: `load_model(...).predict(...)`."""

from flavors.pyfunc import PyFuncModel, load_model

__all__ = ["PyFuncModel", "load_model"]
