"""What we record on MLflow's server, as a person sees it in its web pages."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, expect, sync_playwright
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import autolog
from core_client import fluent
from core_client.client import Client
from core_client.entities import Run
from integration_tests.servers.conftest import python
from integration_tests.servers.mlflow_server import MlflowServer

PATIENCE = 20_000  # ms that a page may take on a busy machine
STEPS = 20


def browser() -> str:
    """The system's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing = "Chromium is not installed (Debian: apt install chromium)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return str(found)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(python("3.17.2"), tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    options = ["--no-sandbox"] if os.geteuid() == 0 else []  # which Chromium asks of root
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=options)
        page = chromium.new_page(viewport={"width": 1400, "height": 2200})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield page
        chromium.close()


def recorded() -> Run:
    """A run with a curve, and a search with its candidates and models."""
    rows = np.random.default_rng(1).normal(size=(100, 3))
    fluent.set_experiment("orchard")
    autolog.sklearn.autolog()
    with fluent.start_run(run_name="proud-oak-1") as run:
        for step in range(STEPS):
            fluent.log_metric("loss", 1 / (step + 1), step=step)
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1, 10]}, cv=2).fit(rows, rows[:, 0] > 0)
    Client().list_artifacts(run.run_id)  # all files are there
    return fluent.get_run(run.run_id)


def test_the_run_its_chart_its_children_and_its_model(
    page: Page, server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
    run = recorded()
    experiment = f"{server.url}/#/experiments/{run.info.experiment_id}"

    page.goto(f"{experiment}/runs?workflowType=machine_learning")
    page.get_by_role("link", name="proud-oak-1").click()
    expect(page.get_by_role("heading", name="proud-oak-1")).to_be_visible()
    expect(page.get_by_text("Finished", exact=True)).to_be_visible()

    parent = f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
    children = Client().search_runs([run.info.experiment_id], parent)
    assert len(children) == 3
    for child in children:
        expect(page.get_by_role("link", name=child.info.run_name)).to_be_visible()

    page.get_by_role("tab", name="Model metrics").click()
    # Only the loss has several points, which are drawn as a curve.
    expect(page.locator(".scatterlayer path.point")).to_have_count(STEPS)

    page.goto(f"{experiment}/models?workflowType=machine_learning")
    page.get_by_role("link", name="best_estimator", exact=True).click()
    expect(page.get_by_role("heading", name="best_estimator")).to_be_visible()
    expect(page.get_by_text("Ready", exact=True)).to_be_visible()
    for name in ("loss", "training_score", "best_cv_score", "best_C"):
        expect(page.get_by_role("cell", name=name, exact=True)).to_be_visible()
    page.get_by_text("Artifacts", exact=True).click()
    expect(page.get_by_text(re.compile("^MLmodel$"))).to_be_visible()
