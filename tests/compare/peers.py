#!/usr/bin/env python3
"""Accuracy and time of `weisu forecast` beside statsforecast on public series, in one run.

    cargo build --release && python3 tests/compare/peers.py [hospital] [nn5] [m3]

Needs pandas and numpy, and the benchmark folder `../shared/data/benchmarks`; the peers' lines need statsforecast
(tried with 2.1.1) and are left out without it. Every model sees the same training values; MASE is the mean over
the series of the mean absolute error of the median, scaled by the mean absolute change over a season in training;
WQL is the sum of the quantile losses at 2.5, 10, 50, 90 and 97.5 % over the sum of the values. Time is CPU time of
all threads per series.
"""
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import numpy as np
    import pandas as pd
except ImportError as missing:
    sys.exit(f"skipped: {missing.name} is not installed")

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "benchmarks"
WEISU = ROOT / "target" / "release" / "weisu"
LEVELS = [0.025, 0.1, 0.5, 0.9, 0.975]
SETS = {"hospital": (12, 12, "MS"), "nn5": (7, 56, "D"), "m3": (12, 18, "MS")}


def hospital():
    wide = pd.read_csv(DATA / "hospital_wide.csv.gz")
    long = wide.melt("t", var_name="unique_id", value_name="y")
    long["ds"] = months(long.t - long.t.max())
    return long


def m3():
    long = pd.read_csv(DATA / "m3_monthly_long.csv.gz").rename(columns={"id": "unique_id"})
    # Periods of the test part are counted from 1 again.
    t = long.t + np.where((long.part == "test") & (long.t <= long.h), long.n, 0)
    # The years of some series are not known: all are laid so that they end together.
    long["ds"] = months(t - t.groupby(long.unique_id).transform("max"))
    return long


def nn5():
    long = pd.read_csv(DATA / "nn5_long.csv.gz").rename(columns={"id": "unique_id"})
    long["ds"] = pd.Timestamp("1996-03-18") + pd.to_timedelta(long.t - 1, "D")
    return long


def months(back):
    return pd.PeriodIndex.from_ordinals(pd.Period("2019-12", "M").ordinal + back.astype(int), freq="M").to_timestamp()


def split(name, horizon):
    long = globals()[name]()[["unique_id", "ds", "y"]].sort_values(["unique_id", "ds"])
    last = long.groupby("unique_id").ds.rank(ascending=False, method="first") <= horizon
    return long[~last], long[last]


def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def weisu(train, horizon):
    with tempfile.TemporaryDirectory() as folder:
        train.to_csv(f"{folder}/train.csv", index=False)
        command = [WEISU, "forecast", "--quiet", "--input", f"{folder}/train.csv", "--horizon", str(horizon)]
        subprocess.run([*command, "--out", f"{folder}/out.csv"], check=True, stdout=subprocess.DEVNULL)
        return pd.read_csv(f"{folder}/out.csv", parse_dates=["ds"])


def peer(model, train, season, horizon, freq):
    from statsforecast import StatsForecast

    # The peers take no gaps: the season before stands in.
    filled = train.assign(y=train.y.fillna(train.groupby("unique_id").y.shift(season)))
    filled["y"] = filled.groupby("unique_id").y.ffill().bfill()
    out = StatsForecast(models=[model], freq=freq, n_jobs=1).forecast(df=filled, h=horizon, level=[80, 95])
    name = repr(model)
    bands = {f"{name}-lo-95": "q0.025", f"{name}-lo-80": "q0.1", f"{name}-hi-80": "q0.9", f"{name}-hi-95": "q0.975"}
    out = out.rename(columns={name: "mean", **bands})
    return out.assign(**{"q0.5": out["mean"]})


def scores(train, test, season, out):
    scale = train.groupby("unique_id").y.apply(lambda y: np.nanmean(np.abs(y.values[season:] - y.values[:-season])))
    rows = test.dropna(subset=["y"]).merge(out, on=["unique_id", "ds"], how="left")
    assert rows["q0.5"].notna().all(), "a forecast is missing"
    error = (rows.y - rows["q0.5"]).abs().groupby(rows.unique_id).mean()
    loss = sum(2 * np.maximum(p * (rows.y - rows[f"q{p}"]), (p - 1) * (rows.y - rows[f"q{p}"])) for p in LEVELS)
    inside = rows.y.between(rows["q0.1"], rows["q0.9"])
    known = scale > 0
    return (error[known] / scale[known]).mean(), (loss / len(LEVELS)).sum() / rows.y.abs().sum(), inside.mean()


def main(names):
    if not DATA.is_dir():
        sys.exit(f"skipped: {DATA} is not here")
    if not WEISU.is_file():
        sys.exit(f"{WEISU} is not built: run cargo build --release first")
    try:
        from statsforecast.models import AutoETS, DynamicOptimizedTheta, SeasonalNaive

        peers = [SeasonalNaive, DynamicOptimizedTheta, AutoETS]
    except ImportError:
        peers = []
        print("statsforecast is not installed: its lines are left out")
    print(f"{'set':9} {'model':24} {'MASE':>7} {'WQL':>7} {'cov80':>6} {'ms/series':>10} {'ratio':>6}")
    for name in names:
        season, horizon, freq = SETS[name]
        train, test = split(name, horizon)
        n = train.unique_id.nunique()
        runs = [("weisu", lambda: weisu(train, horizon))]
        runs += [(m.__name__, lambda m=m: peer(m(season), train, season, horizon, freq)) for m in peers]
        own = None
        for label, run in runs:
            before = cpu()
            out = run()
            spent = (cpu() - before) * 1000 / n
            own = own or spent
            mase, wql, cov80 = scores(train, test, season, out)
            print(f"{name:9} {label:24} {mase:7.4f} {wql:7.4f} {cov80:6.3f} {spent:10.2f} {spent / own:6.2f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(SETS))
