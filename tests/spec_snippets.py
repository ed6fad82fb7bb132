"""The Python snippets of the two documents in tests/spec, and a way to run one as a user would."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from tests.scripts import run_script

SPEC = Path(__file__).parent / "spec"


def mantik_snippets() -> list[str]:
    """Every Python snippet of the Markdown document, in its order."""
    text = (SPEC / "mantik-tracking.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def mlflow_snippets() -> list[str]:
    """Every Python snippet from "Logging Functions" up to "Visualizing Metrics", in its order."""
    text = (SPEC / "mlflow-tracking.rst").read_text(encoding="utf-8")
    start = text.index("\nLogging Functions\n---")
    sections = text[start : text.index("\nVisualizing Metrics\n---", start)]
    # A block is what stands deeper than the line that opens it.
    blocks = re.findall(r"^( *)\.\. code-block:: py\n((?:\1 +.*\n|\n)+)", sections, re.MULTILINE)
    return [textwrap.dedent(code).strip() + "\n" for _, code in blocks]


def with_our_import(snippet: str) -> str:
    """The snippet with autolog in MLflow's place, and nothing else changed."""
    ours = re.sub(r"^import mlflow\.(\w+)$", r"import autolog.\1", snippet, flags=re.MULTILINE)
    ours = re.sub(r"^import mlflow$", "import autolog as mlflow", ours, flags=re.MULTILINE)
    return ours if "import autolog as mlflow" in ours else "import autolog as mlflow\n" + ours


def run(snippet: str, folder: Path, before: str = "") -> None:
    """Run the snippet as a script of its own in the folder; `before` defines its free names."""
    run_script(before + "\n" + with_our_import(snippet), folder)
