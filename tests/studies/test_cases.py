"""The cases: enough of them, each with the labels that its name says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grace.data.health_labels import rul_to_health_3class
from grace.errors import GraceError
from grace.validity.study import Case
from studies.cases import all_cases, engines_of


def test_the_study_has_more_than_forty_cases_with_names_of_their_own() -> None:
    cases = all_cases()
    assert len(cases) >= 40
    names = {case.name for case in cases} | {case.data for case in cases}
    assert len(names) == len(cases) + len({case.data for case in cases})  # every one is a file
    assert len({case.family for case in cases}) == 12


def labels(name: str, data: Path, family: str = "FD001") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    fleet, _ = engines_of(Case(family, name), data)
    return fleet.labels["health"].astype(int), fleet.rul(), fleet.engine_of_row()


def test_label_schemes_on_real_engines(cmapss_dir: Path) -> None:
    clean, rul, engine = labels("health-70-30", cmapss_dir)
    np.testing.assert_array_equal(clean, rul_to_health_3class(rul, 70, 30))
    np.testing.assert_array_equal(labels("health-125-50", cmapss_dir)[0], rul_to_health_3class(rul, 125, 50))
    np.testing.assert_array_equal(labels("permuted", cmapss_dir)[0], (clean + 1) % 3)
    # a label that is drawn anew is the old one in a third of the cases
    for share in (10, 30, 100):
        flipped = np.mean(labels(f"flip-{share}", cmapss_dir)[0] != clean)
        assert flipped == pytest.approx(share / 100 * 2 / 3, abs=0.01)
    identity = labels("engine", cmapss_dir)[0]
    assert all(len(np.unique(identity[engine == e])) == 1 for e in range(100))
    assert np.bincount(identity[np.unique(engine, return_index=True)[1]]).min() > 15


def test_condition_labels_follow_the_settings(cmapss_dir: Path) -> None:
    fleet, _ = engines_of(Case("FD002", "condition", share=0.1), cmapss_dir)
    found = fleet.labels["health"]
    assert np.bincount(found.astype(int)).min() > 0.2 * len(found)
    altitude = fleet.values[:, fleet.columns.index("setting_1")].round(0)
    for value in np.unique(altitude):
        assert len(np.unique(found[altitude == value])) == 1


def test_a_share_of_the_engines_and_the_same_ones_for_all_labels(cmapss_dir: Path) -> None:
    one, test = engines_of(Case("FD003", "engine", share=0.25), cmapss_dir)
    other, _ = engines_of(Case("FD003", "health-70-30", share=0.25), cmapss_dir)
    assert len(one.engines) == 25
    assert len(test.engines) == 100
    np.testing.assert_array_equal(one.engines, other.engines)


def test_simulated_cases_share_their_sensors() -> None:
    (helps, test), (hurts, _) = (engines_of(Case("sim-6x2-40", f"dial{d}", size="tiny"), None) for d in ("+1", "-1"))
    np.testing.assert_array_equal(helps.values, hurts.values)
    assert (helps.labels["health"] != hurts.labels["health"]).any()
    assert not test.labels  # figures are of RUL; the health states of a test are derived from it


def test_messages() -> None:
    with pytest.raises(GraceError, match="--data"):
        engines_of(Case("FD001", "engine"), None)
    with pytest.raises(GraceError, match="'colour'"):
        engines_of(Case("FD001", "colour"), Path())
