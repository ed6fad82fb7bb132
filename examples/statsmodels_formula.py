"""Fit a line by a formula and a logit to data that statsmodels ships, then look at what was kept.

pip install '.[statsmodels]' && python examples/statsmodels_formula.py
"""

import json
from pathlib import Path

import numpy as np
import statsmodels.api as sm
import statsmodels.formula.api as smf

import autolog

autolog.autolog()  # all that a script needs

gdp = sm.datasets.longley.load_pandas().data
line = smf.ols("TOTEMP ~ np.log(GNP) + UNEMP", gdp).fit(cov_type="HC1")
line_run = autolog.last_active_run()

affairs = sm.datasets.fair.load_pandas().data
affairs["any"] = (affairs["affairs"] > 0).astype(float)
smf.logit("any ~ rate_marriage + age + religious", affairs).fit(disp=0)
logit_run = autolog.last_active_run()

# From here on: what the lines above left behind, read back.
client = autolog.MlflowClient()
for recorded in (line_run, logit_run):
    run = client.get_run(recorded.info.run_id)
    files = [file.path for file in client.list_artifacts(run.info.run_id)]
    print(f"{run.data.tags['estimator_name']}: run {run.info.run_name} ({run.info.status})")
    print(f"  formula: {run.data.params['formula']}")
    print(f"  {len(run.data.params)} params, {len(run.inputs.dataset_inputs)} dataset input(s)")
    for name, value in sorted(run.data.metrics.items()):
        print(f"  {name:20} {value:.6g}")
    print(f"  artifacts: {', '.join(files)}")
    summary = json.loads(
        Path(client.download_artifacts(run.info.run_id, "model_summary.json")).read_text()
    )
    for row in summary["parameters"]:
        print(
            f"  {row['name']:16} {row['estimate']:12.5g}  p = {row['p_value']:.2g}, between "
            f"{row['confidence_low']:.5g} and {row['confidence_high']:.5g}"
        )
    print()

loaded = autolog.pyfunc.load_model(f"runs:/{line_run.info.run_id}/model")
same = np.array_equal(loaded.predict(gdp), line.predict(gdp))
print(f"Loaded from its run, the line predicts the same: {same}")
