"""The wheel that carries the program, installed into an environment of its own, and the names of Data Workspaces."""

import importlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from kit_workspace import kit_variables
from seedbed.client import find_program

PYTHON = Path(__file__).parent.parent.parent
SHIM = PYTHON / "dataworkspaces-shim"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment with the wheel, and with what notebooks need from this one."""
    pytest.importorskip("hatchling")
    place = tmp_path_factory.mktemp("wheel")
    # A program of debugging is large, and it takes long to pack what is not looked at.
    program = place / "seedbed"
    if shutil.which("strip") is None or subprocess.run(["strip", "-o", str(program), find_program()]).returncode != 0:
        program = Path(find_program())
    built = subprocess.run(
        [sys.executable, str(PYTHON / "build_wheel.py"), str(program), str(place)],
        capture_output=True,
        text=True,
        check=True,
    )
    wheel = Path(built.stdout.strip())
    assert "-py3-none-" in wheel.name and not wheel.name.endswith("-any.whl")
    environment = place / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)],
        check=True,
    )
    return python


def test_the_wheel_brings_the_program_and_runs_a_cell(installed, workspace):
    workspace.write("data/raw.csv", "1,2\n")
    lent = sysconfig.get_path("purelib")
    variables = {key: value for key, value in os.environ.items() if key not in ("SEEDBED", "PYTHONPATH")}
    # What notebooks need is not installed a second time; the package itself comes from the wheel.
    variables["PYTHONPATH"] = ""
    code = f"""
import sys
import seedbed.client
assert {str(installed.parent.parent)!r} in seedbed.client.__file__
assert seedbed.client.find_program() == {str(installed.parent / "seedbed")!r}
sys.path.append({lent!r})
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("%load_ext seedbed.jupyter").raise_error()
print(shell.run_cell("%dws_info").result)
"""
    ended = subprocess.run(
        [str(installed), "-c", code], cwd=workspace.root, env=variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "Data workspace" in ended.stdout and "source-data" in ended.stdout
    version = subprocess.run([str(installed), "-m", "seedbed", "--version"], env=variables, capture_output=True, check=True)
    assert version.stdout.startswith(b"seedbed ")


def test_the_names_of_data_workspaces(workspace, monkeypatch):
    monkeypatch.syspath_prepend(str(SHIM / "src"))
    for name, wanted in {
        "dataworkspaces.api": ["take_snapshot", "get_results", "make_lineage_graph"],
        "dataworkspaces.lineage": ["LineageBuilder", "CmdLineParameter", "ResourceRef"],
        "dataworkspaces.errors": ["ConfigurationError"],
        "dataworkspaces.kits.jupyter": ["NotebookLineageBuilder", "load_ipython_extension"],
        "dataworkspaces.kits.scikit_learn": ["LineagePredictor", "train_and_predict_with_cv"],
    }.items():
        module = importlib.import_module(name)
        assert set(wanted) <= set(module.__all__)
    from dataworkspaces.lineage import LineageBuilder

    with LineageBuilder().with_step_name("old").with_input_path("data").eval() as lineage:
        lineage.add_output_path("results")
        workspace.write("results/x", "1")
    assert workspace.made("results")["step"] == "old"


def test_the_command_dws_is_the_program(monkeypatch):
    path = os.pathsep.join([str(SHIM / "src"), kit_variables()["PYTHONPATH"]])
    ended = subprocess.run(
        [sys.executable, "-m", "dataworkspaces", "--help"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0 and "snapshot" in ended.stdout, ended.stderr
