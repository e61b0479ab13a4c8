"""A data workspace in notebooks: magics, and the lineage of a notebook as a step.

``%load_ext seedbed.jupyter`` brings the magics, each under two names: ``%dws_info`` and ``%seedbed_info``. What they show is a MIME bundle of HTML
without scripts and plain text, so that JupyterLab, the classic notebook, VS Code, ``nbclient`` and terminals show it without anything being
installed or trusted. Each gives what it shows, too: ``history = %dws_history`` and ``history.to_dataframe()``.
"""

from __future__ import annotations

import argparse
import base64
import html
import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from IPython.core.interactiveshell import InteractiveShell

from seedbed import workspace
from seedbed.client import SeedbedError
from seedbed.lineage import LineageBuilder, LineageError, place
from seedbed.tables import HistoryStyle, Several, Table, history_table, results_tables

#: The variable that names the notebook where nothing else does, as in a run by ``nbclient``.
NOTEBOOK_VARIABLE = "SEEDBED_NOTEBOOK"

#: How many snapshots ``%dws_history --tail`` shows.
TAIL = 10

#: A line of a magic, parsed.
Parsed = argparse.Namespace


def notebook_path(shell: InteractiveShell | None = None) -> Path | None:
    """Gives the file of the running notebook, as far as its front end tells; ``None`` where none is known."""
    variables: Mapping[str, Any] = shell.user_ns if shell is not None else _namespace()
    for name in ("__vsc_ipynb_file__", "__notebook_path__"):
        told = variables.get(name)
        if isinstance(told, str) and told:
            return Path(told)
    for variable in (NOTEBOOK_VARIABLE, "JPY_SESSION_NAME"):
        told = os.environ.get(variable)
        if told and told.endswith(".ipynb"):
            return Path(told)
    return None


def _namespace() -> Mapping[str, Any]:
    if not InteractiveShell.initialized():
        return {}
    variables: Mapping[str, Any] = InteractiveShell.instance().user_ns
    return variables


def get_step_name_for_notebook() -> str | None:
    """Gives the name that the running notebook has as a step: that of its file without the ending."""
    path = notebook_path()
    return None if path is None else path.stem


def get_notebook_directory() -> str:
    """Gives the directory of the running notebook, which is the current one when the kernel starts."""
    path = notebook_path()
    return os.getcwd() if path is None or not path.parent.is_dir() else str(path.parent.resolve())


def is_notebook() -> bool:
    """Whether this runs in the kernel of a notebook."""
    return InteractiveShell.initialized() and type(InteractiveShell.instance()).__name__ == "ZMQInteractiveShell"


class NotebookLineageBuilder(LineageBuilder):
    """Describes the step that a notebook is; its file is the code, if it is known."""

    kind = "notebook"

    def __init__(
        self,
        results_dir: str | os.PathLike[str] | None = None,
        step_name: str | None = None,
        run_description: str | None = None,
    ):
        super().__init__()
        path = notebook_path()
        self.step_name = step_name or (None if path is None else path.stem)
        if self.step_name is None:
            raise LineageError(
                "this notebook does not know the name of its file",
                help=f'give a name, `NotebookLineageBuilder(…, step_name="explore")`, or set {NOTEBOOK_VARIABLE}',
            )
        self.workspace_dir = get_notebook_directory()
        if path is not None and path.is_file():
            self.code.append(place(path))
        if results_dir is not None:
            self.as_results_step(results_dir, run_description)


class _Usage(Exception):
    """A line that is not understood, or a question for help: what there is to say."""


class MagicFailed(SeedbedError):
    """What could not be shown. A notebook shows the message alone: the way through this package is of no use to anybody."""

    def __init__(self, error: SeedbedError):
        super().__init__(error.message, kind=error.kind, help=error.help)

    def _render_traceback_(self) -> list[str]:
        return [f"error: {self}"]


class _Parser(argparse.ArgumentParser):
    """Arguments of a magic. It prints nothing and ends nothing."""

    def error(self, message: str) -> NoReturn:
        raise _Usage(f"{message}\n{self.format_usage().strip()}")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _Usage(message or "")

    def print_help(self, file: Any = None) -> None:
        raise _Usage(self.format_help().strip())

    def parse_line(self, line: str) -> Parsed:
        try:
            return self.parse_args(shlex.split(line))
        except ValueError as error:
            self.error(str(error))


class Told:
    """What a magic has to say, in a line or two."""

    def __init__(self, text: str, is_error: bool = False):
        self.text = text
        self.is_error = is_error

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        style = ' style="color: #b42318; background-color: #ffffff"' if self.is_error else ""
        return {"text/plain": self.text, "text/html": f"<pre{style}>{html.escape(self.text)}</pre>"}


class Graph:
    """A picture of lineage."""

    def __init__(self, svg: str, text: str):
        self.svg = svg
        self.text = text

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        # As an image it needs no trust: no front end removes it, and nothing in it can run.
        data = base64.b64encode(self.svg.encode()).decode()
        image = f'<img src="data:image/svg+xml;base64,{data}" alt="{html.escape(self.text)}" style="max-width: 100%"/>'
        return {"text/plain": self.text, "text/html": image}


class SeedbedMagics:
    """The magics. A failure is an exception, which ends the cell."""

    def __init__(self) -> None:
        #: The directory by which the workspace is found; it stays when a cell changes the current one.
        self.directory = get_notebook_directory()

    def info(self, line: str) -> Any:
        """Shows the workspace and its resources."""
        parser = _Parser(prog="%seedbed_info", description="Show the workspace and its resources.")
        return self._run(parser, line, self._info)

    def _info(self, _: Parsed) -> Several:
        about = workspace.get_workspace_info(self.directory)
        rows = [("workspace", about["name"]), ("directory", about["directory"])]
        rows += [(name, value) for name, value in (about.get("parameters") or {}).items() if value is not None]
        step = get_step_name_for_notebook()
        if step is not None:
            rows.append(("this notebook, as a step", step))
        status = {one["name"]: one for one in workspace.get_status(self.directory)["resources"]}
        resources = [
            (one.name, one.role, one.resource_type, _relative(one.local_path, about["directory"]), _change(status.get(one.name)))
            for one in workspace.get_resource_info(self.directory)
        ]
        columns = ["resource", "role", "type", "path", "since the last snapshot"]
        remark = "" if resources else "there is no resource yet"
        return Several(
            [
                Table.of(["", ""], rows, caption="Data workspace"),
                Table.of(columns, resources, caption="Resources", remark=remark),
            ]
        )

    def snapshot(self, line: str) -> Any:
        """Takes a snapshot."""
        parser = _Parser(prog="%seedbed_snapshot", description="Take a snapshot of the workspace.")
        parser.add_argument("-m", "--message", default="", help="what it is")
        parser.add_argument("-t", "--tag", default=None, help="a name for it, which no other snapshot has")
        return self._run(parser, line, self._snapshot)

    def _snapshot(self, arguments: Parsed) -> Told:
        before = {one.hashval for one in workspace.get_snapshot_history(self.directory)}
        taken = workspace.take_snapshot(self.directory, tag=arguments.tag, message=arguments.message)
        what = "the same state as a snapshot that is there" if taken in before else "a new state"
        tag = f", tag {arguments.tag}" if arguments.tag else ""
        return Told(f"snapshot {taken[:8]}{tag}: {what}")

    def history(self, line: str) -> Any:
        """Shows the snapshots and their metrics."""
        parser = _Parser(prog="%seedbed_history", description="Show the snapshots and their metrics.")
        parser.add_argument("--max-count", type=int, default=None, help="at most so many, the oldest")
        parser.add_argument("--tail", action="store_true", help=f"the last {TAIL}, the newest first")
        parser.add_argument("--baseline", default=None, help="compare metrics with those of this snapshot: a tag or a hash")
        parser.add_argument("--heatmap", action="store_true", help="colour metrics by how good they are")
        parser.add_argument("--maximize-metrics", default="", help="metrics of which more is better, with commas")
        parser.add_argument("--minimize-metrics", default="", help="metrics of which less is better, with commas")
        parser.add_argument("--round-metrics", type=int, default=None, help="so many decimal places")
        return self._run(parser, line, self._history)

    def _history(self, arguments: Parsed) -> Table:
        everything = workspace.get_snapshot_history(self.directory)
        shown = everything[::-1][:TAIL] if arguments.tail else everything
        if arguments.max_count is not None:
            shown = shown[: arguments.max_count]
        if arguments.baseline is not None:
            base = [one for one in everything if arguments.baseline in one.tags or one.hashval.startswith(arguments.baseline)]
            if not base:
                raise SeedbedError(
                    f"no snapshot is called `{arguments.baseline}`", help="`%seedbed_history` shows them all"
                )
            # What others are compared with is seen, too.
            shown = shown if base[-1] in shown else [base[-1], *shown]
            arguments.baseline = base[-1].tags[0] if base[-1].tags else base[-1].hashval
        style = HistoryStyle(
            heatmap=arguments.heatmap,
            baseline=arguments.baseline,
            maximize=_names(arguments.maximize_metrics),
            minimize=_names(arguments.minimize_metrics),
            round_metrics=arguments.round_metrics,
        )
        left = len(everything) - len(shown)
        return history_table(shown, style, caption="Snapshots" if left == 0 else f"Snapshots ({left} more are not shown)")

    def lineage_table(self, line: str) -> Any:
        """Shows which step made what."""
        parser = _Parser(prog="%seedbed_lineage_table", description="Show which step made what, from what.")
        parser.add_argument("--snapshot", default=None, help="as it was in this snapshot: a tag or a hash")
        return self._run(parser, line, self._lineage_table)

    def _lineage_table(self, arguments: Parsed) -> Table:
        rows = workspace.make_lineage_table(self.directory, arguments.snapshot)
        remark = "" if rows else "no step was recorded yet"
        return Table.of(["place", "kind", "step", "inputs"], rows, caption="Lineage", remark=remark)

    def lineage_graph(self, line: str) -> Any:
        """Shows the lineage as a picture, or writes it to a file."""
        parser = _Parser(prog="%seedbed_lineage_graph", description="Show the lineage as a picture.")
        parser.add_argument("--resource", default=None, help="what led to this resource")
        parser.add_argument("--snapshot", default=None, help="as it was in this snapshot: a tag or a hash")
        parser.add_argument("file", nargs="?", default=None, help="write it there instead: .html, .svg, .dot or .json")
        return self._run(parser, line, self._lineage_graph)

    def _lineage_graph(self, arguments: Parsed) -> Any:
        chosen = {"resource_name": arguments.resource, "tag_or_hash": arguments.snapshot}
        if arguments.file is not None:
            workspace.make_lineage_graph(arguments.file, self.directory, **chosen)
            return Told(f"written to {arguments.file}")
        svg = workspace.lineage_graph("svg", self.directory, **chosen)
        rows = workspace.make_lineage_table(self.directory, arguments.snapshot)
        text = "\n".join(f"{row.ref} <- {row.details} <- {', '.join(row.inputs or []) or 'nothing'}" for row in rows if row.inputs is not None)
        return Graph(svg, text or "no step was recorded yet")

    def results(self, line: str) -> Any:
        """Shows the results: parameters and metrics."""
        parser = _Parser(prog="%seedbed_results", description="Show parameters and metrics of the results.")
        parser.add_argument("--resource", default=None, help="those of this resource")
        parser.add_argument("--snapshot", default=None, help="those of this snapshot: a tag or a hash")
        parser.add_argument("--round-metrics", type=int, default=None, help="so many decimal places")
        return self._run(parser, line, self._results)

    def _results(self, arguments: Parsed) -> Any:
        found = workspace.get_results(self.directory, arguments.snapshot, arguments.resource)
        if found is None and arguments.snapshot is None:
            # A snapshot has moved them: they are those of the last one that has some.
            with_results = [one for one in workspace.get_snapshot_history(self.directory) if one.metrics]
            if with_results:
                found = workspace.get_results(self.directory, with_results[-1].hashval, arguments.resource)
        if found is None:
            return Told("there are no results")
        return results_tables(found, HistoryStyle(round_metrics=arguments.round_metrics))

    def _run(self, parser: _Parser, line: str, work: Callable[[Parsed], Any]) -> Any:
        try:
            arguments = parser.parse_line(line)
        except _Usage as usage:
            return Told(str(usage))
        try:
            return work(arguments)
        except SeedbedError as error:
            raise MagicFailed(error) from None


def _change(status: Mapping[str, Any] | None) -> str:
    if status is None:
        return ""
    counts = [f"{len(status[word])} {word}" for word in ("added", "modified", "removed") if status.get(word)]
    return ", ".join(counts) or ("changed" if status.get("changed") else "unchanged")


def _relative(path: str | None, root: str) -> str | None:
    if path is None:
        return None
    return os.path.relpath(path, root) if Path(path).is_relative_to(root) else path


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


#: The magics, each of which has two names.
MAGICS = ("info", "snapshot", "history", "lineage_table", "lineage_graph", "results")


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Brings the magics: ``%load_ext seedbed.jupyter``."""
    magics = SeedbedMagics()
    for name in MAGICS:
        for prefix in ("dws", "seedbed"):
            ipython.register_magic_function(getattr(magics, name), "line", f"{prefix}_{name}")
