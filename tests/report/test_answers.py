"""The first card of the page: what to train, how sure, and the command; by scipy and by hand."""

from __future__ import annotations

import numpy as np
from scipy import stats

from grace.report.answers import Answer
from grace.training.record import Record
from tests.report.records import sweep


def runs(dataset: str, **values: list[float]) -> list[Record]:
    """Records of methods by their test RMSE, a seed each."""
    return sweep(dataset, {method.replace("_", "-"): tuple(column) for method, column in values.items()})


ALONE = [12.0, 12.5, 11.8, 12.2, 12.1]


def test_where_nothing_is_better_rul_alone_is_trained() -> None:
    near = [value + shift for value, shift in zip(ALONE, (0.1, -0.1, 0.05, -0.02, 0.03), strict=True)]
    (found,) = Answer.every(runs("FD003", rul_only=ALONE, rul_only_weighted=[13.0] * 5, grace=near))
    assert (found.method, found.reference) == ("rul-only", "rul-only")
    assert found.headline == "Train RUL alone"
    assert found.brief == "none of 2 others is measurably better"
    low, high = stats.ttest_1samp(np.subtract(near, ALONE), 0).confidence_interval()
    assert f"{np.mean(np.subtract(near, ALONE)):+.2f} [{low:+.2f}, {high:+.2f}] cycles of RMSE" in found.sure
    assert "Of 2 others 1 are measurably worse and 1 cannot be distinguished from it" in found.evidence
    assert found.command == "grace train FD003 --data cmapss --method rul-only"


def test_a_method_that_is_measurably_better_is_named() -> None:
    better = [value - 1 - 0.01 * place for place, value in enumerate(ALONE)]
    (found,) = Answer.every(runs("PUMPS", rul_only=ALONE, grace=better))
    assert (found.headline, found.brief) == ("Train GRACE", "measurably better than RUL alone")
    assert found.sure.startswith("Its test RMSE differs from that of RUL alone by -1.02 [")
    assert found.command == "grace train PUMPS --method grace"


def test_the_adjustment_is_over_all_data_sets() -> None:
    barely = [value + shift for value, shift in zip(ALONE, (-0.05, -0.3, -0.25, -0.4, -0.02), strict=True)]
    p = stats.ttest_1samp(np.subtract(barely, ALONE), 0).pvalue
    assert 0.02 < p < 0.05
    assert Answer.every(runs("A", rul_only=ALONE, grace=barely))[0].method == "grace"
    others = [record for name in "BCD" for record in runs(name, rul_only=ALONE, grace=[v + s for v, s in zip(
        ALONE, (0.1, -0.1, 0.05, -0.02, 0.03), strict=True)])]  # fmt: skip
    assert Answer.every([*runs("A", rul_only=ALONE, grace=barely), *others])[0].method == "rul-only"


def test_one_seed_tells_nothing() -> None:
    (found,) = Answer.every(runs("A", rul_only=[12.0], grace=[2.0]))
    assert found.method == "rul-only"
    assert found.brief == "nothing to compare it with"


def test_without_rul_alone_baseline_is_the_reference() -> None:
    (found,) = Answer.every(runs("A", baseline=ALONE, grace=[9.0] * 5))
    assert (found.reference, found.method) == ("baseline", "grace")
