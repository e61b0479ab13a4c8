"""The lineage of a step: what it read, what it wrote, with which code and which parameters.

A step is described with a :class:`LineageBuilder` and lives as a context manager::

    builder = (
        LineageBuilder()
        .as_script_step()
        .with_parameters({"gamma": 0.001})
        .with_input_path("data/digits")
        .as_results_step("results", run_description="a first try")
    )
    with builder.eval() as lineage:
        …
        lineage.write_results({"accuracy": 0.97})

At the end of the block the step is complete; an exception aborts it, and what it has written is marked as invalid. The program
takes the digests of inputs when they are named, and those of outputs when the step is complete.
"""

from __future__ import annotations

import os
import platform
import sys
import warnings
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from seedbed.client import Client, ProgramEnded, SeedbedError, client_for
from seedbed.parameters import (
    BooleanParameter,
    ChoiceParameter,
    CmdLineParameter,
    ConstantParameter,
    LineageParameter,
    add_lineage_parameters_to_arg_parser,
    get_lineage_parameter_values,
)

__all__ = [
    "BooleanParameter",
    "ChoiceParameter",
    "CmdLineParameter",
    "ConstantParameter",
    "Lineage",
    "LineageBuilder",
    "LineageError",
    "LineageParameter",
    "LineageWarning",
    "ResourceRef",
    "ResultsLineage",
    "add_lineage_parameters_to_arg_parser",
    "get_lineage_parameter_values",
]


class LineageError(SeedbedError):
    """A step that is described or used wrongly."""

    def __init__(self, message: str, *, help: str | None = None):
        super().__init__(message, kind="lineage", help=help)


class LineageWarning(UserWarning):
    """What the program thinks of a step that it records all the same."""


class ResourceRef(NamedTuple):
    """A resource of the workspace, or a path in it."""

    name: str
    subpath: str | None = None

    def __str__(self) -> str:
        return self.name if self.subpath is None else f"{self.name}:{self.subpath}"

    def to_json(self) -> dict[str, str]:
        """Gives it as the protocol has it."""
        return {"resource": self.name, **({} if self.subpath is None else {"path": self.subpath})}


def place(path: str | os.PathLike[str] | ResourceRef) -> dict[str, str]:
    """Gives a path or a reference as the protocol has it; paths as they are for this process, whatever the program's directory."""
    if isinstance(path, ResourceRef):
        return path.to_json()
    return {"path": os.path.abspath(path)}


class Lineage(AbstractContextManager["Lineage"]):
    """A step that was begun. :class:`LineageBuilder` makes it.

    Every method raises :class:`LineageError` when the step has ended.
    """

    def __init__(self, client: Client, step_name: str, begin: Mapping[str, Any]):
        self.step_name = step_name
        self._client = client
        begun = client.call("step.begin", **begin)
        self._generation = client.generation
        self.step_id: Any = begun["step_id"]
        #: ``running``, ``complete``, ``failed`` or ``aborted``.
        self.status = "running"
        self._warn(begun)

    def add_input_path(self, path: str | os.PathLike[str]) -> None:
        """Says that the step reads a file or a directory."""
        self._tell("step.input", **place(path))

    def add_input_ref(self, ref: ResourceRef) -> None:
        """Says that the step reads a resource, or a path in it."""
        self._tell("step.input", **ref.to_json())

    def add_output_path(self, path: str | os.PathLike[str]) -> None:
        """Says that the step writes a file or a directory."""
        self._tell("step.output", **place(path))

    def add_output_ref(self, ref: ResourceRef) -> None:
        """Says that the step writes a resource, or a path in it."""
        self._tell("step.output", **ref.to_json())

    def add_param(self, name: str, value: Any) -> None:
        """Adds a parameter, or gives it another value."""
        self._tell("step.parameter", name=name, value=_present(value))

    def add_code_path(self, path: str | os.PathLike[str]) -> None:
        """Says that a file or a directory of code makes the step what it is."""
        self._tell("step.code", **place(path))

    def abort(self, reason: str | None = None, *, failed: bool = False) -> None:
        """Takes the step back: what it has written is invalid until it is written again.

        With ``failed`` it is recorded as one that went wrong, not as one that somebody ended.
        """
        self._tell("step.abort", reason=reason, failed=failed)
        self.status = "failed" if failed else "aborted"

    def complete(self) -> None:
        """Ends the step as one that did what it should; the digests of its outputs are taken."""
        self._tell("step.complete")
        self.status = "complete"

    def __enter__(self) -> Lineage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status != "running":
            return
        if error is None or isinstance(error, SystemExit) and error.code in (None, 0):
            self.complete()
            return
        try:
            is_fault = isinstance(error, Exception) or isinstance(error, SystemExit)
            self.abort(f"{type(error).__name__}: {error}".rstrip(": "), failed=is_fault)
        except SeedbedError as failed:
            # The first error tells more; a program that has ended has recorded the step as aborted.
            self.status = "aborted"
            warnings.warn(f"step `{self.step_name}` could not be recorded as aborted: {failed}", LineageWarning)

    def _tell(self, call: str, **arguments: Any) -> Any:
        if self.status != "running":
            raise LineageError(
                f"step `{self.step_name}` is {self.status} already", help="begin another one: `builder.eval()`"
            )
        if self._client.generation != self._generation:
            self.status = "aborted"
            raise ProgramEnded(
                f"step `{self.step_name}` was aborted when the program that recorded it ended",
                kind="program_ended",
                help="run the step again",
            )
        answer = self._client.call(call, step_id=self.step_id, **arguments)
        self._warn(answer)
        return answer

    def _warn(self, answer: Any) -> None:
        for warning in (answer or {}).get("warnings", ()) if isinstance(answer, Mapping) else ():
            text = warning.get("message", str(warning)) if isinstance(warning, Mapping) else str(warning)
            warnings.warn(text, LineageWarning, stacklevel=4)


class ResultsLineage(Lineage):
    """A step that has results: metrics, which are written to ``results.json`` in its results directory."""

    def __enter__(self) -> ResultsLineage:
        return self

    def write_results(self, metrics: Mapping[str, Any]) -> None:
        """Writes ``results.json`` with the metrics, the parameters and the times of the step."""
        self._tell("step.results", metrics=dict(metrics))


class LineageBuilder:
    """Describes a step. Each method gives the builder again; :meth:`eval` begins the step."""

    #: The word for what kind of program the step is.
    kind = "script"

    def __init__(self) -> None:
        self.step_name: str | None = None
        self.command_line: list[str] | None = None
        self.parameters: dict[str, Any] = {}
        self.inputs: list[dict[str, str]] = []
        self.no_inputs = False
        self.code: list[dict[str, str]] = []
        self.workspace_dir: str | None = None
        self.results_dir: str | None = None
        self.run_description: str | None = None

    def as_script_step(self) -> LineageBuilder:
        """Takes name, code and command line of the step from the script that runs."""
        script = Path(sys.argv[0] or "")
        if not script.is_file():
            raise LineageError(
                "no script is running: the step has no name", help="give it one: `with_step_name(\"train\")`"
            )
        self.step_name = script.stem if script.stem != "__main__" else script.resolve().parent.name
        self.code.append(place(script))
        self.command_line = [sys.executable, *sys.argv]
        if self.workspace_dir is None:
            self.workspace_dir = str(script.resolve().parent)
        return self

    def with_step_name(self, step_name: str) -> LineageBuilder:
        """Names the step."""
        self.step_name = step_name
        return self

    def with_parameters(self, parameters: Mapping[str, Any]) -> LineageBuilder:
        """Adds parameters."""
        self.parameters.update({name: _present(value) for name, value in parameters.items()})
        return self

    def with_input_path(self, path: str | os.PathLike[str]) -> LineageBuilder:
        """Adds a file or a directory that the step reads."""
        self.inputs.append(place(path))
        return self

    def with_input_paths(self, paths: Iterable[str | os.PathLike[str]]) -> LineageBuilder:
        """Adds several."""
        for path in paths:
            self.with_input_path(path)
        return self

    def with_input_ref(self, ref: ResourceRef) -> LineageBuilder:
        """Adds a resource, or a path in it, that the step reads."""
        self.inputs.append(ref.to_json())
        return self

    def with_no_inputs(self) -> LineageBuilder:
        """Says that the step reads nothing of the workspace."""
        self.no_inputs = True
        return self

    def with_code_path(self, path: str | os.PathLike[str]) -> LineageBuilder:
        """Adds a file or a directory of code that makes the step what it is."""
        self.code.append(place(path))
        return self

    def with_code_ref(self, ref: ResourceRef) -> LineageBuilder:
        """Adds a resource of code."""
        self.code.append(ref.to_json())
        return self

    def with_workspace_directory(self, workspace_dir: str | os.PathLike[str]) -> LineageBuilder:
        """Says which workspace it is; by default that of the script, or of the current directory."""
        self.workspace_dir = os.path.abspath(workspace_dir)
        return self

    def as_results_step(
        self, results_dir: str | os.PathLike[str], run_description: str | None = None
    ) -> LineageBuilder:
        """Says that the step has results, which are written into this directory; it must be in a results resource."""
        self.results_dir = os.path.abspath(results_dir)
        self.run_description = run_description
        return self

    def eval(self) -> Lineage:
        """Begins the step; one with results is a :class:`ResultsLineage`.

        Raises :class:`LineageError` when something is missing, and :class:`seedbed.client.Refused` when the rules of lineage are
        against it: two versions of one input, or an output that another step writes.
        """
        if self.step_name is None:
            raise LineageError(
                "the step has no name", help="call `as_script_step()` or `with_step_name(…)` before `eval()`"
            )
        if not self.inputs and not self.no_inputs:
            raise LineageError(
                f"step `{self.step_name}` does not say what it reads",
                help="call `with_input_path(…)`, or `with_no_inputs()` if it reads nothing",
            )
        if self.inputs and self.no_inputs:
            raise LineageError(f"step `{self.step_name}` has inputs, and says that it has none")
        begin = {
            "step": self.step_name,
            "kind": self.kind,
            "parameters": self.parameters,
            "inputs": self.inputs,
            "code": self.code,
            "command": self.command_line,
            "directory": None if self.command_line is None else os.getcwd(),
            "environment": surroundings(),
            "results_dir": self.results_dir,
            "run_description": self.run_description,
        }
        made = Lineage if self.results_dir is None else ResultsLineage
        return made(client_for(self.workspace_dir), self.step_name, begin)


#: Packages whose version can change what a step makes.
PACKAGES = ("numpy", "pandas", "scipy", "sklearn", "torch", "keras", "tensorflow", "jax", "xgboost", "lightgbm", "polars")


def surroundings() -> dict[str, str]:
    """Says what a step runs in: Python, and the packages of :data:`PACKAGES` that are imported."""
    versions = {name: getattr(sys.modules.get(name), "__version__", None) for name in PACKAGES}
    known = {name: version for name, version in versions.items() if isinstance(version, str)}
    return {"python": platform.python_version(), **known}


def _present(value: Any) -> Any:
    """Keeps a parameter without a value: an argument that is ``None`` would be left out."""
    return "None" if value is None else value
