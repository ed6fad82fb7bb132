"""README keeps what it says: its commands, its snippets, its table of versions."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement

from core_client.client import Client
from tests.project import FRAMEWORKS, ROOT
from tests.scripts import readme_snippets, run_script

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_ranges_are_those_of_the_extras() -> None:
    for extra, requirements in FRAMEWORKS.items():
        framework = Requirement(requirements[0])
        low = next(part.version for part in framework.specifier if part.operator == ">=")
        high = next(part.version for part in framework.specifier if part.operator == "<")
        row = f"| {framework.name} | `mlautolog[{extra}]` | {low} | below {high} |"
        assert row in README, f"README.md lacks the row: {row}"


def test_it_is_short_and_tells_the_commands_that_machines_run() -> None:
    assert len(README.splitlines()) < 200
    assert "pip install '.[sklearn]' && python examples/quickstart.py" in README
    assert "\npip install nox && nox\n" in README
    assert "pip install nox && nox;" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_logging_by_hand(tmp_path: Path) -> None:
    printed = run_script(readme_snippets()[1], tmp_path)
    client = Client(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("churn")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id[:8] in printed
    assert run.info.run_name == "by hand"
    assert run.data.params == {"depth": "3"}
    assert len(client.get_metric_history(run.info.run_id, "loss")) == 100
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["setup.json"]
