#!/usr/bin/env python3
"""What statsforecast's models found on the series of `../shared/reference/forecast`, which holds only their points.

    python3 tests/compare/parameters.py > models/tests/reference/classic/statsforecast.csv

Needs pandas and statsforecast 2.1.1, with which the points of the reference are met to the last bits (checked here).
`form` is the exponential smoothing or theta model chosen, `log_likelihood` the one of exponential smoothing; a theta
model has `alpha`, `theta` and `start`, its level before the first value. The line of MSTL holds the model of its trend.
"""
import csv
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from statsforecast.models import MSTL, AutoETS, AutoTheta, OptimizedTheta

warnings.filterwarnings("ignore")
FOLDER = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "forecast"
MODELS = {
    "sf_ETS_ANN": lambda m: AutoETS(season_length=m, model="ANN"),
    "sf_ETS_ANA": lambda m: AutoETS(season_length=m, model="ANA"),
    "sf_AutoETS_ZZZ": lambda m: AutoETS(season_length=m),
    "sf_MSTL_default": lambda m: MSTL(season_length=m),
    "sf_OptimizedTheta": lambda m: OptimizedTheta(season_length=m),
    "sf_AutoTheta": lambda m: AutoTheta(season_length=m),
}


def main():
    series = pd.read_csv(FOLDER / "series.csv")
    reference = pd.read_csv(FOLDER / "sf_forecasts.csv")
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["unique_id", "method", "form", "log_likelihood", "alpha", "theta", "start"])
    for uid, rows in series.groupby("unique_id", sort=False):
        y, m = rows.y.to_numpy(float), int(rows.season.iloc[0])
        for name, model in MODELS.items():
            want = reference[(reference.unique_id == uid) & (reference.method == name)]["mean"].to_numpy()
            fitted = model(m).fit(y)
            assert np.abs(fitted.predict(len(want))["mean"] - want).max() < 1e-9 * y.mean(), (uid, name)
            found = fitted.model_ if name != "sf_MSTL_default" else fitted.trend_forecaster.model_
            if "Theta" in name:
                par = found["par"]
                out.writerow([uid, name, found["modeltype"], "", par["alpha"], par["theta"], par["initial_smoothed"]])
            else:
                out.writerow([uid, name, found["components"], found["loglik"], "", "", ""])


if __name__ == "__main__":
    main()
