"""Cross-validation in a run of the user's: the folds' scores, a step for each fold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from autolog.engine.origins import numbered

if TYPE_CHECKING:
    from autolog.engine.call import Call
    from core_client.run import ActiveRun

_calls: WeakKeyDictionary[ActiveRun, dict[str, int]] = WeakKeyDictionary()


def log(call: Call, result: Any) -> None:
    """Record scores of ``cross_val_score``, or the columns of ``cross_validate``.

    The second call in a run writes to ``cross_val_score-2`` and so on.
    """
    counts = _calls.setdefault(call.run.run, {})
    name = numbered(call.function, counts.get(call.function, 0))
    counts[call.function] = counts.get(call.function, 0) + 1
    columns = (
        {f"{name}_{column}": values for column, values in result.items()}
        if isinstance(result, dict)
        else {name: result}
    )
    numeric = {key: values for key, values in columns.items() if hasattr(values, "dtype")}
    for fold, values in enumerate(zip(*numeric.values(), strict=True)):
        row = zip(numeric, values, strict=True)
        call.run.log_metrics({key: float(value) for key, value in row}, step=fold)
