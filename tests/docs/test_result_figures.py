"""Every figure that the pages state of the 180 runs, recomputed from the records and found in the sentence that "
"states it."""

from __future__ import annotations

import numpy as np

from grace.bench.published import SOURCE
from grace.bench.store import Store
from grace.bench.summary import engine_error, values_by_seed
from tests.docs.figures import ROOT, SETS, gap, missing, records, rows, share, words


def test_what_the_pages_say_of_the_runs() -> None:
    found = rows("compact")
    best = {d: min((r for r in found.values() if r.dataset == d), key=lambda r: r.value.mean) for d in SETS}
    capped = [share("compact", d, *pair, "score") for d in SETS for pair in (("amnl", "baseline"), ("grace", "gaba"))]
    outside = [
        gap("compact", d, *pair, "score").measurable for d in SETS for pair in (("amnl", "baseline"), ("grace", "gaba"))
    ]
    amnl, grace, alone = (
        share("compact", "FD002", m, r, "score_uncapped")
        for m, r in (("amnl", "baseline"), ("grace", "gaba"), ("rul-only-weighted", "rul-only"))
    )
    assert max(capped) < 0
    assert sum(outside) == 1
    uncapped = {
        d: [gap("compact", d, *pair, "score_uncapped").measurable for pair in (("amnl", "baseline"), ("grace", "gaba"))]
        for d in SETS
    }
    assert uncapped == {d: [d == "FD002"] * 2 for d in SETS}
    family = [r for r in found.values() if r.difference]
    measurable = [r for r in family if r.verdict != "unclear"]
    assert [(r.dataset, r.method, r.verdict) for r in measurable] == [("FD002", m, "higher") for m in ("amnl", "grace")]
    assert not [r for r in family if r.adjusted_verdict != "unclear"]

    def cells(values: list[str]) -> str:
        return " | ".join(values)

    published = [f"{SOURCE['grace'][d].rmse - SOURCE['baseline'][d].rmse:+.2f}" for d in SETS]  # type: ignore[operator]
    chosen = {d: values_by_seed(records("compact"), "rmse", "honest")[d] for d in SETS}
    on_test = {d: values_by_seed(records("compact"), "rmse", "source")[d] for d in SETS}
    gain = [np.mean([chosen[d][m][s] - on_test[d][m][s] for m in chosen[d] for s in chosen[d][m]]) for d in SETS]
    to_alone = [gap("compact", d, "grace", "rul-only-weighted") for d in SETS]
    scores = [gap("compact", d, "grace", "rul-only-weighted", "score") for d in SETS]
    plain, plain_scores = ([gap("compact", d, "baseline", "rul-only", m) for d in SETS] for m in ("rmse", "score"))
    assert not any(e.measurable for e in (*to_alone, *scores, *plain, *plain_scores))
    outer = {d: gap("compact", d, "grace", "amnl") for d in SETS} | {
        d + "b": gap("compact", d, "gaba", "baseline") for d in SETS
    }
    assert max(outer, key=lambda d: abs(outer[d].mean)) == "FD001"
    lost = [gap("compact", "FD002", *pair, "rmse_uncapped").mean for pair in (("amnl", "baseline"), ("grace", "gaba"))]
    below = [found[d, "baseline"].value.mean - (SOURCE["baseline"][d].rmse or 0) for d in ("FD002", "FD004")]
    baseline = [r for r in records("compact") if (r.spec["dataset"], r.spec["method"]) == ("FD001", "baseline")]
    true = np.minimum(baseline[0].predictions["true"], 125)
    error = np.array([r.predictions["rul"] for r in baseline]) - true
    together = float(np.sqrt((error.mean(0) ** 2).mean()))
    at_cap = float(error[:, true == 125].mean())
    fd001 = [r for r in found.values() if r.dataset == "FD001"]
    lows = sorted(best[d].engines for d in ("FD002", "FD003", "FD004"))
    lowest = [f"{best[d].value.mean:.2f} ({best[d].engines:.2f})" for d in SETS]
    to_baseline = [f"{gap('compact', d, 'grace', 'baseline').mean:+.2f}" for d in SETS]
    readme = [
        f"| lowest of nine (standard error over the test engines) | {cells(lowest)} |",
        f"| GRACE to Baseline, RMSE | {cells([words(gap('compact', d, 'grace', 'baseline')) for d in SETS])} |",
        f"| GRACE to Baseline, published | {cells(published)} |",
        f"| GRACE to RUL alone, both weighted | {cells([words(e) for e in to_alone])} |",
        f"Of {len(family)} paired differences to Baseline {len(measurable)} leave out 0, as chance would have it "
        f"({len(family) / 20:.1f})",
        f"lower the NASA score by {-max(capped):.0f} to {-min(capped):.0f} % with labels capped (one of the eight "
        "intervals",
        f"raise it on FD002 by {amnl:.1f} and {grace:.1f} % with labels uncapped",
    ]
    results = [
        f"GRACE is worse by {words(gap('FD002', 'grace', 'baseline'))} cycles by its own interval",
        f"two of {len(family)} differences leave out 0, both losses, where chance makes {len(family) / 20:.1f}",
        f"lowers the RMSE by {gain[0]:.2f}, {gain[1]:.2f}, {gain[2]:.2f} and {gain[3]:.2f} cycles on FD001 to FD004",
        f"the source's Baseline is {below[0]:.1f} and {below[1]:.1f} cycles lower on FD002 and FD004",
        f"weighted MSE lowers it by {-max(capped):.1f} to {-min(capped):.1f} % with either outer axis, in all "
        "eight comparisons, of which one",
        f"rises on FD002 by {amnl:.1f} and {grace:.1f} %, both beyond their noise, and by {alone:.1f} % for RUL alone",
        f"{max(abs(e.mean) for e in outer.values()):.2f} cycles at most (GRACE against AMNL on FD001)",
        f"both with weighted MSE, differ by {max(abs(e.mean) for e in to_alone):.2f} cycles and "
        f"{max(abs(e.mean) for e in scores):.0f} points",
        f"both with plain MSE, by {max(abs(e.mean) for e in plain):.2f} cycles and "
        f"{max(abs(e.mean) for e in plain_scores):.0f} points",
        f"on FD002 and {min(lost):.1f} to {max(lost):.1f} of uncapped",
        f"Ours: {', '.join(f'{best[d].value.mean:.2f}' for d in SETS[:3])} and {best['FD004'].value.mean:.2f}.",
        f"{best['FD001'].value.mean:.2f} has a standard error of {best['FD001'].engines:.2f} from its 100 test engines",
        f"with errors of {lows[0]:.2f} to {lows[-1]:.2f}",
        f"{together:.2f} for Baseline's {found['FD001', 'baseline'].value.mean:.2f}. Engines at the cap are "
        f"predicted {-at_cap:.1f} cycles too low",
        f"{best['FD001'].engines:.1f} cycles on FD001, where the SD over seeds is {min(r.sd for r in fd001):.1f} "
        f"to {max(r.sd for r in fd001):.1f}",
    ]
    log = [
        f"GRACE against Baseline: {', '.join(to_baseline[:3])} and {to_baseline[3]} cycles on FD001 to FD004",
        f"Best method {best['FD001'].value.mean:.2f} against 12.03; with a standard error of "
        f"{best['FD001'].engines:.2f}",
        f"predicted {-at_cap:.1f} cycles too low",
        f"uncapped it rises on FD002, by {amnl:.1f} and {grace:.1f} %",
        f"with a standard error of {best['FD001'].engines:.2f} over its 100 test engines",
    ]
    assert not missing({"README.md": readme, "docs/results.md": results, "docs/log.md": log})


def test_what_training_says_of_the_network_of_full_size() -> None:
    (run,) = Store(ROOT / "results" / "paper").all_records("compact")
    short = Store(ROOT / "results" / "measured").all_records("compact")
    errors = [engine_error([record]) for record in short]
    assert {f"{error:.1f}" for error in errors} == {"1.4"}
    said = f"the test RMSE is {run.test['rmse']:.1f} (standard error over the test engines {engine_error([run]):.1f}; one seed)"
    assert not missing({"docs/training.md": [said, "a standard error of about 1.4 over the 100 test engines"]})
