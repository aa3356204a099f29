"""What ships of the study, from its records: ``python -m studies.advice publish``; nothing is trained.

Writes what ``grace validity`` prints (``advice.json``), the rule of ``grace advise`` (``rule.json``), and the tables and the
picture of docs/validity.md and of the README.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pages import replace_between
from grace.advice.rule import Rule
from grace.core.stats import Estimate
from grace.errors import GraceError
from grace.files import write_text
from grace.formats import rounded
from grace.validity.advice_figures import draw
from grace.validity.advice_study import FORMAT, AdviceStudy, Choice, Outcome, Said
from grace.validity.advice_tables import report
from grace.validity.advice_words import readme
from studies.advice import last, records
from studies.advice.cases import all_cases
from studies.advice.choices import choices
from studies.advice.combined import combined
from studies.advice.costs import costs
from studies.advice.effects import LEAST, Rows, alike
from studies.advice.judged import Seen, seen
from studies.advice.levels import levels
from studies.advice.races import all_races
from studies.advice.rule import Races, fitted, left_out, width, without
from studies.advice.shrunk import without_group
from studies.advice.verdicts import Verdict

PACKAGE = records.ROOT / "src" / "grace"


def study_of(worlds: Mapping[str, Mapping[str, Any]]) -> tuple[AdviceStudy, Rule]:
    """The study as it ships, and the rule that is fitted on all of it."""
    cases = all_cases()
    observed, races = seen(worlds, cases), all_races(worlds, cases)
    plan = next(iter(worlds.values()))["plan"]
    draws = int(np.median([one.verdict.effect.n for one in observed]))
    rule = fitted(list(races.values()), width(observed, races))
    rule = replace(rule, fitted={"plan": plan, "draws": draws, "planned": LEAST} | dict(rule.fitted))
    chosen = [
        Choice(one.world.name, one.world.group, one.user, one.draw, one.policy, one.regret, one.loss)
        for one in choices(worlds, observed, races)
    ]
    rows = {name: world["rows"] for name, world in worlds.items()}
    asked = records.first_stage(cases) + records.second_stage(cases, rows)
    left = sum(job.key not in rows.get(job.world.name, {}).get(job.way.name, {}) for job in asked)
    refused = sum(
        "refused" in row for world in worlds.values() for way in world["rows"].values() for row in way.values() if row
    )
    return AdviceStudy(
        plan,
        _outcomes(observed, races, rows),
        tuple(chosen),
        costs(worlds, cases),
        levels(observed),
        refused,
        len(asked),
        left,
    ), rule


def _outcomes(observed: Sequence[Seen], races: Races, rows: Mapping[str, Rows]) -> tuple[Outcome, ...]:
    expected = {(one.seen.case, one.seen.draw): one for one in left_out(observed, races)}
    others = {"combined": combined(observed), "shrunk": without_group(observed)}
    parts = {
        name: {(one.seen.case, one.seen.draw): (one.after.mean, one.after.sd) for one in some}
        for name, some in without(observed, races).items()
    }
    found = []
    for case in dict.fromkeys(one.case for one in observed):
        mine = [one for one in observed if one.case == case]
        said = []
        for one in mine:
            rule = expected.get((case, one.draw))
            if rule is None:
                continue
            scores = {name: value for name, value in one.scores.items() if np.isfinite(value)}
            scores |= {name: known[case, one.draw] for name, known in others.items() if (case, one.draw) in known}
            before, after = ((found.mean, found.sd) for found in (rule.before, rule.after))
            without_one = {name: of[case, one.draw] for name, of in parts.items()}
            said.append(Said(one.draw, scores, before, after, without_one))
        first, way = mine[0], case.way
        same = list(alike(rows[case.world.name], case).values())
        beside = Verdict.of(same) if len(same) > 1 else None
        where = {"world": case.world.name, "group": case.world.group, "failures": first.failures, "user": case.user}
        how = {"label": way.label, "weight": way.weight, "size": way.size, "suspended": way.suspended}
        came_to = {
            "effect": _plain(first.verdict),
            "error": first.error,
            "word": first.verdict.word,
            "said": tuple(said),
        }
        if beside is not None:
            came_to |= {"alike": _plain(beside), "alike_word": beside.word}
        found.append(Outcome(**where, **how, **came_to))  # type: ignore[arg-type]
    return tuple(found)


def _plain(verdict: Verdict) -> Estimate:
    effect = verdict.effect
    return Estimate(float(effect.mean), float(effect.low), float(effect.high), effect.n, effect.p)


def publish(folder: Path = records.FOLDER) -> None:
    """Write all that ships."""
    if not (worlds := records.contents(folder)):
        raise GraceError(f"{folder} should hold records of the study. Found none. Run `python -m studies.advice run`.")
    study, rule = study_of(worlds)
    FORMAT.write(PACKAGE / "validity" / "advice.json", rounded(study.body()))
    write_text(PACKAGE / "advice" / "rule.json", json.dumps(rounded(rule.to_json()), indent=1) + "\n")
    show(AdviceStudy.read())


def show(study: AdviceStudy) -> None:
    """Put the study into docs/validity.md and the README, and draw its picture."""
    parts = {"advice": report(study)}
    if last.FILE.exists():
        parts["last look"] = last.summary(last.FORMAT.read(last.FILE)["rows"]) + "\n"
    replace_between(records.ROOT / "docs" / "validity.md", parts)
    replace_between(records.ROOT / "README.md", readme(study))
    draw(study, records.ROOT / "docs" / "figures")
