"""Data that a program gets from somewhere and no resource holds: its hash is what is versioned."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from seedbed.client import client_for
from seedbed.lineage import ResourceRef


def hash_of_data(*parts: Any) -> str:
    """Hashes arrays, tables and what else data is made of: 40 hexadecimal digits. Same kinds, shapes and values, same hash.

    >>> hash_of_data([1, 2], "x") == hash_of_data([1, 2], "x") != hash_of_data([1, 2, "x"])
    True
    """
    state = hashlib.sha1(usedforsecurity=False)
    for part in parts:
        _add(state, part)
    return state.hexdigest()


def _add(state: Any, part: Any) -> None:
    kind = type(part).__name__
    if part is None or isinstance(part, (bool, int, float, str)):
        _write(state, kind, str(part).encode())
    elif isinstance(part, (bytes, bytearray, memoryview)):
        _write(state, "bytes", bytes(part))
    elif isinstance(part, Mapping):
        _write(state, "map", str(len(part)).encode())
        for name, value in part.items():
            _add(state, name)
            _add(state, value)
    elif hasattr(part, "to_numpy") and hasattr(part, "index"):
        # A table or a column of pandas: the names count as well.
        _add(state, [str(name) for name in getattr(part, "columns", [getattr(part, "name", None)])])
        _add(state, part.to_numpy())
    elif hasattr(part, "numpy") and callable(part.numpy) or hasattr(part, "detach"):
        tensor = part.detach().cpu() if hasattr(part, "detach") else part
        _add(state, tensor.numpy())
    elif hasattr(part, "dtype") and hasattr(part, "shape"):
        import numpy

        array = numpy.asarray(part)
        _write(state, "array", f"{array.dtype.str} {array.shape}".encode())
        if array.dtype.hasobject:
            _add(state, array.tolist())
        else:
            _write(state, "values", numpy.ascontiguousarray(array).tobytes())
    elif isinstance(part, Iterable):
        parts = list(part)
        _write(state, "list", str(len(parts)).encode())
        for one in parts:
            _add(state, one)
    else:
        raise TypeError(f"data of the type {kind} has no hash")


def _write(state: Any, kind: str, value: bytes) -> None:
    # With the length before it, no two lists of parts look alike.
    state.update(f"{kind}:{len(value)}:".encode())
    state.update(value)


def record_api_data(
    resource: ResourceRef, *parts: Any, workspace_dir: str | os.PathLike[str] | None = None
) -> str | None:
    """Says what a resource of the type ``api`` holds now; gives the hash, or ``None`` for a resource of another type."""
    client = client_for(workspace_dir)
    if all(one["name"] != resource.name or one["type"] not in ("api", "api-resource") for one in client.call("resources")):
        return None
    digest = hash_of_data(*parts)
    client.call("resource.hash", name=resource.name, hash=digest)
    return digest
