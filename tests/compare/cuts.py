#!/usr/bin/env python3
"""Panels beside the development panel, cut from the same real tickets, to see what carries over.

    python3 tests/compare/cuts.py OUT

writes one folder a cut with panel.csv.gz, series.csv and holidays.csv, as `weisu forecast --input` and
`cargo run --release -p weisu-models --example calibration -- FOLDER …` read them:

* second: the twelve largest services of São Paulo that the development panel does not hold, and the rest of them
  together, in the twelve largest of the districts that it does not hold, and the rest of them;
* sparse: the next forty services in all districts, most of whose days are without a ticket;
* growing: the second cut, of whose tickets an ever larger share is kept, from a quarter to all;
* shifted: the second cut, each of whose topics loses half its tickets up to a day of its own;
* boston: half a year of another city.

Needs nothing but Python and `../shared/data`. Same bytes on every run.
"""
import csv
import datetime
import gzip
import io
import random
import sys
from collections import Counter
from pathlib import Path

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
DEV = DATA / "panel_dev"
SAO_PAULO = DATA / "sao_paulo_156"
US = ["2011-07-04", "2011-09-05", "2011-10-10", "2011-11-11", "2011-11-24", "2011-12-26"]
NAMES = ["Independence Day", "Labor Day", "Columbus Day", "Veterans Day", "Thanksgiving", "Christmas Day"]


def rows(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [(r["date"], r["topic"], r["district"], int(r["count"])) for r in csv.DictReader(file)]


def column(path, name):
    with open(path, encoding="utf-8", newline="") as file:
        return [row[name] for row in csv.DictReader(file) if row[name]]


def largest(counts, key, n, skip=0, known=lambda name: True):
    sums = Counter()
    for row in counts:
        if known(row[key]):
            sums[row[key]] += row[3]
    return {name for name, _ in sorted(sums.items(), key=lambda item: (-item[1], item[0]))[skip : skip + n]}


def write(folder, counts, holidays):
    """Counts by day, topic and district; a cell without a row on a day had no ticket."""
    folder.mkdir(parents=True, exist_ok=True)
    days = [datetime.date.fromisoformat(min(r[0] for r in counts))]
    last = datetime.date.fromisoformat(max(r[0] for r in counts))
    while days[-1] < last:
        days.append(days[-1] + datetime.timedelta(1))
    sums = Counter()
    for day, topic, district, n in counts:
        for topic_of, district_of in [("", ""), (topic, ""), ("", district), (topic, district)]:
            sums[topic_of, district_of, day] += n
    levels = {(0, 0): "total", (1, 0): "topic", (0, 1): "district", (1, 1): "topic_x_district"}
    series = []
    for topic, district in sorted({key[:2] for key in sums}):
        level = levels[bool(topic), bool(district)]
        name = {"total": "total", "topic": f"t:{topic}", "district": f"d:{district}"}.get(level, f"td:{topic}|{district}")
        series.append((name, level, topic, district))
    with open(folder / "series.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("unique_id", "level", "topic", "district"), *series])
    with open(folder / "holidays.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("ds", "name"), *holidays])
    with open(folder / "panel.csv.gz", "wb") as raw, gzip.GzipFile("", "wb", 6, raw, 0) as packed:
        out = csv.writer(io.TextIOWrapper(packed, encoding="utf-8", newline=""))
        out.writerow(("unique_id", "ds", "y"))
        for name, _, topic, district in series:
            out.writerows((name, day, sums[topic, district, day.isoformat()]) for day in days)
    print(f"{folder}: {len(series)} series, {len(days)} days, {sum(r[3] for r in counts)} tickets")


def thinned(counts, share, seed):
    """Keeps each ticket with the probability that `share` gives for its day and topic."""
    draw = random.Random(seed)
    kept = ((d, t, p, sum(draw.random() < share(d, t) for _ in range(n))) for d, t, p, n in counts)
    return [row for row in kept if row[3]]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not DATA.is_dir():
        sys.exit(f"skipped: no {DATA}")
    out = Path(sys.argv[1])
    by_service = [r for r in rows(SAO_PAULO / "daily_counts_by_service_2015_2018.csv.gz") if r[1] and r[2]]
    present = set(column(SAO_PAULO / "balanced_services.csv", "servico"))
    taken = set(column(DEV / "series.csv", "topic"))
    places = set(column(DEV / "series.csv", "district"))
    holidays = list(zip(column(DEV / "holidays.csv", "ds"), column(DEV / "holidays.csv", "name")))
    free = [r for r in by_service if r[1] in present and r[1] not in taken]
    topics, districts = largest(free, 1, 12), largest(free, 2, 12, known=lambda name: name not in places)
    second = [(r[0], r[1] if r[1] in topics else "Other", r[2] if r[2] in districts else "Rest", r[3]) for r in free]
    write(out / "second", second, holidays)
    few = largest(free, 1, 40, skip=12)
    write(out / "sparse", [r for r in free if r[1] in few], holidays)
    first, last = (datetime.date.fromisoformat(f(r[0] for r in second)).toordinal() for f in (min, max))
    passed = {}
    for r in second:
        passed.setdefault(r[0], (datetime.date.fromisoformat(r[0]).toordinal() - first) / (last - first))
    write(out / "growing", thinned(second, lambda day, _: 0.25 + 0.75 * passed[day], 1), holidays)
    draw = random.Random(2)
    change = {topic: draw.uniform(0.3, 0.95) for topic in sorted({r[1] for r in second})}
    write(out / "shifted", thinned(second, lambda day, t: 0.5 if passed[day] < change[t] else 1.0, 3), holidays)
    boston = rows(DATA / "boston_311_2011" / "daily_counts.csv.gz")
    write(out / "boston", [r for r in boston if r[1] and r[2]], list(zip(US, NAMES)))


if __name__ == "__main__":
    main()
