"""The fixtures, with a program that answers as the real one does."""

import glob
import shutil
import subprocess
from importlib.metadata import entry_points

import pytest

from kit_workspace import kit_variables
from seedbed.client import find_program
from seedbed.pytest_plugin import Address

pytest_plugins = ["pytester"]

#: An installed package brings the plugin by itself.
PLUGIN = [] if "seedbed" in {entry.name for entry in entry_points(group="pytest11")} else ["-p", "seedbed.pytest_plugin"]

PROGRAM = """#!/bin/sh
echo "$@" >> calls
if [ "$2" = missing.yaml ] || [ "$3" = missing.yaml ]; then echo "error: no such spec" >&2; exit 3; fi
echo '{"seedbed": 1, "load": {"created": 2, "found": 1, "types": []}, "total_ms": 5}'
"""


@pytest.fixture
def project(pytester, monkeypatch):
    program = pytester.path / "seedbed"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("SEEDBED", str(program))
    return pytester


def test_a_spec_is_loaded_and_unloaded_at_the_end(project):
    project.makepyfile(
        """
        def test_it(seedbed_load):
            loaded = seedbed_load("spec.yaml", service="shop", unload=True)
            assert (loaded.created, loaded.found) == (2, 1)
        """
    )
    project.runpytest_subprocess(*PLUGIN).assert_outcomes(passed=1)
    calls = (project.path / "calls").read_text().splitlines()
    assert calls == ["load --json spec.yaml --service shop", "unload spec.yaml"]


def test_what_the_program_says_is_the_failure(project):
    project.makepyfile("def test_it(seedbed_load):\n    seedbed_load('missing.yaml')")
    result = project.runpytest_subprocess(*PLUGIN)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ended with 3:*", "*error: no such spec*"])


MANIFEST = """
name: shop
databases:
  shop:
    engine: ENGINE
    schema: { sql: [schema.sql] }
"""

TESTS = """
import pytest

CONNECT

@pytest.mark.parametrize("number", range(12))
def test_each_has_its_own(number, seedbed_snapshot):
    address = seedbed_snapshot("shop")
    with connect(address) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM orders")
        assert cursor.fetchone()[0] == 1
        cursor.execute("INSERT INTO orders VALUES (2)")
        connection.commit()


@pytest.mark.seedbed(database="shop", state="v1")
def test_what_a_snapshot_has(seedbed_snapshot, seedbed_env):
    first, second = seedbed_snapshot(), seedbed_snapshot()
    assert first.url != second.url
    for address in (first, second):
        with connect(address) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT count(*) FROM orders")
            assert cursor.fetchone()[0] == 2
    assert seedbed_env.address("shop").url not in (first.url, second.url)


def test_the_environment_itself(seedbed_env):
    assert seedbed_env.status()["environment"] == "default"
    address = seedbed_env.address()
    with connect(address) as connection:
        connection.cursor().execute("INSERT INTO orders VALUES (3)")
        connection.commit()
    seedbed_env.reset()
    with connect(seedbed_env.address()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM orders")
        assert cursor.fetchone()[0] == 1


def test_what_is_not_there_is_an_error(seedbed_snapshot):
    with pytest.raises(Exception, match="v9"):
        seedbed_snapshot("shop", state="v9")
"""

SQLITE = """
import contextlib
import sqlite3

def connect(address):
    return contextlib.closing(sqlite3.connect(address.name))
"""

POSTGRES = """
import contextlib
import pg8000.dbapi

def connect(address):
    return contextlib.closing(
        pg8000.dbapi.connect(address.user, address.host, address.name, address.port, address.password)
    )
"""


@pytest.fixture
def shop(pytester, monkeypatch):
    """An environment of a shop with one order, and a snapshot `v1` with two."""
    monkeypatch.setenv("PYTHONPATH", kit_variables()["PYTHONPATH"])
    made = []

    def run(*arguments: str) -> str:
        command = [find_program(), *arguments]
        ended = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, f"{command}: {ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def make(engine: str, connect: str):
        (pytester.path / "seedbed.yaml").write_text(MANIFEST.replace("ENGINE", engine))
        (pytester.path / "schema.sql").write_text("CREATE TABLE orders (id int);\nINSERT INTO orders VALUES (1);\n")
        made.append(engine)
        run("up")
        names: dict = {}
        exec(connect, names)
        with names["connect"](Address.of(run("db", "url").strip())) as connection:
            connection.cursor().execute("INSERT INTO orders VALUES (2)")
            connection.commit()
        run("snapshot", "v1")
        run("reset")
        pytester.makepyfile(TESTS.replace("CONNECT", connect))
        return pytester

    yield make
    if made:
        run("destroy", "--yes")


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_each_test_has_a_fresh_database(shop, engine):
    if engine == "postgres" and not glob.glob("/usr/lib/postgresql/*/bin/initdb") and shutil.which("initdb") is None:
        pytest.skip("PostgreSQL is not installed")
    project = shop(engine, SQLITE if engine == "sqlite" else POSTGRES)
    result = project.runpytest_subprocess(*PLUGIN, "-q")
    result.assert_outcomes(passed=15)
    # Neither a file nor a server of the clones is left.
    left = [str(path) for path in project.path.rglob("clones-*")]
    assert left == []
