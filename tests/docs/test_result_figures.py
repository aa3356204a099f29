"""Every figure that the pages state of the runs of both networks, recomputed from the records and found in the sentence that "
"states it."""

from __future__ import annotations

import numpy as np

from grace.bench.published import SOURCE
from grace.bench.store import Store
from grace.bench.summary import Row, engine_error, values_by_seed
from grace.core.stats import Estimate, Family, paired, student
from tests.docs.figures import FOLDERS, IN_CAPS, ROOT, SETS, gap, missing, records, rows, share, words

INNER = (("amnl", "baseline"), ("grace", "gaba"))
OUTER = (("grace", "amnl"), ("gaba", "baseline"))


def best(size: str) -> dict[str, Row]:
    """The method of the lowest mean RMSE on each data set."""
    return {d: min((r for r in rows(size).values() if r.dataset == d), key=lambda r: r.value.mean) for d in SETS}


def cells(values: list[str]) -> str:
    return " | ".join(values)


def in_turn(values: list[float], sign: str = "") -> str:
    """``0.10, 0.20, 0.30 and 0.40``."""
    *first, last = (f"{value:{sign}.2f}" for value in values)
    return f"{', '.join(first)} and {last}"


def largest(found: list[Estimate]) -> float:
    return max(abs(estimate.mean) for estimate in found)


def scores(size: str, metric: str) -> list[float]:
    """What the inner axis does to a score, per cent."""
    return [share(size, d, *pair, metric) for d in SETS for pair in INNER]


def gain_on_the_test(size: str) -> list[float]:
    """What choosing the epoch on the test set lowers the RMSE by, mean over nine methods and five seeds."""
    chosen, on_test = (values_by_seed(records(size), "rmse", protocol) for protocol in ("honest", "source"))
    return [float(np.mean([chosen[d][m][s] - on_test[d][m][s] for m in chosen[d] for s in chosen[d][m]])) for d in SETS]


def between_networks() -> dict[tuple[str, str], Estimate]:
    """RMSE of each method with ``statistics`` less that with ``compact``, paired by seed."""
    ours, theirs = (values_by_seed(records(size), "rmse", "honest") for size in FOLDERS)
    pairs = {(d, m): paired(ours[d][m], theirs[d][m]) for d in SETS for m in ours[d]}
    return {key: found for key, found in pairs.items() if found is not None}


def test_what_the_pages_say_of_compact() -> None:
    size, found, lowest = "compact", rows("compact"), best("compact")
    capped = scores(size, "score")
    outside = [gap(size, d, *pair, "score").measurable for d in SETS for pair in INNER]
    amnl, grace, alone = (
        share(size, "FD002", m, r, "score_uncapped") for m, r in (*INNER, ("rul-only-weighted", "rul-only"))
    )
    assert max(capped) < 0
    assert sum(outside) == 1
    uncapped = {d: [gap(size, d, *pair, "score_uncapped").measurable for pair in INNER] for d in SETS}
    assert uncapped == {d: [d == "FD002"] * 2 for d in SETS}
    family = [r for r in found.values() if r.difference]
    measurable = [r for r in family if r.verdict != "unclear"]
    assert [(r.dataset, r.method, r.verdict) for r in measurable] == [("FD002", m, "higher") for m in ("amnl", "grace")]
    assert not [r for r in family if r.adjusted_verdict != "unclear"]
    to_alone, its_scores = ([gap(size, d, "grace", "rul-only-weighted", m) for d in SETS] for m in ("rmse", "score"))
    plain, plain_scores = ([gap(size, d, "baseline", "rul-only", m) for d in SETS] for m in ("rmse", "score"))
    assert not any(e.measurable for e in (*to_alone, *its_scores, *plain, *plain_scores))
    outer = {(d, pair): gap(size, d, *pair) for d in SETS for pair in OUTER}
    assert max(outer, key=lambda key: abs(outer[key].mean)) == ("FD001", OUTER[0])
    lost = [gap(size, "FD002", *pair, "rmse_uncapped").mean for pair in INNER]
    below = [found[d, "baseline"].value.mean - (SOURCE["baseline"][d].rmse or 0) for d in ("FD002", "FD004")]
    baseline = [r for r in records(size) if (r.spec["dataset"], r.spec["method"]) == ("FD001", "baseline")]
    true = np.minimum(baseline[0].predictions["true"], 125)
    error = np.array([r.predictions["rul"] for r in baseline]) - true
    together = float(np.sqrt((error.mean(0) ** 2).mean()))
    at_cap = float(error[:, true == 125].mean())
    fd001 = [r for r in found.values() if r.dataset == "FD001"]
    lows = sorted(lowest[d].engines for d in ("FD002", "FD003", "FD004"))
    to_baseline = [f"{gap(size, d, 'grace', 'baseline').mean:+.2f}" for d in SETS]
    results = [
        f"GRACE is worse by {words(gap(size, 'FD002', 'grace', 'baseline'))} cycles by its own interval",
        f"two of {len(family)} differences leave out 0, both losses, where chance makes {len(family) / 20:.1f}",
        f"lowers the RMSE by {in_turn(gain_on_the_test(size))} cycles on FD001 to FD004",
        f"the source's Baseline is {below[0]:.1f} and {below[1]:.1f} cycles lower on FD002 and FD004",
        f"weighted MSE lowers it by {-max(capped):.1f} to {-min(capped):.1f} % with either outer axis, in all "
        "eight comparisons, of which one",
        f"rises on FD002 by {amnl:.1f} and {grace:.1f} %, both beyond their noise, and by {alone:.1f} % for RUL alone",
        f"{largest([*outer.values()]):.2f} cycles at most (GRACE against AMNL on FD001)",
        f"both with weighted MSE, differ by {largest(to_alone):.2f} cycles and {largest(its_scores):.0f} points",
        f"both with plain MSE, by {largest(plain):.2f} cycles and {largest(plain_scores):.0f} points",
        f"on FD002 and {min(lost):.1f} to {max(lost):.1f} of uncapped",
        f"`compact`: {in_turn([lowest[d].value.mean for d in SETS])}.",
        f"{lowest['FD001'].value.mean:.2f} has a standard error of {lowest['FD001'].engines:.2f} from its 100 test "
        "engines",
        f"with errors of {lows[0]:.2f} to {lows[-1]:.2f}",
        f"{together:.2f} for Baseline's {found['FD001', 'baseline'].value.mean:.2f}. Engines at the cap are "
        f"predicted {-at_cap:.1f} cycles too low",
        f"where the SD over seeds of `compact` is {min(r.sd for r in fd001):.1f} to {max(r.sd for r in fd001):.1f}",
    ]
    log = [
        f"GRACE against Baseline: {', '.join(to_baseline[:3])} and {to_baseline[3]} cycles on FD001 to FD004",
        f"Best method {lowest['FD001'].value.mean:.2f} against 12.03; with a standard error of "
        f"{lowest['FD001'].engines:.2f}",
        f"predicted {-at_cap:.1f} cycles too low",
        f"uncapped it rises on FD002, by {amnl:.1f} and {grace:.1f} %",
        f"with a standard error of {lowest['FD001'].engines:.2f} over its 100 test engines",
    ]
    assert not missing({"docs/results.md": results, "docs/log.md": log})


def test_what_the_pages_say_of_statistics() -> None:
    size, found, lowest = "statistics", rows("statistics"), best("statistics")
    family = [r for r in found.values() if r.difference]
    assert len(family) == 32
    assert not [r for r in family if r.verdict != "unclear"]
    capped, uncapped = scores(size, "score"), scores(size, "score_uncapped")
    outside = {(d, pair) for d in SETS for pair in INNER if gap(size, d, *pair, "score").measurable}
    assert max(capped) < 0
    assert outside == {(d, pair) for d in ("FD002", "FD004") for pair in INNER}
    assert not any(gap(size, d, *pair, "score_uncapped").measurable for d in SETS for pair in INNER)
    outer = [gap(size, d, *pair) for d in SETS for pair in OUTER]
    second = [gap(size, d, *p) for d in SETS for p in (("grace", "rul-only-weighted"), ("baseline", "rul-only"))]
    assert not any(estimate.measurable for estimate in (*outer, *second))
    results = [
        f"GRACE to Baseline is {in_turn([gap(size, d, 'grace', 'baseline').mean for d in SETS], '+')}"
        " cycles on FD001 to FD004, every interval holds 0",
        f"by {in_turn(gain_on_the_test(size))} cycles with `statistics`",
        f"by {-max(capped):.1f} to {-min(capped):.1f} % in all eight comparisons, of which the four on FD002 and FD004 "
        "leave out 0",
        f"uncapped by {-max(uncapped):.1f} to {-min(uncapped):.1f} %, all unclear",
        f"the outer axis moves the RMSE by {largest(outer):.2f} cycles at most, the second task by {largest(second):.2f}",
        f"Ours, `statistics`: {in_turn([lowest[d].value.mean for d in SETS])};",
        f"{lowest['FD001'].engines:.1f} cycles on FD001 with `statistics`",
    ]
    assert not missing({"docs/results.md": results})


def test_what_the_pages_say_of_fixed_weights() -> None:
    own = {(d, w): gap(IN_CAPS, d, f"fixed-{w}", "rul-only") for d in SETS for w in (0.01, 0.1, 0.5)}
    table = {(d, w): gap("statistics", d, f"fixed-{w}", "rul-only") for d, w in own}
    adjusted = dict(zip(own, Family.of([*own.values()]).adjusted, strict=True))
    halves, theirs = ([found[d, 0.5].mean for d in SETS] for found in (own, table))
    assert [d for d in SETS if own[d, 0.5].measurable and adjusted[d, 0.5] < 0.05] == ["FD002", "FD003", "FD004"]
    assert [d for d in SETS if own[d, 0.1].measurable] == ["FD003"]
    assert not [d for d in SETS if own[d, 0.01].measurable]
    assert not [key for found in (own, table) for key, e in found.items() if e.measurable and e.mean < 0]
    assert all(gap(IN_CAPS, d, "fixed-0.5", "rul-only", "score").mean > 0 for d in SETS)
    cost = [f"{table[d, 0.01].mean:.2f}" for d in ("FD003", "FD004")]
    assert cost == ["0.12"] * 2
    results = [
        f"by {min(halves):.2f} to {max(halves):.2f} cycles against RUL alone in the same unit",
        f"by {min(theirs):.2f} to {max(theirs):.2f} against RUL alone of the table",
        f"With 0.1 it hurts on FD003** ({words(own['FD003', 0.1])})",
        f"({largest([own[d, 0.01] for d in SETS]):.2f} cycles at most)",
        "a weight of 0.01 seems to cost 0.12 cycles on FD003 and FD004",
    ]
    table = [
        f"| `fixed-0.5` to RUL alone, same unit | {cells([words(own[d, 0.5]) for d in SETS])} |",
        f"| `fixed-0.01` to RUL alone, same unit | {cells([words(own[d, 0.01]) for d in SETS])} |",
    ]
    assert not missing({"docs/results.md": [*results, *table]})


def test_what_the_pages_say_of_the_two_networks() -> None:
    found = between_networks()
    family = Family.of([*found.values()])
    by_set = {d: [e for (dataset, _), e in found.items() if dataset == d] for d in SETS}
    assert all(estimate.mean < 0 for estimate in found.values())
    assert {key for key, e in found.items() if not e.measurable} <= {key for key in found if key[0] == "FD004"}
    assert all(e.measurable for d in SETS[:3] for e in by_set[d])
    spans = [f"{-max(e.mean for e in by_set[d]):.2f} to {-min(e.mean for e in by_set[d]):.2f}" for d in SETS]
    to_reference = {size: [r.difference for r in rows(size).values() if r.difference] for size in FOLDERS}
    plain = {
        size: [
            gap(size, d, m, "rul-only") for d in SETS for m in ("baseline", "dwa", "gradnorm", "uncertainty", "gaba")
        ]
        for size in FOLDERS
    }
    first, second = (largest(to_reference[size]) for size in FOLDERS)
    third, fourth = (largest(plain[size]) for size in FOLDERS)
    nearest = [
        f"the largest difference to Baseline in RMSE is {first:.2f} cycles with `statistics` and {second:.2f} with `compact`, "
        f"that of a method with plain MSE to RUL alone {third:.2f} and {fourth:.2f}"
    ]
    results = [
        f"The level does, by {spans[0]}, {spans[1]}, {spans[2]} and {spans[3]} cycles on FD001 to FD004",
        *nearest,
        f"{family.measurable} of {family.looked_at} differences leave out 0, and {family.remaining} are left after "
        "Benjamini-Hochberg",
    ]
    lines = {}
    for size in FOLDERS:
        lowest = [f"{best(size)[d].value.mean:.2f} ({best(size)[d].engines:.2f})" for d in SETS]
        to_baseline, to_alone = (
            [words(gap(size, d, "grace", other)) for d in SETS] for other in ("baseline", "rul-only-weighted")
        )
        lines[size] = [
            f"| `{size}`: lowest of nine (standard error over the test engines) | {cells(lowest)} |",
            f"| `{size}`: GRACE to Baseline, RMSE | {cells(to_baseline)} |",
            f"| `{size}`: GRACE to RUL alone, both weighted | {cells(to_alone)} |",
        ]
    published = [f"{SOURCE['grace'][d].rmse - SOURCE['baseline'][d].rmse:+.2f}" for d in SETS]  # type: ignore[operator]
    measurable = [sum(row.verdict not in ("", "unclear") for row in rows(size).values()) for size in FOLDERS]
    weighted = [scores(size, "score") for size in FOLDERS]
    table = [
        *lines["statistics"],
        *lines["compact"],
        f"| GRACE to Baseline, published | {cells(published)} |",
        f"Of 32 paired differences to Baseline {measurable[0]} leave out 0 with `statistics` and {measurable[1]} with "
        "`compact`, where chance makes 1.6",
        f"lower the NASA score by {-max(weighted[0]):.1f} to {-min(weighted[0]):.1f} % with `statistics` and "
        f"{-max(weighted[1]):.1f} to {-min(weighted[1]):.1f} % with `compact`",
    ]
    to_alone = [words(gap("statistics", d, "grace", "rul-only-weighted")) for d in SETS]
    readme = [
        f"GRACE against RUL alone with the same loss: {', '.join(to_alone[:3])} and {to_alone[3]} cycles on FD001 to FD004"
    ]
    assert not missing({"docs/results.md": [*results, *table], "README.md": readme})


def test_what_training_says_of_the_network_of_full_size() -> None:
    runs = Store(ROOT / "results" / "paper").all_records()
    by = {
        name: {r.spec["seed"]: r for r in runs if r.spec["method"] == name} for name in {r.spec["method"] for r in runs}
    }
    tests = {name: {seed: float(r.test["rmse"]) for seed, r in found.items()} for name, found in by.items()}
    differences = {
        pair: student([tests[pair[0]][seed] - tests[pair[1]][seed] for seed in tests[pair[0]]])
        for pair in (("baseline", "rul-only"), ("grace", "rul-only-weighted"))
    }
    base, means = (
        student(list(tests["baseline"].values())),
        {name: np.mean(list(of.values())) for name, of in tests.items()},
    )
    plain = [r.history[-1]["losses"][0] for name in ("baseline", "rul-only") for r in by[name].values()]
    best = [r.validation["rmse"] for r in runs]
    whole = [r for r in runs if len(r.history) == 250]
    change = [r.history[-1]["validation_rmse"] - r.history[-51]["validation_rmse"] for r in whole]
    assert len(runs) - len(whole) == 11
    assert all(r.history[10]["weights"][0] < 0.05 for r in by["grace"].values())
    first, second = (f"{of.mean:+.2f} [{of.low:+.2f}, {of.high:+.2f}]" for of in differences.values())
    default = np.mean(
        [
            float(r.test["rmse"])
            for r in records("statistics")
            if r.spec["method"] == "rul-only" and r.spec["dataset"] == "FD001"
        ]
    )
    assert all(1.9 < mean / default < 2.1 for mean in means.values())
    assert not missing(
        {
            "docs/training.md": [
                f"Baseline {base.mean:.2f} [{base.low:.2f}, {base.high:.2f}], GRACE {means['grace']:.2f}",
                f"RUL alone {means['rul-only']:.2f}, RUL alone weighted {means['rul-only-weighted']:.2f}",
                f"Baseline to RUL alone {first}, GRACE to RUL alone weighted {second}",
                f"the {SOURCE['baseline']['FD001'].rmse} and {SOURCE['grace']['FD001'].rmse} that the source",
                f"the lowest of all {len(runs)} runs is {min(r.source['rmse'] for r in runs):.2f}",
                f"{min(plain):.0f} to {max(plain):.0f} cycles^2",
                f"the RMSE is {min(best):.0f} to {max(best):.0f} cycles at best",
                f"between {min(change):.1f} and {max(change):+.1f} cycles",
                f"{len(runs)} runs in one stack, {sum(r.seconds for r in runs) / 60:.0f} minutes on an H200",
                "a standard error of about 1.4 over the 100 test engines",
            ],
            "docs/results.md": [f"Baseline to RUL alone {first} cycles, GRACE to RUL alone weighted {second}"],
        }
    )
    assert {f"{engine_error([record]):.1f}" for record in Store(ROOT / "results" / "measured").all_records()} == {"1.4"}
