"""MLflow's place for models as plain functions: `load_model(...).predict(...)`."""

from flavors.pyfunc import PyFuncModel, load_model
from flavors.spark_udf import spark_udf

__all__ = ["PyFuncModel", "load_model", "spark_udf"]
