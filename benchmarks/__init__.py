"""Our budgets, measured beside MLflow in the same run: `nox -s benchmarks`."""
