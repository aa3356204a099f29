"""What docs/fleets.md says of measurements, from results/fleets.json alone (benchmarks/fleets.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grace.core.stats import RATE, Estimate, Family
from grace.survival.calibration import ENOUGH

BASELINES = ("kaplan-meier", "weibull", "cox", "forest", "tree")
TARGET, GAP = 0.9, 0.05
FIXED = "best fixed age"
Row = dict[str, Any]
_SHOWN = "Integrated Brier score of the network and of five baselines, one line for each family"
PICTURE = f"![{_SHOWN}](figures/fleets.svg#gh-light-mode-only)\n![{_SHOWN}](figures/fleets-dark.svg#gh-dark-mode-only)"
"""Of the summary, light and dark."""


def parts(rows: Sequence[Row]) -> dict[str, str]:
    """What stands between the marks of the page, by name."""
    table = f"<details markdown>\n<summary>All figures</summary>\n\n{summary(rows)}\n\n</details>"
    kept, found = remaining(rows), {"summary": f"{PICTURE}\n\n{table}\n\n{in_all(rows)}\n"}
    for row in rows:
        found[f"{row['family']}-first"] = verdict(row) + "\n"
        found[row["family"]] = family(row, kept) + "\n"
    return found


def summary(rows: Sequence[Row]) -> str:
    """One line a family."""
    head = "| family | failed / suspended | integrated Brier score | " + " | ".join(BASELINES)
    head += " | to Kaplan-Meier | to the best | largest gap | coverage [95 %] | `grace train` |"
    return "\n".join([head, "|---" * (len(BASELINES) + 8) + "|", *map(_summary_line, rows)])


def _summary_line(row: Row) -> str:
    name, cost = row["family"], row["train"]
    scores = [f"{row['models'][model]['ibs']:.4f}" for model in ("network", *BASELINES)]
    ratios = [f"{to_kaplan_meier(row):.2f}", f"{to_best(row):.2f}"]
    took = f"{cost['seconds']:.0f} s ({cost['processor']:.0f} s), {cost['peak']:,.0f} MiB"
    units = f"{row['failed']:,} / {row['units'] - row['failed']:,}"
    cells = [
        f"[`{name}`](#{name.lower()})",
        units,
        *scores,
        *ratios,
        f"{100 * largest_gap(row):.1f}",
        covered(row),
        took,
    ]
    return "| " + " | ".join(cells) + " |"


def in_all(rows: Sequence[Row]) -> str:
    """What the summary amounts to."""
    at_most = [row for row in rows if to_kaplan_meier(row) <= 1]
    ahead, calibrated = (
        [row for row in rows if to_best(row) <= TARGET],
        [row for row in rows if largest_gap(row) <= GAP],
    )
    found = Family.of([one for row in rows for one in differences(row).values()])
    kinds = ("worse", "no better")
    worse, unclear = ([_pair(row, name) for row in rows for name in sorted_by(row)[kind]] for kind in kinds)
    lines = [
        f"The network's integrated Brier score is no higher than that of Kaplan-Meier on {len(at_most)} of {len(rows)} families, "
        f"and at most {TARGET:g} times the best baseline's on {_named(ahead)}. Its P(failure within H) is within {100 * GAP:.0f} "
        f"points in each fifth of {ENOUGH} landmarks or more, at both horizons, on {_named(calibrated)}.",
        f"{found.words} The network is worse than {_listed(worse) or 'none'}. The interval holds 0, so that it is no better "
        f"than, {_listed(unclear) or 'none'}. " + _changed(rows),
        _of_policies(rows),
    ]
    return "\n\n".join(lines)


def _changed(rows: Sequence[Row]) -> str:
    """Verdicts that the adjustment takes back."""
    kept = remaining(rows)
    every = [(row, name) for row in rows for name, one in differences(row).items() if one.measurable]
    lost = [_pair(row, name) for row, name in every if (row["family"], name) not in kept]
    return f"After adjustment not measurable: {_listed(lost)}." if lost else "All others remain after adjustment."


def _of_policies(rows: Sequence[Row]) -> str:
    less = [(row["family"], name, one) for row in rows for name, one in row["policies"]["less"].items()]
    below, above = (sum(one["high"] < 0 for _, _, one in less), sum(one["low"] > 0 for _, _, one in less))
    fixed = [f"`{family}`" for family, name, one in less if name == FIXED and not one["high"] < 0]
    return (
        f"Of the {len(less)} differences of cost rates, which are bootstrapped and have no p value, {below} leave out 0 below it "
        f"and {above} above. Plans do not cost measurably less than the best fixed age on {_listed(fixed) or 'none'}."
    )


def family(row: Row, kept: set[tuple[str, str]]) -> str:
    """A section after its first sentence."""
    commands = "\n".join(row[step]["command"] for step in ("info", "train", "predict"))
    blocks = [
        f"<!-- not run: needs the files of {row['family']} -->\n```sh\n{commands}\n```",
        "`grace data info` says:",
        "```text\n" + "\n".join(line.rstrip() for line in row["said"]) + "\n```",
        f"![Predicted against true RUL, survival at six landmarks, calibration](figures/fleets-{row['family']}.svg)",
        _models(row, kept),
        of_calibration(row),
        _fifths(row),
        of_failed(row),
        _policies(row),
    ]
    if row["first"]:
        blocks.insert(0, f"<!-- not run: needs the files of {row['family']} -->\n```python\n{row['first']}```")
    return "\n\n".join(blocks)


def verdict(row: Row) -> str:
    """The first sentence of a family: which baselines the network is worse than, no better than, and better than."""
    found, told = sorted_by(row), differences(row)
    if len(found["better"]) == len(BASELINES):
        return f"By integrated Brier score the network is better than all {len(BASELINES)} baselines."
    beside = {name: f"{name} ({one.text(4, '+')})" for name, one in told.items()}
    words = [
        f"{kind} than {_listed([beside[name] for name in found[kind]])}"
        for kind in ("worse", "no better")
        if found[kind]
    ]
    if found["better"]:
        words.append(f"better than {_listed(found['better'])}")
    return f"By integrated Brier score the network is {_listed(words)}."


def sorted_by(row: Row) -> dict[str, list[str]]:
    """Baselines that the network is better than, no better than (the interval holds 0) and worse than."""
    found: dict[str, list[str]] = {"worse": [], "no better": [], "better": []}
    for name, one in differences(row).items():
        found["better" if one.high < 0 else "worse" if one.low > 0 else "no better"].append(name)
    return found


def differences(row: Row) -> dict[str, Estimate]:
    """Brier score of the network less that of each baseline."""
    return {name: Estimate(**row["models"][name]["difference"]) for name in BASELINES}


def remaining(rows: Sequence[Row]) -> set[tuple[str, str]]:
    """Pairs of family and baseline whose difference remains after the adjustment."""
    pairs = [(row["family"], name, one) for row in rows for name, one in differences(row).items()]
    adjusted = Family.of([one for _, _, one in pairs]).adjusted
    return {(name, other) for (name, other, _), p in zip(pairs, adjusted, strict=True) if p <= RATE}


def to_kaplan_meier(row: Row) -> float:
    """Brier score over that of Kaplan-Meier."""
    return float(row["models"]["network"]["ibs"] / row["models"]["kaplan-meier"]["ibs"])


def to_best(row: Row) -> float:
    """The same over the lowest of the baselines."""
    return float(row["models"]["network"]["ibs"] / min(row["models"][name]["ibs"] for name in BASELINES))


def largest_gap(row: Row) -> float:
    """Of both horizons."""
    return max(row["models"]["network"][f"within_{cut:g}_gap"] for cut in row["cuts"])


def _models(row: Row, kept: set[tuple[str, str]]) -> str:
    names, models, unit = ("network", *BASELINES), row["models"], row["unit"]
    told = differences(row)
    marked = {
        n: told[n].text(4, "+") + ("" if (row["family"], n) in kept or not told[n].measurable else " (not adjusted)")
        for n in told
    }
    lines = {
        "integrated Brier score": [_with_ends(models[n], "ibs", 4) for n in names],
        "network less it [95 %]": ["", *(marked[n] for n in BASELINES)],
        "concordance, Harrell": [f"{models[n]['harrell']:.3f}" for n in names],
        "concordance, Uno": [f"{models[n]['uno']:.3f}" for n in names],
    }
    for cut in row["cuts"][::-1]:
        gaps = [models[n].get(f"within_{cut:g}_gap") for n in names]
        lines[f"largest gap within {cut:,g} {unit}, points"] = [
            "" if gap is None else f"{100 * gap:.1f}" for gap in gaps
        ]
    count = f"{row['landmarks']:,} landmarks of {row['seen']:,} units"
    return _table([count, *names], [[label, *cells] for label, cells in lines.items()])


def of_calibration(row: Row) -> str:
    """How far predicted probabilities are off, how far the score looks, and over what intervals run."""
    gaps = [
        f"{100 * row['models']['network'][f'within_{cut:g}_gap']:.1f} points within {cut:,g} {row['unit']}"
        for cut in row["cuts"][::-1]
    ]
    over = f"the {row['groups']} groups of the units, which are near replicates" if row["groups"] else "units"
    end = row["models"]["network"]["grid_end"]
    return (
        f"Intervals are over {over}; the score covers {end:,.4g} {row['unit']} ahead. The network's share in its curves is "
        f"{row['share']:.2f}, the rest is that of the fleet's own curve. Its probabilities of failure are off by at most "
        f"{_listed(gaps)}, in a fifth of {ENOUGH} landmarks or more. By fifths, predicted and observed share in per cent with "
        "its interval, and landmarks:"
    )


def _fifths(row: Row) -> str:
    lines = []
    for cut in row["cuts"][::-1]:
        cells = [_fifth(row["models"]["network"], f"within_{cut:g}_{number}") for number in range(1, 6)]
        lines.append([f"{cut:,g} {row['unit']}", *cells])
    head = ["fails within", *(f"fifth {number}" for number in range(1, 6))]
    return _table(head, lines)


def _fifth(found: Row, name: str) -> str:
    if f"{name}_predicted" not in found:
        return ""
    predicted, count = found[f"{name}_predicted"], found[f"{name}_landmarks"]
    seen = found.get(f"{name}_observed")
    observed = "not seen" if seen is None else f"{100 * seen:.1f}"
    ends = f" [{100 * found[f'{name}_low']:.1f}, {100 * found[f'{name}_high']:.1f}]" if f"{name}_low" in found else ""
    return f"{100 * predicted:.1f}, {observed}{ends} ({count:,.0f})"


def of_failed(row: Row) -> str:
    """RMSE, MAE, score and coverage."""
    found, unit = row["of_failed"], row["unit"]
    biased = ", whose lives are the short ones, so that all figures of them alone are biased to short lives"
    replicates = " Cells of one condition are near replicates: that interval is too narrow." if row["groups"] else ""
    return (
        f"Failed units alone{biased if row['failed'] < row['units'] else ''}: RMSE {found['rmse']:,.4g} {unit}, MAE "
        f"{found['mae']:,.4g} {unit}, score {found['score']:,.0f}, at 16 random rows of each, RUL up to {row['cap']:,g}. "
        f"The 90 % interval holds {_percent(row['coverage']['rows'])} % of these rows; of one row a unit, drawn at random, "
        f"{row['coverage']['inside']:,} of {row['coverage']['units']:,}, {covered(row)} (exact binomial).{replicates}"
    )


def covered(row: Row) -> str:
    """Share of the units, with its interval."""
    found = row["coverage"]
    return f"{_percent(found['inside'] / found['units'])} % [{_percent(found['low'])}, {_percent(found['high'])}]"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _policies(row: Row) -> str:
    cap, told = row["cap"], row["policies"]
    lines = []
    for name, rate in told["rates"].items():
        less = told["less"].get(name)
        lines.append([name, _scaled(rate, cap), "" if less is None else _scaled(less, cap, "+")])
    head = [
        f"a failure costs 5, a planned replacement 1; cost in {cap:,g} {row['unit']}",
        "out of fold [95 %]",
        "plans less it [95 %]",
    ]
    return _table(head, lines)


def _scaled(span: Row, cap: float, sign: str = "") -> str:
    value, low, high = (f"{cap * span[name]:{sign}.3f}" for name in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _with_ends(found: Row, name: str, digits: int) -> str:
    value, low, high = (f"{found[key]:.{digits}f}" for key in (name, f"{name}_low", f"{name}_high"))
    return f"{value} [{low}, {high}]"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _pair(row: Row, name: str) -> str:
    return f"{name} on `{row['family']}`"


def _named(rows: Sequence[Row]) -> str:
    names = [f"`{row['family']}`" for row in rows]
    return f"{len(rows)}: {_listed(names)}" if rows else "none"


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
