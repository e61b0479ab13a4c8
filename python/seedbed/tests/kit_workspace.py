"""A data workspace in a temporary directory, made by the real program."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from seedbed.client import Client, close_all, find_program


class Workspace:
    """A workspace with the resources `data`, `code` and `results`."""

    def __init__(self, root: Path):
        self.root = root
        root.mkdir()
        git = ["git", "-C", str(root)]
        subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
        for name, value in (("user.name", "Ann"), ("user.email", "ann@example.org")):
            subprocess.run([*git, "config", name, value], check=True)
        self("init", "--data", "digits")
        for name, role in (("data", "source-data"), ("code", "code"), ("results", "results")):
            (root / name).mkdir(exist_ok=True)
            self("add", "local-files", "--role", role, "--name", name, name)

    def __call__(self, *arguments: str) -> str:
        """Runs the program here; gives what it printed."""
        command = [find_program(), "-C", str(self.root), *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        assert ended.returncode == 0, f"{command}: {ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def write(self, path: str, text: str) -> Path:
        """Writes a file of the workspace."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def rows(self) -> list[dict[str, Any]]:
        """Gives the rows of the lineage table, as another process sees them."""
        with Client(self.root) as client:
            found: list[dict[str, Any]] = client.call("lineage.table")["rows"]
            return found

    def records(self) -> list[dict[str, Any]]:
        """Gives the records of executions since the last snapshot."""
        lines = (self.root / ".dataworkspace/current_lineage/records.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def made(self, place: str) -> dict[str, Any]:
        """Gives the row of the place `resource` or `resource:path`."""
        resource, _, path = place.partition(":")
        found = [row for row in self.rows() if row["resource"] == resource and row["path"] == path and row.get("step")]
        assert len(found) == 1, f"{place}: {self.rows()}"
        return found[0]


def end_programs() -> None:
    """Ends all processes of the kit, so that the next test has others."""
    close_all()


def kit_variables(**more: str) -> dict[str, str]:
    """Gives the variables for a process of its own that imports the kit."""
    source = str(Path(__file__).parent.parent / "src")
    path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **more}
