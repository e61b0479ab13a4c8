"""Fixtures that load a spec into the environment in which the tests run.

The program is the one that the variable ``SEEDBED`` names, or else ``seedbed`` in ``PATH``; the environment is that of the
workspace in which pytest was started.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Loaded:
    """What a load has done."""

    #: Records that were not there before.
    created: int
    #: Records that were there.
    found: int
    #: The report of the program.
    report: dict[str, Any]


class LoadFailed(Exception):
    """What the program said when it could not load a spec."""


@pytest.fixture(scope="session")
def seedbed_program() -> str:
    """The path of the program ``seedbed``; a test that needs it is skipped when there is none."""
    program = os.environ.get("SEEDBED") or shutil.which("seedbed")
    if program is None:
        pytest.skip("there is no program `seedbed` in PATH, and the variable SEEDBED names none")
    return program


@pytest.fixture(scope="session")
def seedbed_load(seedbed_program: str, pytestconfig: pytest.Config) -> Iterator[Callable[..., Loaded]]:
    """Loads a spec: ``seedbed_load("data/orders.yaml")``. Its path is relative to where pytest was started.

    The records stay when the tests have ended: the next run finds them. ``seedbed_load(…, unload=True)`` removes those that
    this run has made when it ends.
    """
    directory = pytestconfig.invocation_params.dir
    unloaded: list[str] = []

    def load(spec: str | Path, *, service: str | None = None, unload: bool = False) -> Loaded:
        arguments = [str(spec), *(["--service", service] if service else [])]
        report = json.loads(_run(directory, [seedbed_program, "load", "--json", *arguments]))["load"]
        loaded = Loaded(created=report["created"], found=report["found"], report=report)
        if unload and loaded.created:
            unloaded.append(str(spec))
        return loaded

    yield load
    for spec in reversed(unloaded):
        _run(directory, [seedbed_program, "unload", spec])


def _run(directory: Path, command: list[str]) -> str:
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise LoadFailed(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stderr.strip()}")
    return ended.stdout
