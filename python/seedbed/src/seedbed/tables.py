"""Tables as notebooks show them: HTML that needs no style sheet, no script and no trust, and plain text.

Front ends clean the HTML of notebooks that they do not trust, and remove style sheets and scripts; what is here has its colours in the cells.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seedbed.values import flat, number, shown

#: Names of metrics of which less is better, as parts of their names.
LESS_IS_BETTER = ("loss", "error", "mse", "mae", "rmse", "mape", "perplexity", "latency", "seconds", "time")

#: The colours of a heat map, from the worst to the best: red, green and blue. Dark text can be read on all of them.
HEAT = ((253, 231, 226), (255, 255, 255), (120, 198, 121))

BETTER = "#116329"
WORSE = "#b42318"


@dataclass(frozen=True)
class Cell:
    """A value of a table."""

    value: Any
    #: CSS of this cell.
    style: Mapping[str, str] = field(default_factory=dict)
    #: What is said beside the value, such as its difference from another one.
    note: str = ""
    #: How the value is written, if not as :func:`seedbed.values.shown` does it.
    text: str | None = None

    def __str__(self) -> str:
        text = shown(self.value, width=60) if self.text is None else self.text
        return f"{text} {self.note}" if self.note else text


@dataclass(frozen=True)
class Table:
    """Rows of cells under titles. A notebook shows it; as text it is in columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    #: What is said below, or in place of rows.
    remark: str = ""

    @classmethod
    def of(cls, columns: Sequence[str], rows: Iterable[Sequence[Any]], caption: str = "", remark: str = "") -> Table:
        """Makes a table of plain values."""
        cells = [[value if isinstance(value, Cell) else Cell(value) for value in row] for row in rows]
        return cls(columns, cells, caption, remark)

    def to_dataframe(self) -> Any:
        """Gives the values as a table of pandas."""
        import pandas

        return pandas.DataFrame([[cell.value for cell in row] for row in self.rows], columns=list(self.columns))

    def __str__(self) -> str:
        """
        >>> print(Table.of(["name", "rows"], [["raw", 12], ["clean", 9]], caption="Resources"))
        Resources
        name   rows
        raw      12
        clean     9
        """
        lines = [self.caption] if self.caption else []
        if self.rows:
            texts = [list(self.columns), *([str(cell) for cell in row] for row in self.rows)]
            widths = [max(len(row[place]) for row in texts) for place in range(len(self.columns))]
            aligned = [_is_number_column(self.rows, place) for place in range(len(self.columns))]
            for row in texts:
                parts = [
                    text.rjust(width) if is_number else text.ljust(width)
                    for text, width, is_number in zip(row, widths, aligned, strict=True)
                ]
                lines.append("  ".join(parts).rstrip())
        if self.remark:
            lines.append(self.remark)
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = []
        if self.caption:
            parts.append(f"<p><b>{html.escape(self.caption)}</b></p>")
        if self.rows:
            aligned = [_is_number_column(self.rows, place) for place in range(len(self.columns))]
            titles = "".join(
                f'<th style="text-align: {_side(is_number)}">{html.escape(column)}</th>'
                for column, is_number in zip(self.columns, aligned, strict=True)
            )
            body = "".join(
                "<tr>" + "".join(_cell(cell, side) for cell, side in zip(row, aligned, strict=True)) + "</tr>"
                for row in self.rows
            )
            parts.append(f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>")
        if self.remark:
            parts.append(f"<p>{html.escape(self.remark)}</p>")
        return f"<div>{''.join(parts)}</div>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._repr_html_()}


@dataclass(frozen=True)
class Several:
    """Tables one below the other."""

    tables: Sequence[Table]

    def __str__(self) -> str:
        return "\n\n".join(str(table) for table in self.tables)

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": "".join(table._repr_html_() for table in self.tables)}


def _side(is_number: bool) -> str:
    return "right" if is_number else "left"


def _cell(cell: Cell, is_number: bool) -> str:
    style = {"text-align": _side(is_number), **cell.style}
    css = "; ".join(f"{name}: {value}" for name, value in style.items())
    text = html.escape(shown(cell.value, width=60) if cell.text is None else cell.text)
    whole = "" if number(cell.value) is not None or len(text) < 60 else f' title="{html.escape(str(cell.value))}"'
    note = f" <small>{html.escape(cell.note)}</small>" if cell.note else ""
    return f'<td style="{css}"{whole}>{text}{note}</td>'


def _is_number_column(rows: Sequence[Sequence[Cell]], place: int) -> bool:
    values = [row[place].value for row in rows if row[place].value is not None]
    return bool(values) and all(number(value) is not None for value in values)


def is_less_better(metric: str) -> bool:
    """Guesses from the name of a metric whether less of it is better.

    >>> is_less_better("val_loss"), is_less_better("accuracy"), is_less_better("report.cat.recall")
    (True, False, False)
    """
    words = metric.lower().replace(".", "_").replace("-", "_").split("_")
    return any(word in LESS_IS_BETTER for word in words)


def heat(part: float) -> str:
    """Gives the colour between the worst (0) and the best (1).

    >>> heat(0), heat(0.5), heat(1)
    ('#fde7e2', '#ffffff', '#78c679')
    """
    place = min(max(part, 0.0), 1.0) * (len(HEAT) - 1)
    below = min(int(place), len(HEAT) - 2)
    share = place - below
    mixed = (round(one + (other - one) * share) for one, other in zip(HEAT[below], HEAT[below + 1], strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


@dataclass(frozen=True)
class HistoryStyle:
    """How a history is shown."""

    #: Colours by how good a metric is among the snapshots.
    heatmap: bool = False
    #: The tag or the beginning of the hash of the snapshot that others are compared with.
    baseline: str | None = None
    #: Metrics of which more is better, whatever their names.
    maximize: Sequence[str] = ()
    #: Metrics of which less is better.
    minimize: Sequence[str] = ()
    #: How many decimal places numbers have; ``None``: four digits that count.
    round_metrics: int | None = None

    def is_less_better(self, metric: str) -> bool:
        """Says whether less of a metric is better: as was said, or as its name sounds."""
        if metric in self.maximize:
            return False
        return metric in self.minimize or is_less_better(metric)

    def text(self, value: Any) -> str | None:
        """Writes a number as it is wanted."""
        if self.round_metrics is None or number(value) is None or isinstance(value, int):
            return None
        return f"{value:.{self.round_metrics}f}"


def history_table(history: Sequence[Any], style: HistoryStyle, caption: str = "") -> Table:
    """Shows snapshots (``SnapshotInfo``), a row each, with a column for each metric.

    Raises :class:`KeyError` with the baseline when no snapshot is called so.
    """
    metrics = [flat(one.metrics or {}) for one in history]
    names = list(dict.fromkeys(name for one in metrics for name in one))
    base: dict[str, Any] = {}
    if style.baseline is not None:
        found = [place for place, one in enumerate(history) if _is_called(one, style.baseline)]
        if not found:
            raise KeyError(style.baseline)
        base = metrics[found[0]]
    columns = ["#", "snapshot", "tags", "taken", "message", *names]
    ranges = {name: _range([one.get(name) for one in metrics]) for name in names}
    rows = []
    for one, values in zip(history, metrics, strict=True):
        is_base = style.baseline is not None and _is_called(one, style.baseline)
        row = [
            Cell(one.snapshot_number),
            Cell(one.hashval[:8]),
            Cell(one.tags),
            Cell(one.timestamp[:19].replace("T", " ")),
            Cell(one.message),
        ]
        row.extend(_metric(name, values.get(name), ranges[name], base.get(name), style, is_base) for name in names)
        rows.append(row)
    remark = "" if rows else "no snapshot was taken yet"
    if style.baseline is not None and rows:
        remark = f"differences are to {style.baseline}; green is better, red is worse"
    return Table(columns, rows, caption, remark)


def _is_called(snapshot: Any, wanted: str) -> bool:
    return wanted in snapshot.tags or (len(wanted) >= 7 and snapshot.hashval.startswith(wanted))


def _range(values: Iterable[Any]) -> tuple[float, float] | None:
    numbers = [found for found in map(number, values) if found is not None]
    return (min(numbers), max(numbers)) if numbers else None


def _metric(
    name: str, value: Any, span: tuple[float, float] | None, base: Any, style: HistoryStyle, is_base: bool
) -> Cell:
    amount, before = number(value), number(base)
    css: dict[str, str] = {}
    note = ""
    less = style.is_less_better(name)
    if style.heatmap and amount is not None and span is not None and span[1] > span[0]:
        part = (amount - span[0]) / (span[1] - span[0])
        css = {"background-color": heat(1 - part if less else part), "color": "#000000"}
    if amount is not None and before is not None and not is_base:
        difference = amount - before
        if difference:
            note = f"({difference:+.3g})"
            if not style.heatmap:
                css["color"] = BETTER if (difference < 0) == less else WORSE
                # Readable on a dark page as well.
                css["background-color"] = "#ffffff"
    if is_base:
        css["font-weight"] = "bold"
    return Cell(value, css, note, style.text(value))


def results_tables(results: Mapping[str, Any], style: HistoryStyle | None = None) -> Several:
    """Shows a ``results.json``: what was run, its parameters, its metrics; nested metrics as tables of their own."""
    style = style or HistoryStyle()
    about = [
        (title, results.get(key))
        for title, key in (
            ("step", "step"),
            ("started", "start_time"),
            ("seconds", "execution_time_seconds"),
            ("description", "run_description"),
        )
        if results.get(key) is not None
    ]
    tables = [Table.of(["run", ""], about, caption="Results")]
    parameters = flat(results.get("parameters") or {})
    if parameters:
        tables.append(Table.of(["parameter", "value"], parameters.items(), caption="Parameters"))
    metrics = results.get("metrics") or {}
    single = {name: value for name, value in metrics.items() if not _is_report(value)}
    if single:
        rows = [(name, Cell(value, text=style.text(value))) for name, value in flat(single).items()]
        tables.append(Table.of(["metric", "value"], rows, caption="Metrics"))
    for name, value in metrics.items():
        if _is_report(value):
            tables.append(_report(name, value, style))
    return Several(tables)


def _is_report(value: Any) -> bool:
    """Whether a metric is a table: rows of the same kind by their names."""
    return isinstance(value, Mapping) and any(isinstance(part, Mapping) for part in value.values())


def _report(name: str, value: Mapping[str, Any], style: HistoryStyle) -> Table:
    rows = {key: part for key, part in value.items() if isinstance(part, Mapping)}
    columns = list(dict.fromkeys(column for part in rows.values() for column in part))
    cells: list[list[Any]] = [
        [key, *(Cell(part.get(column), text=style.text(part.get(column))) for column in columns)]
        for key, part in rows.items()
    ]
    rest = {key: part for key, part in value.items() if not isinstance(part, Mapping)}
    remark = ", ".join(f"{key}: {shown(part)}" for key, part in rest.items())
    return Table.of([name, *columns], cells, caption=name, remark=remark)
