"""Measurements on disk and the probes that make them, on a real small case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from grace.core.gradient_utils import task_gradients
from grace.errors import GraceError
from grace.validity.study import ALONE, JOINT, METHODS, Case
from studies import measurements, predictors, probes
from studies.cases import CLASSES, engines_of
from studies.measurements import DIAGNOSIS, FORMAT, PROBE, Job, Measured
from studies.trainings import SEEDS, SIMULATED_SEEDS, spec_of

CASE = Case("sim-1x2-40", "dial+1", size="tiny", window=20)


@pytest.fixture(scope="module")
def raw() -> dict[str, object]:
    return probes.measure(CASE, 101, None)


def test_one_seed_of_everything_comes_before_the_next() -> None:
    cases = [CASE, Case("sim-1x2-40", "dial-1", size="tiny", window=20)]
    jobs = measurements.jobs(cases)
    turn = len(ALONE) + 2 * len(JOINT)
    assert len(set(jobs)) == len(jobs) == len(SIMULATED_SEEDS) * turn + 4 * len(probes.SEEDS)
    assert {job.seed for job in jobs[: turn + 4]} == {SEEDS[0], probes.SEEDS[0]}
    assert {job.file for job in jobs if job.what in ALONE} == {"sim-1x2-40"}  # once for both labels
    assert {job.seed for job in measurements.jobs([Case("FD001", "engine")]) if job.what in METHODS} == set(SEEDS)


@pytest.mark.system
def test_what_is_measured_is_kept_and_never_measured_again(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    jobs = [Job(CASE, ALONE[0], 1), Job(CASE, "baseline", 1)]
    measurements.run(jobs[:1], None, tmp_path, None)
    before = (tmp_path / "sim-1x2-40.json").read_bytes()
    measurements.run(jobs, None, tmp_path, None, on_job=lambda done, total: told.append((done, total)))
    assert told == [(2, 2)]
    assert (tmp_path / "sim-1x2-40.json").read_bytes() == before
    content = FORMAT.read(tmp_path / "sim-1x2-40-dial+1.json")
    assert content["outcomes"]["baseline"]["1"]["rmse"] > 1
    assert measurements.made(jobs[1], None)["rmse"] == content["outcomes"]["baseline"]["1"]["rmse"]


def test_cases_are_read_back_with_rul_alone_joined(tmp_path: Path) -> None:
    with pytest.raises(GraceError, match="Found none"):
        measurements.load(tmp_path)
    store = measurements._Store(tmp_path)
    store.add(Job(CASE, ALONE[0], 1), {"rmse": 10.0})
    store.add(Job(CASE, "baseline", 1), {"rmse": 11.0})
    store.add(Job(CASE, PROBE, 101), {"joint": {}})
    (found,) = measurements.load(tmp_path)
    assert found.case == CASE
    assert found.outcomes == {ALONE[0]: {1: {"rmse": 10.0}}, "baseline": {1: {"rmse": 11.0}}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "Found: "),
        ("[]", "Found: a list"),
        ('{"case": {}, "outcomes": {}, "probes": {}}', "no field 'diagnoses'"),
        ('{"format": "record", "version": 1, "sha256": "", "body": {}}', "Found: record"),
        ('{"format": "study measurements", "version": 99, "grace": "9.0", "body": {}}', r"written by GRACE 9\.0"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "sim-1x2-40.json").write_text(text)
    with pytest.raises(GraceError, match=rf"sim-1x2-40\.json.* should .*{words}"):
        measurements.load(tmp_path)


def test_files_from_before_there_were_names_are_read_and_migrated(tmp_path: Path) -> None:
    path = tmp_path / "sim-1x2-40.json"
    path.write_text(
        '{"case": {}, "diagnoses": {}, "outcomes": {"rul-only": {"1": {"rmse": 9}}}, "probes": {}, "version": 1}\n'
    )
    before = measurements._read(path)
    assert measurements.migrate(tmp_path) == 1
    assert FORMAT.is_current(path)
    assert measurements._read(path) == before == FORMAT.read(path)
    assert measurements.migrate(tmp_path) == 0


def test_every_predictor_gives_a_number_and_names_its_cost(raw: dict[str, object]) -> None:
    case = Measured(CASE, probes={101: raw}, diagnoses={101: measurements.made(Job(CASE, DIAGNOSIS, 101), None)})
    for scorer in predictors.SCORERS:
        assert np.isfinite(scorer.of(case)), scorer.name
    assert all(predictor.steps > 0 for predictor in predictors.predictors())


def test_the_published_predictor_is_the_cosine_of_one_initialisation(raw: dict[str, object]) -> None:
    gram = np.array(raw["published"]["gramian"])  # type: ignore[index]
    by_hand = np.mean([g[0, 1] / (g[0, 0] * g[1, 1]) ** 0.5 for g in gram])
    source = next(p for p in predictors.SCORERS if p.name == "init-1")
    assert source.of(Measured(CASE, probes={101: raw})) == pytest.approx(by_hand)


@pytest.mark.system
def test_probes_leave_the_global_random_state_alone_and_repeat(raw: dict[str, object]) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    assert probes.measure(CASE, 101, None) == raw
    assert torch.equal(torch.get_rng_state(), before)


def test_heads_in_closed_form_are_ridge_regression() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(200, 6, generator=generator)
    rul, label = torch.rand(200, generator=generator), torch.randint(0, CLASSES, (200,), generator=generator)
    predicted, logits = probes.closed_form_heads(features, rul, label)(features)
    z = ((features - features.mean(0)) / features.std(0)).numpy()
    oracle = Ridge(alpha=probes.RIDGE * len(z)).fit(z, rul.numpy())
    np.testing.assert_allclose(predicted.numpy(), oracle.predict(z), atol=1e-4)
    # the average sample gets logits whose softmax are the class shares
    _, middle = probes.closed_form_heads(features, rul, label)(features.mean(0, keepdim=True))
    shares = torch.bincount(label, minlength=CLASSES) / 200
    torch.testing.assert_close(middle.softmax(-1)[0], shares, atol=1e-4, rtol=0)
    assert logits.shape == (200, CLASSES)


def test_a_look_ahead_puts_the_parameters_back_and_is_taken_along_the_health_gradient() -> None:
    fleet, _ = engines_of(CASE, None)
    split = probes.Split.of(spec_of(CASE, "baseline", 1), fleet, None)
    problem = probes._ThreeLosses(split.train, 125, "tiny", "cap", "mse", 64)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = problem.model().eval()
    shared = problem.shared(model)
    before = [p.detach().clone() for p in shared]
    batch, held = next(problem.batches(0)), probes.some_windows(split.validation, 0)
    found = probes.look_ahead(problem, model, shared, batch, held, 1e-3)
    for parameter, old in zip(shared, before, strict=True):
        torch.testing.assert_close(parameter.detach(), old)
    # to first order a step of length s along g_2 lowers L_1 by s <g_1, g_2> / |g_2|
    losses = problem.losses(model, batch)
    first, second = task_gradients([losses[0], losses[2]], shared)
    expected = 1e-3 * float(first @ second / second.norm()) / losses[0].item()
    assert found["affinity"] == pytest.approx(expected, rel=0.05)
    assert -1 <= found["held_rho"] <= 1
    assert found["held_health"] == pytest.approx(problem.losses(model, held)[2].item())


def test_some_windows_are_windows_of_the_validation_engines() -> None:
    fleet, _ = engines_of(CASE, None)
    validation = probes.Split.of(spec_of(CASE, "baseline", 1), fleet, None).validation
    x, rul, label, _ = probes.some_windows(validation, 0)
    assert len(x) == len(rul) == len(label) == min(probes.HELD, len(validation))
    every = validation.batch(np.arange(len(validation))).reshape(len(validation), -1)
    assert {row.tobytes() for row in x.reshape(len(x), -1).numpy()} <= {row.tobytes() for row in every}
