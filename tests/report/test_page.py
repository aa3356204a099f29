"""The page holds what the records say, and nothing else; what cannot be read is named on it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest

from grace.alignment.decide import RULES, Evidence, decide
from grace.bench.store import Store
from grace.bench.sweep import METHODS
from grace.data.tasks import Task
from grace.errors import GraceError
from grace.files import write_text
from grace.report import library
from grace.report.figures import _epochs, draw
from grace.report.page import SCRIPTS, page
from grace.report.read import Results, read_results
from grace.training.record import Record
from tests.command import grace
from tests.report.packed import data_of
from tests.report.records import record, sweep

RESULTS = Path(__file__).parents[2] / "results"
HOSTILE = "</script><script>alert(1)</script>\"'& \u202eright to left " + "long" * 60


@pytest.fixture(scope="module")
def real() -> Results:
    return read_results(RESULTS, RESULTS / "diagnosis")


@pytest.fixture(scope="module")
def html(real: Results) -> str:
    return page(real)


def test_a_page_of_180_runs_is_a_small_file(real: Results) -> None:
    nine = tuple(record for record in real.records if record.spec["method"] in METHODS)
    made = page(replace(real, records=nine))
    assert len(data_of(made)["runs"]) == 180
    assert len(made.encode()) <= 1_500_000


def test_the_page_is_one_file_that_loads_nothing(html: str) -> None:
    assert len(data_of(html)["runs"]) == 240
    markup = re.sub(r"<script.*?</script>|'sha256-[^']*'", "", html, flags=re.DOTALL)  # base64 may hold //
    assert not re.search(r"https?:|//\w|@import|url\(|\ssrc=", markup)
    assert not re.search(r"<script[^>]*\ssrc", html)
    assert "default-src 'none'" in markup
    assert "{{" not in markup


def test_its_numbers_are_those_of_the_records(html: str) -> None:
    data, records = data_of(html), {}
    for path in (RESULTS / "records").glob("*.json"):
        found = Record.read(path)
        records[found.spec["dataset"], found.spec["method"], found.spec["seed"]] = found
    for run in data["runs"]:
        found = records[run["dataset"], run["method"], run["seed"]]
        assert run["figures"]["honest"] == [found.test["rmse"], found.test["score"]]
        assert run["figures"]["honest-uncapped"] == [found.test["rmse_uncapped"], found.test["score_uncapped"]]
        assert run["figures"]["source"] == [found.source["rmse"], found.source["score"]]
        assert run["best"] == found.best_epoch
        assert run["rul"] == pytest.approx(found.predictions["rul"], abs=0.0501)
        engines = data["engines"][run["engines"]]
        assert engines == {"engine": found.predictions["engine"], "true": found.predictions["true"]}
        for task in (0, 1):
            assert run["losses"][task] == pytest.approx([e["losses"][task] for e in found.history], rel=5e-4)
            assert run["weights"][task] == pytest.approx([e["weights"][task] for e in found.history], rel=5e-4)
        assert ("rho" in run) == ("rho" in found.history[-1])
    for point in data["points"]:
        values = [
            r["figures"][point["view"]] for r in data["runs"] if all(r[k] == point[k] for k in ("dataset", "method"))
        ]
        assert len(values) == 5
        assert point["rmse"] == pytest.approx(sum(v[0] for v in values) / 5, rel=1e-5)
        assert point["score"] == pytest.approx(sum(v[1] for v in values) / 5, rel=1e-5)


def test_the_page_in_docs_is_that_of_the_records(html: str) -> None:
    kept = data_of((RESULTS.parent / "docs" / "explorer.html").read_text())
    made = data_of(html)
    for part in ("summary", "runs", "engines", "diagnoses", "decision", "left_out"):
        assert kept[part] == made[part]


def test_an_interval_of_its_own_width_is_shown_as_it_is() -> None:
    old = record("A", "grace", 42, 12.0)
    around = {
        "low": [0.0, 90.0, 41.8],
        "high": [56.0, 125.0, 58.7],
    }  # 25.5, 120 and 50.25, +- 30.5, 30 and 8.45, cut at 0 and 125
    beside = {"low": [15.4, 90.0, 31.6], "high": [40.2, 125.0, 80.0]}
    runs = [
        replace(old, id=str(n) * 12, spec=old.spec | {"seed": n}, predictions=old.predictions | ends)
        for n, ends in enumerate(({}, around, beside))
    ]
    first, second, third = data_of(page(Results(tuple(runs))))["runs"]
    columns = {"low", "high", "widths"}
    assert not columns & first.keys()
    assert {name: second[name] for name in columns & second.keys()} == {"widths": [30, 30, 8]}
    assert {name: third[name] for name in columns & third.keys()} == {"low": [15, 90, 32], "high": [40, 125, 80]}


def test_runs_of_other_tasks_are_read_and_drawn(tmp_path: Path) -> None:
    """Their names stand in the charts, and their figures in words; runs of health alone are as they were."""
    usual = record("A", "grace", 42, 12.0)
    epochs = [e | {"losses": [200.0, 0.9, 0.5], "weights": [1.0, 0.1, 0.1]} for e in usual.history]
    tasks = [Task("soh", "soh", "regression"), Task("health")]
    conventions = {"cap": 125, "tasks": [task.to_json() for task in tasks]}
    soh = {"windows": 32.0, "units": 2.0, "rmse": 1.5, "mae": 1.0, "r2": 0.75}
    spec = usual.spec | {"conventions": conventions, "method": "fixed-0.1", "id": "2" * 12}
    other = replace(usual, id="2" * 12, spec=spec, history=epochs, tasks={"soh": soh})
    nothing = replace(
        other, id="3" * 12, spec=spec | {"seed": 43, "id": "3" * 12}, history=[], tasks={}
    )  # of a baseline
    for one in (usual, other, nothing):
        one.write(tmp_path)
    found = read_results(tmp_path)
    assert not found.left_out
    runs = {(run["method"], run["seed"]): run for run in data_of(page(found))["runs"]}
    assert not {"tasks", "told"} & runs["grace", 42].keys()
    run = runs["fixed-0.1", 42]
    assert run["tasks"] == ["soh", "health"]
    assert run["told"] == ["soh: RMSE 1.5, MAE 1, R2 0.75, on 32 windows of 2 units"]
    assert run["losses"] == [[200, 200], [0.9, 0.9], [0.5, 0.5]]
    drawn = dict(_epochs(run))
    assert [row["value"] for row in drawn["tasks"]] == [0.9, 0.9]
    assert [row["value"] for row in drawn["health"]] == [0.5, 0.5]
    assert {row["series"] for row in drawn["weights"]} == {"RUL", "soh", "health"}
    assert "tasks" not in dict(_epochs(runs["grace", 42]))
    assert dict(_epochs(runs["fixed-0.1", 43])) == {}
    alone = replace(found, records=tuple(r for r in found.records if r.spec["method"] == "fixed-0.1" and r.history))
    assert draw(alone, tmp_path / "pictures") == 4
    assert "soh" in (tmp_path / "pictures" / "run-A.svg").read_text()


def test_its_diagnoses_are_those_of_the_files(html: str) -> None:
    found = {(d["dataset"], d["recipe"]): d for d in data_of(html)["diagnoses"]}
    assert len(found) == 20
    for path in (RESULTS / "diagnosis").glob("*.json"):
        written = json.loads(path.read_text())
        shown = found[written["dataset"], written["recipe"]]
        assert shown["rho"] == pytest.approx(written["rho"]["mean"], abs=1e-4)
        assert shown["ratio"] == pytest.approx(written["ratio"]["median"], rel=1e-5)
        assert shown["reliable"] == (written["recipe"] != "published")


@pytest.mark.system
def test_a_diagnosis_of_another_network_has_another_edge_and_says_so(tmp_path: Path) -> None:
    for path, change in (("compact", {}), ("statistics", {"size": "statistics", "window": 60})):
        written = json.loads((RESULTS / "diagnosis" / "FD001-joint.json").read_text())
        written["conventions"] |= change
        (tmp_path / path).mkdir()
        (tmp_path / path / "joint.json").write_text(json.dumps(written))
    runs = tuple(sweep("FD001", {"baseline": (12.0, 12.1)}))
    here, elsewhere = (
        replace(Results(runs), diagnoses=read_results(RESULTS / "compact", tmp_path / name).diagnoses)
        for name in ("compact", "statistics")
    )
    assert data_of(page(here))["diagnoses"][0]["elsewhere"] == ""
    data = data_of(page(elsewhere))
    assert data["diagnoses"][0]["elsewhere"].endswith("for statistics on windows of 60 the edge is 0.")
    assert data["summary"][-1].endswith(data["diagnoses"][0]["elsewhere"])
    assert data["decision"]["rules"]["elsewhere"]["edges"] == [0.0]


def test_the_exported_words_are_those_of_the_decision(html: str) -> None:
    table = data_of(html)["decision"]
    for name, thresholds in RULES.items():
        assert table["rules"][name]["thresholds"] == asdict(thresholds)
        answers = decide(Evidence(0.1, 0.1, 0.1, 50, 0.2, 1), thresholds).answers
        words = table["rules"][name]["words"]
        for answer in (answers[0], *answers[2:]):
            assert words[answer.question]["text"] == answer.text
            assert words[answer.question]["yes" if answer.passed else "no"] == answer.reason


def test_the_findings_are_counted_not_written_down() -> None:
    better = sweep("A", {"baseline": (12.0, 12.1, 12.2), "grace": (10.0, 10.1, 10.2), "rul-only": (12.0, 12.1, 12.3)})
    first = data_of(page(Results(tuple(better))))["summary"][0]
    assert first.startswith("1 of 2 comparisons show the RMSE below Baseline's beyond noise")
    assert "1 remain after Benjamini-Hochberg at 5 % (2 looked at): GRACE on A (2.00 lower, remains)" in first
    level = sweep("A", {"baseline": (12.0, 12.1, 12.2), "grace": (12.2, 12.0, 12.1)})
    assert data_of(page(Results(tuple(level))))["summary"][0].startswith("No method lowers the RMSE")


def test_the_findings_are_those_of_the_results() -> None:
    lines = data_of(page(read_results(RESULTS / "compact", RESULTS / "diagnosis")))["summary"]
    written = (RESULTS.parent / "docs" / "results.md").read_text().split("<!-- claims_compact -->")[1]
    for name in ("AMNL on FD002", "GRACE on FD002"):
        assert f"{name} (" in written.split("Those that do:")[1].split("\n")[0]
        assert name in lines[0]
    assert "Of 32 paired differences 2 leave their noise, where chance alone would make 1.6; 0 remain" in lines[0]
    assert lines[2].startswith("No method lowers the RMSE below RUL alone under plain MSE's beyond noise. Of 20 paired")
    assert lines[3].startswith(
        "No method lowers the RMSE below RUL alone under weighted MSE's beyond noise. Of 8 paired"
    )
    assert "on FD001 GradNorm (12.83 cycles, SE over engines 1.21" in lines[4]
    assert "On 4 of 4 the whole interval is above +0.18" in lines[5]


def test_a_card_says_which_rul_alone_its_methods_are_compared_with_and_which_have_none() -> None:
    runs = sweep("A", {"rul-only": (12.0, 12.1), "gaba": (11.0, 11.2), "grace": (11.0, 11.1), "dwa": (11.0, 11.3)})
    inner = {"grace": "weighted_mse", "gaba": "mse", "rul-only": "mse"}
    for run in runs:
        run.spec.update({"inner": inner[run.spec["method"]]} if run.spec["method"] in inner else {})
    data = data_of(page(Results((*runs, *sweep("B", {"rul-only": (12.0, 12.1)})))))
    none = "Not compared, as the records hold no RUL alone under"
    assert data["alone"]["A"] == [
        f"{none} the same loss with a seed in common: DWA.",
        "Against RUL alone under plain MSE: GABA.",
        f"{none} weighted MSE with a seed in common: GRACE.",
    ]
    assert data["alone"]["B"] == ["The records hold no method that shares."]
    (gaba,) = (p["to_alone"] for p in data["points"] if "to_alone" in p)
    assert gaba.startswith("under plain MSE: 0.95 cycles lower RMSE, ")


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name != "decide.js"])
def test_the_script_computes_no_statistic(html: str, name: str) -> None:
    """No root, no spread and no quantile in the panels' scripts, and none in their data to compute one from."""
    script = files("grace.report").joinpath(name).read_text(encoding="utf-8")
    assert script in html
    assert not re.search(r"sqrt|\*\*|quantile|variance|spread|deviation", script, re.IGNORECASE)
    assert "quantiles" not in data_of(html)


def test_hostile_names_stay_inside_their_strings() -> None:
    runs = sweep(
        HOSTILE, {"baseline": (12.0, 12.1), HOSTILE: (11.0, 11.1), "{{data}}": (11.0, 11.2), "GRACE": (11.0, 11.1)}
    )
    text = page(Results(tuple(runs)))
    data = data_of(text)
    assert data["datasets"] == [HOSTILE]
    assert set(data["methods"]) == {"baseline", "GRACE", HOSTILE, "{{data}}"}
    assert len({method["title"] for method in data["methods"].values()}) == 4
    assert text.count("<script") == 3
    for line in data["summary"]:  # what turns the direction of writing ends where the name ends
        assert line.count("\u202e") == line.count("\u2068") == line.count("\u2069")
    assert "alert(1)</script>" not in text


def test_damaged_foreign_and_failed_records_are_named_and_left_out(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for run in sweep("A", {"baseline": (12.0, 12.1)}):
        run.write(store.records)
    failed = record("A", "grace", 1, 9.0, id="failed", status="failed", reason="loss is <b>NaN</b>")
    failed.write(store.records)
    record("A", "dwa", 1, 9.0, id="nohistory", history=[{"epoch": 0}]).write(store.records)
    record("A", "dwa", 2, 9.0, id="text", best_epoch="<script>").write(store.records)
    record("A", "dwa", 3, 9.0, id="short", predictions={"engine": [1], "true": [], "rul": [1.0]}).write(store.records)
    (store.records / "inf.json").write_text(json.dumps(asdict(record("A", "dwa", 4, float("inf"), id="inf"))))
    (store.records / "torn.json").write_text('{"id": "to')
    (store.records / "old.json").write_text('{"format": 0}')
    diagnoses = tmp_path / "diagnosis"
    diagnoses.mkdir()
    (diagnoses / "bad.json").write_text('{"dataset": "A"}')
    found = read_results(tmp_path, diagnoses)
    assert len(found.records) == 2
    reasons = dict(found.left_out)
    assert set(reasons) == {f"{n}.json" for n in ("failed", "nohistory", "text", "short", "inf", "torn", "old", "bad")}
    assert reasons["failed.json"] == "The run failed: loss is <b>NaN</b>"
    assert "of version 1 to 2. Found version 0" in reasons["old.json"]
    shown = {item["name"] for item in data_of(page(found))["left_out"]}
    assert shown == set(reasons)


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(GraceError, match=r"should hold records\. Found none"):
        read_results(tmp_path)
    (tmp_path / "torn.json").write_text("{")
    with pytest.raises(GraceError, match=r"Found 1 that cannot be used, torn\.json"):
        read_results(tmp_path)
    record("A", "grace", 1, 9.0).write(tmp_path)
    with pytest.raises(GraceError, match="should be a folder of diagnoses"):
        read_results(tmp_path, tmp_path / "none")
    with pytest.raises(GraceError, match="should be writable"):
        write_text(tmp_path / "torn.json" / "report.html", page(read_results(tmp_path)))


def test_a_library_that_cannot_be_made_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for made in (library.bundling, library.library):
        monkeypatch.setattr(library, made.__name__, lru_cache(made.__wrapped__))
    monkeypatch.setattr(library, "CODE", "raise SystemExit('no V8')")
    with pytest.raises(GraceError, match="vl-convert should give"):
        library.library()


def test_every_panel_is_drawn_as_png_and_svg(tmp_path: Path, real: Results) -> None:
    some = Results(
        tuple(r for r in real.records if r.spec["dataset"] == "FD002"),
        tuple(d for d in real.diagnoses if d.dataset == "FD002"),
    )
    assert draw(some, tmp_path) == 6
    names = {path.stem for path in tmp_path.glob("*.png")}
    panels = [f"{panel}-FD002" for panel in ("pareto", "cost", "rho", "sharing", "run", "engines")]
    assert names == {name + dark for name in panels for dark in ("", "-dark")}
    assert 'fill="white"' in (tmp_path / "cost-FD002.svg").read_text()
    assert 'fill="#1b2128"' in (tmp_path / "cost-FD002-dark.svg").read_text()
    for path in tmp_path.glob("*.svg"):
        text = path.read_text()
        assert "var(--" not in text
        assert len(list(ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}path"))) >= 5
    assert "GradNorm" in (tmp_path / "pareto-FD002.svg").read_text()
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in tmp_path.glob("*.png"))


def test_figures_of_names_that_no_file_can_have(tmp_path: Path) -> None:
    runs = [*sweep("a/b", {"baseline": (12.0, 12.1)}), *sweep("a:b", {"baseline": (11.0, 11.1)})]
    assert draw(Results(tuple(runs)), tmp_path) == 8
    assert {p.name for p in tmp_path.glob("pareto*.svg")} == {
        f"pareto-a_b{n}{dark}.svg" for n in ("", "-1") for dark in ("", "-dark")
    }


def test_the_command(tmp_path: Path) -> None:
    for run in sweep("A", {"baseline": (12.0, 12.1), "grace": (11.0, 11.1)}):
        run.write(tmp_path / "records")
    command = [sys.executable, "-m", "grace.cli.main", "report", str(tmp_path), "-o", str(tmp_path / "page.html")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert " ".join(done.stdout.split()).startswith(f"{tmp_path / 'page.html'}: 4 runs, 0 diagnoses next, open it")
    assert len(data_of((tmp_path / "page.html").read_text())["runs"]) == 4


def test_what_lies_beside_the_records_is_found(tmp_path: Path) -> None:
    """In the folder of the sweep, and beside its records, whichever of the two is named."""
    for run in sweep("A", {"baseline": (12.0, 12.1)}):
        run.write(tmp_path / "sweep" / "records")
    shutil.copytree(RESULTS / "diagnosis" / "default", tmp_path / "sweep" / "diagnosis")
    count = len(list((tmp_path / "sweep" / "diagnosis").glob("*.json")))
    for runs in (tmp_path / "sweep", tmp_path / "sweep" / "records"):
        done = grace("report", runs, "-o", tmp_path / "page.html")
        assert f"page.html: 2 runs, {count} diagnoses next" in " ".join(done.stdout.split()), done.stderr
    inside = grace("report", "records", cwd=tmp_path / "sweep")
    assert inside.stdout.startswith(f"report.html: 2 runs, {count} diagnoses\n")
    (tmp_path / "diagnosis").mkdir()  # of another sweep
    shutil.rmtree(tmp_path / "sweep" / "diagnosis")
    assert grace("report", "sweep", cwd=tmp_path).stdout.startswith("report.html: 2 runs, 0 diagnoses\n")
