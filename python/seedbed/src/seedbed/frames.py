"""Tables of pandas: the history of snapshots, and their results."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from seedbed.values import flat

if TYPE_CHECKING:
    import os

    import pandas

    from seedbed.workspace import SnapshotInfo

#: The columns that every history has, in this order; those of metrics come after them.
HISTORY_COLUMNS = ("hashval", "tags", "timestamp", "message")


def history_frame(history: Iterable[SnapshotInfo]) -> pandas.DataFrame:
    """Gives snapshots as a table: the index is ``snapshot_number``, times are UTC, each metric has a column.

    Metrics in metrics have points in their names: ``report.cat.recall``.
    """
    import pandas

    snapshots = list(history)
    rows = [
        {
            "snapshot_number": one.snapshot_number,
            "hashval": one.hashval,
            "tags": ", ".join(one.tags),
            "timestamp": one.timestamp,
            "message": one.message,
            **{_column(name): value for name, value in flat(one.metrics or {}).items()},
        }
        for one in snapshots
    ]
    frame = pandas.DataFrame(rows, columns=_columns(rows)).set_index("snapshot_number")
    frame["timestamp"] = pandas.to_datetime(frame["timestamp"], utc=True, format="ISO8601")
    return frame


def _column(metric: str) -> str:
    """Names the column of a metric; one that is called like a column of the history is told apart."""
    return f"metrics.{metric}" if metric in ("snapshot_number", *HISTORY_COLUMNS) else metric


def _columns(rows: list[dict[str, Any]]) -> list[str]:
    columns = dict.fromkeys(("snapshot_number", *HISTORY_COLUMNS))
    for row in rows:
        columns.update(dict.fromkeys(row))
    return list(columns)


def results_frame(
    tags_or_hashes: Iterable[str] | None = None,
    workspace_uri_or_path: str | os.PathLike[str] | None = None,
    resource_name: str | None = None,
) -> pandas.DataFrame:
    """Gives the results of snapshots as a table, a row for each snapshot that has some.

    Without ``tags_or_hashes`` of all snapshots. Parameters and metrics are columns: ``parameters.gamma``, ``metrics.accuracy``.
    """
    import pandas

    from seedbed.workspace import get_results, get_snapshot_history

    wanted = tags_or_hashes
    if wanted is None:
        wanted = [one.hashval for one in get_snapshot_history(workspace_uri_or_path)]
    rows = []
    for snapshot in wanted:
        found = get_results(workspace_uri_or_path, snapshot, resource_name)
        if found is not None:
            rows.append({"snapshot": snapshot, **flat(found)})
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["snapshot"]
    return pandas.DataFrame(rows, columns=columns).set_index("snapshot")
