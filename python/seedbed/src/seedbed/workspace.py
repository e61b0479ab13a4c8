"""A data workspace from Python: its resources, snapshots, results and lineage.

Every function takes ``workspace_uri_or_path``, a directory in the workspace; without it, it is that of the current directory.
``verbose`` tells on standard error what the program is at.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple, overload

from seedbed import __version__
from seedbed.client import Client, SeedbedError, client_for
from seedbed.lineage import ResourceRef

if TYPE_CHECKING:
    import pandas

__all__ = [
    "LineageRow",
    "ResourceFileSystem",
    "ResourceInfo",
    "SnapshotInfo",
    "get_api_version",
    "get_filesystem_for_resource",
    "get_local_path_for_resource",
    "get_resource_info",
    "get_results",
    "get_scratch_directory",
    "get_snapshot_history",
    "get_status",
    "get_version",
    "get_workspace_info",
    "make_lineage_graph",
    "make_lineage_table",
    "restore",
    "take_snapshot",
]

#: The version of the functions of this module, which change less often than the package.
API_VERSION = "1.0"

Where = str | os.PathLike[str] | None


class ResourceInfo(NamedTuple):
    """A resource of the workspace."""

    name: str
    #: ``source-data``, ``intermediate-data``, ``code`` or ``results``.
    role: str
    #: What kind of resource it is: ``local-files``, ``git``, ``database`` and so on.
    resource_type: str
    #: Its directory here, if it has one.
    local_path: str | None


class SnapshotInfo(NamedTuple):
    """A snapshot that was taken."""

    #: Counted from 1.
    snapshot_number: int
    hashval: str
    tags: list[str]
    #: When it was taken, in UTC: RFC 3339.
    timestamp: str
    message: str
    #: What ``results.json`` had as metrics then.
    metrics: dict[str, Any] | None


class LineageRow(NamedTuple):
    """What is known of one place that was written, or that a step read."""

    ref: str
    #: ``step`` for what a step has made, ``source`` for what none has.
    lineage_type: str
    #: The step and its parameters, and why it is stale, if it is.
    details: str
    inputs: list[str] | None


def get_version() -> str:
    """Gives the version of this package."""
    return __version__


def get_api_version() -> str:
    """Gives the version of this module."""
    return API_VERSION


def get_workspace_info(workspace_uri_or_path: Where = None, verbose: bool = False) -> dict[str, Any]:
    """Gives name, directory, form and parameters of the workspace."""
    return dict(_client(workspace_uri_or_path, verbose).call("workspace"))


def get_resource_info(workspace_uri_or_path: Where = None, verbose: bool = False) -> list[ResourceInfo]:
    """Lists the resources of the workspace."""
    client = _client(workspace_uri_or_path, verbose)
    found = client.call("resources")
    return [
        ResourceInfo(one["name"], one["role"], one["type"], _absolute(client, one.get("path"))) for one in found
    ]


def get_local_path_for_resource(
    name: str, workspace_uri_or_path: Where = None, verbose: bool = False
) -> str | None:
    """Gives the directory of a resource; ``None`` for one that has none here."""
    client = _client(workspace_uri_or_path, verbose)
    return _absolute(client, client.call("resource.path", name=name)["path"])


class ResourceFileSystem:
    """The files of a resource, with the names that fsspec has for such methods. Paths are those in the resource."""

    def __init__(self, client: Client, name: str, root: str):
        self._client = client
        self.name = name
        self.root = Path(root)

    @overload
    def open(self, rel_path: str, mode: Literal["rb", "wb", "ab"], **options: Any) -> io.BufferedIOBase: ...
    @overload
    def open(self, rel_path: str, mode: str = "r", **options: Any) -> IO[Any]: ...
    def open(self, rel_path: str, mode: str = "r", **options: Any) -> Any:
        """Opens a file; one that is written is made, with its directories."""
        path = self.local_path(rel_path)
        if any(letter in mode for letter in "wax"):
            path.parent.mkdir(parents=True, exist_ok=True)
        return open(path, mode, **options)

    def ls(self, rel_path: str = "") -> list[str]:
        """Lists the paths in a directory, sorted."""
        listed = self._client.call("resource.list", name=self.name, path=relative(rel_path))
        directory = PurePosixPath(relative(rel_path))
        return [str(directory / entry["name"]) for entry in listed]

    def exists(self, rel_path: str) -> bool:
        """Says whether there is a file or a directory."""
        return self.local_path(rel_path).exists()

    def isfile(self, rel_path: str) -> bool:
        """Says whether there is a file."""
        return self.local_path(rel_path).is_file()

    def isdir(self, rel_path: str) -> bool:
        """Says whether there is a directory."""
        return self.local_path(rel_path).is_dir()

    def local_path(self, rel_path: str) -> Path:
        """Gives the path here of a path in the resource."""
        return self.root / relative(rel_path)


def get_filesystem_for_resource(
    name: str, workspace_uri_or_path: Where = None, verbose: bool = False
) -> ResourceFileSystem | None:
    """Gives the files of a resource; ``None`` for one that has none here."""
    client = _client(workspace_uri_or_path, verbose)
    path = _absolute(client, client.call("resource.path", name=name)["path"])
    return None if path is None else ResourceFileSystem(client, name, path)


def take_snapshot(
    workspace_uri_or_path: Where = None, tag: str | None = None, message: str = "", verbose: bool = False
) -> str:
    """Takes a snapshot of all resources; gives its hash. The same state has the same hash."""
    answer = _client(workspace_uri_or_path, verbose).call("snapshot", tag=tag, message=message)
    return str(answer["hash"])


@overload
def get_snapshot_history(
    workspace_uri_or_path: Where = None,
    reverse: bool = False,
    max_count: int | None = None,
    verbose: bool = False,
    as_dataframe: Literal[False] = False,
) -> list[SnapshotInfo]: ...
@overload
def get_snapshot_history(
    workspace_uri_or_path: Where = None,
    reverse: bool = False,
    max_count: int | None = None,
    verbose: bool = False,
    *,
    as_dataframe: Literal[True],
) -> pandas.DataFrame: ...
def get_snapshot_history(
    workspace_uri_or_path: Where = None,
    reverse: bool = False,
    max_count: int | None = None,
    verbose: bool = False,
    as_dataframe: bool = False,
) -> Any:
    """Lists the snapshots, the oldest first unless ``reverse`` is given.

    With ``max_count``, so many from that end. ``as_dataframe`` gives a table of pandas instead, a row for each snapshot and a
    column for each metric.
    """
    client = _client(workspace_uri_or_path, verbose)
    # The program counts its limit from the newest; the oldest are the first of all.
    taken = client.call("history", limit=max_count if reverse else None)
    history = [
        SnapshotInfo(
            one["number"],
            one["hash"],
            list(one.get("tags", ())),
            one["taken"],
            one.get("message") or "",
            one.get("metrics"),
        )
        for one in taken
    ]
    history.sort(key=lambda snapshot: snapshot.snapshot_number, reverse=reverse)
    history = history[:max_count]
    if as_dataframe:
        from seedbed.frames import history_frame

        return history_frame(history)
    return history


def restore(
    tag_or_hash: str,
    workspace_uri_or_path: Where = None,
    only: Sequence[str] | None = None,
    leave: Sequence[str] | None = None,
    verbose: bool = False,
    strict: bool = False,
) -> int:
    """Brings the resources back to a snapshot; gives how many it has changed. Results are never changed.

    ``only`` names those that are brought back, ``leave`` those that are not; with ``strict`` it is an error when a resource of the
    snapshot is no more, or one that is here is not in it.
    """
    if only is not None and leave is not None:
        raise SeedbedError("`only` and `leave` exclude each other", kind="usage")
    client = _client(workspace_uri_or_path, verbose)
    answer = client.call(
        "restore",
        tag=tag_or_hash,
        only=None if only is None else list(only),
        leave=None if leave is None else list(leave),
        strict=strict or None,
    )
    return len(answer["restored"])


def get_results(
    workspace_uri_or_path: Where = None,
    tag_or_hash: str | None = None,
    resource_name: str | None = None,
    verbose: bool = False,
) -> dict[str, Any] | None:
    """Gives what ``results.json`` says, now or in a snapshot; ``None`` when there is none."""
    found = _client(workspace_uri_or_path, verbose).call("results", tag=tag_or_hash, resource=resource_name)
    return None if found is None else dict(found)


def get_status(workspace_uri_or_path: Where = None, verbose: bool = False) -> dict[str, Any]:
    """Says what has changed in the resources since the last snapshot, and which steps are stale."""
    return dict(_client(workspace_uri_or_path, verbose).call("status"))


def get_scratch_directory(workspace_uri_or_path: Where = None, verbose: bool = False) -> Path:
    """Gives the directory for check-points and temporary data, which is in no snapshot; makes it if it is missing."""
    info = _client(workspace_uri_or_path, verbose).call("workspace")
    named = info["parameters"].get("scratch_directory") or "scratch"
    scratch = Path(info["directory"]) / named
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch


def make_lineage_table(
    workspace_uri_or_path: Where = None, tag_or_hash: str | None = None, verbose: bool = False
) -> list[LineageRow]:
    """Says of each place that was written which step made it, from what; now or in a snapshot."""
    table = _client(workspace_uri_or_path, verbose).call("lineage.table", snapshot=tag_or_hash)
    return [lineage_row(row) for row in table["rows"]]


def lineage_row(row: Mapping[str, Any]) -> LineageRow:
    """Reads a row of the program's table."""
    ref = str(ResourceRef(row.get("resource") or row.get("external") or "?", row.get("path") or None))
    if not row.get("step"):
        return LineageRow(ref, "source", "", None)
    parameters = ", ".join(f"{name}={value}" for name, value in (row.get("parameters") or {}).items())
    details = f"{row['step']}({parameters})"
    if row.get("status") not in (None, "complete"):
        details += f", {row['status']}"
    if row.get("stale"):
        details += f", stale: {row['stale']}"
    return LineageRow(ref, "step", details, [reference(one) for one in row.get("inputs") or ()])


def reference(one: Any) -> str:
    """Gives a reference of the program as text: ``resource:path``, or a URL."""
    if isinstance(one, str):
        return one
    if one.get("external"):
        return str(one["external"])
    return str(ResourceRef(one.get("resource", "?"), one.get("path") or None))


def make_lineage_graph(
    output_file: str | os.PathLike[str],
    workspace_uri_or_path: Where = None,
    resource_name: str | None = None,
    tag_or_hash: str | None = None,
    width: int = 1024,
    height: int = 800,
    verbose: bool = False,
    format: str | None = None,
) -> None:
    """Writes a picture of the lineage to a file.

    ``format`` is ``html`` (one page that can be zoomed and clicked), ``svg``, ``dot`` or ``json``; by default what the file's name
    ends with, else ``html``.
    """
    path = Path(output_file)
    chosen = format or path.suffix.lstrip(".").lower() or "html"
    text = lineage_graph(
        chosen,
        workspace_uri_or_path,
        resource_name=resource_name,
        tag_or_hash=tag_or_hash,
        width=width,
        height=height,
        verbose=verbose,
    )
    path.write_text(text, encoding="utf-8")


def lineage_graph(
    format: str,
    workspace_uri_or_path: Where = None,
    *,
    resource_name: str | None = None,
    tag_or_hash: str | None = None,
    width: int | None = None,
    height: int | None = None,
    verbose: bool = False,
) -> str:
    """Gives a picture of the lineage as the text of a file: ``svg``, ``html``, ``dot`` or ``json``."""
    import json

    answer = _client(workspace_uri_or_path, verbose).call(
        "lineage.graph",
        format={"htm": "html", "gv": "dot"}.get(format, format),
        resource=resource_name,
        snapshot=tag_or_hash,
        width=width,
        height=height,
    )
    return answer["text"] if "text" in answer else json.dumps(answer, indent=1)


def find_resource(role: str, wanted: str | ResourceRef | None, workspace_uri_or_path: Where = None) -> ResourceRef:
    """Finds the resource that is meant: by its name, by a path in it, or the only one of a role."""
    if isinstance(wanted, ResourceRef):
        return wanted
    resources = get_resource_info(workspace_uri_or_path)
    if wanted is None:
        fitting = [one.name for one in resources if one.role == role]
        if len(fitting) == 1:
            return ResourceRef(fitting[0])
        count = "no resource has" if not fitting else f"{', '.join(fitting)} all have"
        raise SeedbedError(f"{count} the role {role}", kind="resource", help="name the resource that is meant")
    if any(one.name == wanted for one in resources):
        return ResourceRef(wanted)
    path = Path(os.path.abspath(wanted))
    inside = [one for one in resources if one.local_path and path.is_relative_to(one.local_path)]
    if not inside:
        raise SeedbedError(
            f"`{wanted}` is neither the name of a resource nor a path in one",
            kind="resource",
            help=f"the resources are {', '.join(one.name for one in resources) or 'none'}",
        )
    # The innermost: a resource may lie in another one.
    found = max(inside, key=lambda one: len(one.local_path or ""))
    below = path.relative_to(found.local_path or "").as_posix()
    return ResourceRef(found.name, None if below == "." else below)


def local_path(ref: ResourceRef, workspace_uri_or_path: Where = None) -> Path:
    """Gives the path here of a reference; an error for a resource that has none."""
    root = get_local_path_for_resource(ref.name, workspace_uri_or_path)
    if root is None:
        raise SeedbedError(f"resource `{ref.name}` has no files here", kind="resource")
    return Path(root) / relative(ref.subpath or "")


def relative(path: str) -> str:
    """Gives a path in a resource without ``/`` around it; refuses one that leads out of it.

    >>> relative("/a/./b/"), relative("")
    ('a/b', '')
    """
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise SeedbedError(f"`{path}` leads out of the resource", kind="resource")
    return "/".join(parts)


def _absolute(client: Client, path: str | None) -> str | None:
    return None if path is None else str((client.directory / path).resolve())


def _client(where: Where, verbose: bool) -> Client:
    client = client_for(where)
    client.on_progress = _tell if verbose else None
    return client


def _tell(progress: Mapping[str, Any]) -> None:
    print(progress.get("text", ""), file=sys.stderr)


