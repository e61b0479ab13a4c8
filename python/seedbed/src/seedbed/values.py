"""Values of Python as JSON has them: parameters and metrics come from everywhere."""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Mapping, Set
from pathlib import PurePath
from typing import Any


def plain(value: Any) -> Any:
    """Gives what JSON can hold of a value, without loss where that is possible, else its text.

    Numbers and arrays of NumPy, pandas, PyTorch and their like are those of Python; numbers that JSON has no word for are texts.

    >>> from pathlib import Path
    >>> plain({"rate": 0.5, "loss": float("nan"), "file": Path("data/raw.csv"), 3: {2, 1}})
    {'rate': 0.5, 'loss': 'nan', 'file': 'data/raw.csv', '3': [1, 2]}
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, Set):
        parts = [plain(part) for part in value]
        return sorted(parts, key=lambda part: (type(part).__name__, str(part)))
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, PurePath):
        return os.fspath(value)
    # Arrays and their scalars say how they are written, whatever package they are of.
    for method in ("tolist", "item"):
        convert = getattr(value, method, None)
        if callable(convert) and not isinstance(value, type):
            return plain(convert())
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return str(value)


def shown(value: Any, width: int = 30) -> str:
    """Gives a value as a cell of a table shows it: numbers rounded, long texts cut.

    >>> shown(0.123456789), shown(12), shown("a" * 40, width=10)
    ('0.1235', '12', 'aaaaaaaaa…')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}" if math.isfinite(value) else repr(value)
    if isinstance(value, (list, tuple)):
        text = ", ".join(shown(part, width) for part in value)
    elif isinstance(value, Mapping):
        text = ", ".join(f"{key}: {shown(part, width)}" for key, part in value.items())
    else:
        text = str(value)
    return text if len(text) <= width else text[: width - 1] + "…"


def number(value: Any) -> float | None:
    """Gives the number that a metric is, if it is one.

    >>> number(2), number(True), number("2")
    (2.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def flat(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Gives nested metrics as one level, with points in the names.

    >>> flat({"loss": 1, "report": {"cat": {"recall": 0.5}}})
    {'loss': 1, 'report.cat.recall': 0.5}
    """
    found: dict[str, Any] = {}
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found
