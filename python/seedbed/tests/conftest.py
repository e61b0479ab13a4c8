"""A shop on django-oscar whose provider is asked as the program asks it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kit_workspace import Workspace, end_programs

HERE = Path(__file__).parent
SHOP = HERE / "shop"


class Asked:
    """A provider's process, and requests to it."""

    def __init__(self, database: Path, *arguments: str):
        self.database = database
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "seedbed_provider", *arguments],
            cwd=SHOP,
            env=shop_variables(database),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.number = 0

    def __call__(self, verb: str, **request) -> dict:
        self.number += 1
        self.process.stdin.write(json.dumps({"id": self.number, "verb": verb, **request}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer.pop("id") == self.number
        return answer

    def records(self, verb: str, type_name: str, *records: dict, fields=()) -> list:
        answer = self(verb, type=type_name, records=list(records), fields=list(fields))
        assert "records" in answer, answer
        return answer["records"]

    def create(self, type_name: str, key: dict, fields=(), **record) -> dict:
        return self.records("create", type_name, {"key": key, **record}, fields=fields)[0]

    def error(self, verb: str, type_name: str, *records: dict) -> dict:
        return self(verb, type=type_name, records=list(records))["error"]

    def end(self) -> int:
        self.process.stdin.close()
        return self.process.wait(timeout=30)


def shop_variables(database: Path) -> dict:
    path = os.pathsep.join(filter(None, [str(HERE.parent / "src"), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "DATABASE_URL": f"sqlite:{database}", "PYTHONPATH": path, "PYTHONHASHSEED": "random"}


@pytest.fixture(scope="session")
def migrated(tmp_path_factory) -> Path:
    """The database of a shop in which nothing was sold yet."""
    database = tmp_path_factory.mktemp("shop") / "migrated.db"
    migrate = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(migrate, cwd=SHOP, env=shop_variables(database), check=True)
    return database


@pytest.fixture(scope="module")
def asked(migrated, tmp_path_factory):
    """A provider on a database of the module's own."""
    database = tmp_path_factory.mktemp("asked") / "shop.db"
    database.write_bytes(migrated.read_bytes())
    asked = Asked(database)
    yield asked
    assert asked.end() == 0


@pytest.fixture
def another(migrated, tmp_path):
    """Starts a provider on a new database, as often as it is called."""
    started = []

    def start(*arguments: str) -> Asked:
        database = tmp_path / f"shop{len(started)}.db"
        database.write_bytes(migrated.read_bytes())
        started.append(Asked(database, *arguments))
        return started[-1]

    yield start
    for asked in started:
        asked.end()


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A data workspace, which is the current directory."""
    made = Workspace(tmp_path / "digits")
    monkeypatch.chdir(made.root)
    yield made
    end_programs()
