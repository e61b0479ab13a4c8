"""The fixtures, with a program that answers as the real one does."""

from importlib.metadata import entry_points

import pytest

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
