"""Which columns of a table become settings and features, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet, missing
from grace.data.tables.age import said_of_age, with_age
from grace.data.tables.arrays import names_of
from grace.data.tables.categories import categories_of, said_of_categories, with_categories
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.end_flags import end_flags
from grace.data.tables.intervals import said_of_gaps
from grace.data.tables.leaks import leaks
from grace.data.tables.missing import carried, cleaned, gaps_of, replaced, suspected, texts_for_none
from grace.data.tables.sample import filled, sample, with_events
from grace.data.tables.scan import scan
from grace.data.tables.settings import find_settings
from grace.data.tables.table import Edges, Table, is_number
from grace.data.tables.task_columns import settled
from grace.data.tables.units import placed, with_facts, without_rows
from grace.data.tasks import HEALTH
from grace.errors import GraceError

AUTO, NONE = "auto", "none"


def select_columns(source: TableSource, conditions: str = AUTO, ask: bool = True) -> TableSource:
    """The source with its settings, features and tasks settled, and what was left out.

    Without features: all numeric columns that vary inside the operating conditions. Conditions are ``auto`` (or 0): from the
    columns that look like settings; ``none``; a number of conditions on those columns; or setting columns with commas between.
    ``ask``: whether to ask about numbers that look like :attr:`Columns.sentinels <grace.data.tables.columns.Columns>`.

    Raises:
        GraceError: The table cannot be opened, a column is missing, of the wrong type or named twice, or no feature is left.
    """
    count, named = _asked(conditions)
    searched = not (named or conditions == NONE)
    seen = _looked_at(source, named, searched)
    drawn = sample(seen.table, _with_labels(seen), seen.counts)
    leaking, rows = _leaking(seen, drawn), filled(_only(drawn, seen.varying))
    settings = _settings(rows, {*seen.gaps, *leaking}, seen.texts) if searched else named
    if count > 1 and not settings:
        raise GraceError(
            f"{source.path}: {count} conditions should come from setting columns. Found none that look like them. Name them with "
            "--conditions COLUMN,COLUMN."
        )
    left_out = {name: leaking[name] for name in (*seen.source.features, *named) if name in leaking}
    used = tuple(f"{name} ({why})" for name, why in left_out.items())
    columns = replace(seen.source.columns, settings=settings, leaks=used)
    fitted = _fitted(rows, columns, count)
    if not seen.source.features:
        within = dict.fromkeys(fitted.constant(rows), "constant within each condition")
        left_out = _left_out(seen, columns, within | leaking)
    found = replace(seen.source, columns=columns, conditions=count, found=len(fitted.centres), left_out=left_out)
    return _with_features(seen, found, ask)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A table before settings and features are chosen.

    Attributes:
        table: Cleaned, with a column for each value of its text columns.
        source: With these as features, its tasks settled, and all columns with missing readings as incomplete.
        texts: The columns of each text column.
        counts: A row an engine, see :func:`~grace.data.tables.sample.with_events`.
        edges: Least and largest value of what may be chosen.
        gaps: How many readings are missing in which of these.
    """

    table: Table
    source: TableSource
    texts: Mapping[str, tuple[str, ...]]
    counts: pl.DataFrame
    edges: Edges
    gaps: Mapping[str, int]

    @property
    def varying(self) -> tuple[str, ...]:
        """What may be chosen and is no constant."""
        return tuple(name for name, (low, high) in self.edges.items() if low != high)


def _looked_at(source: TableSource, named: tuple[str, ...], searched: bool) -> _Seen:
    table, source, texts = _opened(source)
    _check_named(table, source, named)
    counts = with_events(table, source, table.engines(source.columns))
    edges = _candidates(table, source, named, searched)
    gaps = gaps_of(table, tuple(name for name in edges if name not in named))
    columns = replace(source.columns, settings=(), incomplete=tuple(gaps))
    return _Seen(table, replace(source, columns=columns), texts, counts, edges, gaps)


def _with_labels(seen: _Seen) -> TableSource:
    """A source with the labels that are numbers as values beside what may be chosen: what is one of them in another scale gives
    the end away if the label does."""
    kinds = {task.column: seen.table.schema[task.column] for task in seen.source.labelled}
    numbers = tuple(name for name, kind in kinds.items() if is_number(kind) and name not in seen.varying)
    columns = replace(seen.source.columns, incomplete=(*seen.gaps, *numbers))
    return replace(seen.source, columns=columns, features=(*seen.varying, *numbers), tasks=())


def _only(rows: Fleet, names: tuple[str, ...]) -> Fleet:
    """A sample with some of its columns."""
    return replace(rows, values=rows.taken(np.arange(len(rows.values)), names), columns=names)


def _leaking(seen: _Seen, drawn: Fleet) -> dict[str, str]:
    """Columns that give the end away, with the reason; of a text column those of all its values."""
    flags = end_flags(seen.table, seen.source.columns, drawn, (*seen.gaps, *seen.texts), seen.counts)
    found = leaks(drawn) | flags
    return found | {one: found[name] for name, ones in seen.texts.items() if name in found for one in ones}


def _with_features(seen: _Seen, source: TableSource, ask: bool) -> TableSource:
    """The source with its features, the features' missing readings, and what was done."""
    features = source.features or tuple(name for name in seen.varying if name not in source.left_out)
    if not features:
        raise GraceError(f"{source.path}: some column should vary within a condition. Found none. Name --features.")
    incomplete = tuple(name for name in features if name in seen.gaps)
    return replace(
        source,
        columns=replace(source.columns, incomplete=incomplete),
        features=(*features, *map(missing, incomplete)),
        rows=int(seen.counts["len"].sum()),
        done=_done(seen, features, ask),
    )


def _done(seen: _Seen, features: tuple[str, ...], ask: bool) -> tuple[str, ...]:
    """What was done to a table, and what is asked of it, a line each."""
    table, source, total = seen.table, seen.source, int(seen.counts["len"].sum())
    return (
        *table.done,
        *said_of_categories(seen.texts),
        *said_of_age(table, source.columns, features),
        *texts_for_none(table, features),
        *(replaced(_with_sentinels(source), features, sentinels) if (sentinels := source.columns.sentinels) else ()),
        *carried({name: seen.gaps[name] / total for name in features if name in seen.gaps}),
        *said_of_gaps(table, source),
        *without_rows(source, names_of(seen.counts["engine"])),
        *(suspected(table, seen.edges) if ask else ()),
    )


def _opened(source: TableSource) -> tuple[Table, TableSource, dict[str, tuple[str, ...]]]:
    """The table, cleaned and with a column for each value of its text columns, the source with these features, and these."""
    table = scan(source.path, source.side, source.columns.names)
    source = placed(source, table.schema)
    table.check_roles(source.in_rows)
    table = _cleaned(with_facts(table, source), source, source.columns)
    source = with_age(
        replace(source, tasks=settled(table, source.tasks or (HEALTH,), source.columns.sentinels)), table.schema
    )
    texts = categories_of(table, source)
    features = dict.fromkeys(one for name in source.features for one in texts.get(name, (name,)))
    return with_categories(table, tuple(chain(*texts.values()))), replace(source, features=tuple(features)), texts


def _with_sentinels(source: TableSource) -> Table:
    """The table cleaned of all but its sentinels."""
    table = with_facts(scan(source.path, source.side, source.columns.names), source)
    return _cleaned(table, source, replace(source.columns, sentinels=()))


def _cleaned(table: Table, source: TableSource, columns: Columns) -> Table:
    return cleaned(table, columns, labels=tuple(task.column for task in source.labelled))


def _asked(conditions: str) -> tuple[int, tuple[str, ...]]:
    """Number of conditions (0: find it) and named setting columns."""
    text = conditions.strip()
    if text in (AUTO, NONE):
        return 0, ()
    if text.isdigit():
        return int(text), ()
    return 0, tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _check_named(table: Table, source: TableSource, named: tuple[str, ...]) -> None:
    """Refuse columns that the user named and that cannot be used."""
    columns = replace(source.in_rows, settings=named)
    table.check(columns, (*source.values, *named))
    table.check_dates(columns)
    if taken := [name for name in source.features if name in source.named]:
        raise GraceError(
            f"`--features` should leave out what a network cannot know. Found {taken[0]}, which has a role already."
        )


def _candidates(table: Table, source: TableSource, named: tuple[str, ...], searched: bool) -> Edges:
    """Columns that may be settings or features, with their least and largest values; one of them varies."""
    taken = source.named
    numeric = tuple(n for n, kind in table.schema.items() if is_number(kind) and n not in taken)
    every = numeric if searched or not source.features else ()
    edges = table.edges(tuple(dict.fromkeys((*source.values, *named, *every))))
    if all(low == high for low, high in edges.values()):
        raise GraceError(
            f"{table.path} should have a numeric column that varies. Found none. Name some with --features."
        )
    return edges


def _settings(rows: Fleet, out: set[str], texts: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Columns that look like settings; none of ``out``, and a text column is looked at as one of codes."""
    texts = {name: ones for name, ones in texts.items() if not out.intersection(ones)}
    every, of_texts = np.arange(len(rows.values)), set(chain(*texts.values()))
    names = tuple(name for name in rows.columns if name not in of_texts and name not in out)
    codes = [rows.taken(every, ones) @ np.arange(len(ones)) for ones in texts.values()]
    values = np.column_stack([rows.taken(every, names), *codes])
    found = find_settings(values, _life(rows), rows.engine_of_row(), (*names, *texts))
    return tuple(chain(*(texts.get(name, (name,)) for name in found)))


def _life(rows: Fleet) -> NDArray[np.float64]:
    """Share of its engine's recorded time at each row, ``[R]``."""
    time = np.asarray(rows.rul(), dtype=np.float64)
    first, last = time[rows.starts[:-1]], time[rows.starts[1:] - 1]
    engine = rows.engine_of_row()
    return np.asarray((time - first[engine]) / np.maximum(last - first, 1e-12)[engine])


def _fitted(rows: Fleet, columns: Columns, count: int) -> Conditioner:
    """Conditions of the sample; settings that are constant say nothing."""
    known = replace(columns, settings=tuple(n for n in columns.settings if n in rows.columns))
    return Conditioner.fit(rows, Conventions(features=rows.columns, conditions=count, table=known))


def _left_out(seen: _Seen, columns: Columns, why: Mapping[str, str]) -> dict[str, str]:
    """Why columns are not used, in the order of the table."""
    why = {**why, **dict.fromkeys(columns.settings, "set the operating condition")}
    why |= dict.fromkeys(seen.edges.keys() - seen.varying, "constant")
    texts = {name: f"numbers and texts such as {text!r}" for name, text in seen.table.mixed.items()}
    kinds = {name: kind for name, kind in seen.table.schema.items() if name not in (*seen.source.named, *seen.texts)}
    known = {n: why.get(n) if is_number(kind) else texts.get(n, "no numbers") for n, kind in kinds.items()}
    return {name: reason for name, reason in known.items() if reason is not None}
