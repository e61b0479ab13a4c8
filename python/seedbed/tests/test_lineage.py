"""Steps: what is recorded of them, and what becomes of those that fail."""

import argparse
import json
import subprocess
import sys
import warnings

import pytest

from kit_workspace import kit_variables
from seedbed import workspace as api
from seedbed.client import Refused, client_for
from seedbed.lineage import (
    ChoiceParameter,
    CmdLineParameter,
    LineageBuilder,
    LineageError,
    ResourceRef,
    add_lineage_parameters_to_arg_parser,
    get_lineage_parameter_values,
)

SCRIPT = """
import argparse
from seedbed.lineage import *

PARAMETERS = [CmdLineParameter("rate", 0.1, float, "how fast"), BooleanParameter("shuffle", False, "in any order")]
parser = argparse.ArgumentParser()
add_lineage_parameters_to_arg_parser(parser, PARAMETERS)
arguments = parser.parse_args()
builder = LineageBuilder().as_script_step().with_input_path("data")
builder.with_parameters(get_lineage_parameter_values(PARAMETERS, arguments)).as_results_step("results")
with builder.eval() as lineage:
    lineage.add_param("rows", 3)
    lineage.write_results({"loss": 0.5})
"""


def step(name: str = "train") -> LineageBuilder:
    return LineageBuilder().with_step_name(name)


def test_a_script_is_a_step(workspace):
    workspace.write("data/raw.csv", "1,2\n")
    workspace.write("code/fit.py", SCRIPT)
    command = [sys.executable, "code/fit.py", "--rate", "0.5"]
    subprocess.run(command, cwd=workspace.root, env=kit_variables(), check=True)
    made = workspace.made("results")
    assert (made["step"], made["kind"], made["status"]) == ("fit", "script", "complete")
    assert made["parameters"] == {"rate": 0.5, "shuffle": False, "rows": 3}
    assert [(one["resource"], one["path"]) for one in made["inputs"]] == [("data", "")]
    assert ("code", "fit.py") in [(one["resource"], one["path"]) for one in made["code"]]
    results = json.loads((workspace.root / "results/results.json").read_text())
    assert (results["step"], results["metrics"]) == ("fit", {"loss": 0.5})


def test_inputs_and_outputs_by_path_and_by_reference(workspace):
    workspace.write("data/a/x.csv", "1\n")
    workspace.write("data/b.csv", "2\n")
    builder = step().with_input_paths(["data/a", "data/b.csv"]).with_input_ref(ResourceRef("code"))
    with builder.eval() as lineage:
        lineage.add_input_path("data/a/x.csv")
        workspace.write("results/table.csv", "3\n")
        lineage.add_output_path("results/table.csv")
        workspace.write("results/more/x", "4\n")
        lineage.add_output_ref(ResourceRef("results", "more"))
    made = workspace.made("results:table.csv")
    assert {(one["resource"], one["path"]) for one in made["inputs"]} == {
        ("data", "a"),
        ("data", "b.csv"),
        ("code", ""),
        ("data", "a/x.csv"),
    }
    assert workspace.made("results:more")["step"] == "train"
    rows = {row.ref: row for row in api.make_lineage_table()}
    assert rows["results:more"].inputs is not None and "data:b.csv" in rows["results:more"].inputs


def test_an_exception_fails_the_step(workspace):
    workspace.write("data/raw.csv", "1,2\n")
    with pytest.raises(ZeroDivisionError):
        with step().with_input_path("data").as_results_step("results").eval() as lineage:
            1 / 0
    assert lineage.status == "failed"
    assert [(one["status"], one["reason"]) for one in workspace.records()] == [("failed", "ZeroDivisionError: division by zero")]
    with pytest.raises(LineageError, match="step `train` is failed already"):
        lineage.add_param("late", 1)
    with step().with_input_path("data").as_results_step("results").eval() as lineage:
        lineage.abort("not good enough")
    assert lineage.status == "aborted"
    with pytest.raises(SystemExit):
        with step().with_input_path("data").as_results_step("results").eval() as lineage:
            sys.exit(0)
    assert lineage.status == "complete"
    assert [one["status"] for one in workspace.records()] == ["failed", "aborted", "complete"]


def test_what_is_missing_is_said(workspace):
    with pytest.raises(LineageError, match="the step has no name"):
        LineageBuilder().with_no_inputs().eval()
    with pytest.raises(LineageError, match="does not say what it reads"):
        step().eval()
    with pytest.raises(LineageError, match="says that it has none"):
        step().with_no_inputs().with_input_path("data").eval()
    with step().with_no_inputs().eval() as lineage:
        assert lineage.status == "running"


def test_a_step_ends_with_the_program_that_records_it(workspace):
    lineage = step().with_no_inputs().as_results_step("results").eval()
    client = client_for()
    client.close()
    client.call("version")
    with pytest.raises(Exception, match="step `train` was aborted when the program that recorded it ended"):
        lineage.write_results({})
    assert lineage.status == "aborted"
    assert [one["status"] for one in workspace.records()] == ["aborted"]


def test_parameters_for_the_command_line():
    parameters = [
        CmdLineParameter("learning_rate", 0.1, float, "100% of it"),
        ChoiceParameter("kernel", ["rbf", "linear"], "rbf", str, "which"),
    ]
    parser = argparse.ArgumentParser()
    add_lineage_parameters_to_arg_parser(parser, parameters)
    assert "100% of it (default: 0.1)" in parser.format_help()
    values = get_lineage_parameter_values(parameters, parser.parse_args(["--kernel", "linear"]))
    assert values == {"learning_rate": 0.1, "kernel": "linear"}
    with pytest.raises(ValueError, match="none of its choices"):
        ChoiceParameter("kernel", ["rbf"], "linear", str, "which")


def test_graphs_are_written(workspace, tmp_path):
    workspace.write("data/raw.csv", "1,2\n")
    with step().with_input_path("data").as_results_step("results").eval() as lineage:
        lineage.write_results({"loss": 1})
    for name, begin in (("g.svg", "<svg"), ("g.html", "<"), ("g.dot", ""), ("g.json", "{")):
        api.make_lineage_graph(tmp_path / name)
        assert begin in (tmp_path / name).read_text()[:200], name


def test_nothing_is_warned_of_a_sound_step(workspace):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with step().with_input_ref(ResourceRef("data")).as_results_step("results").eval() as lineage:
            lineage.write_results({})


def test_an_unknown_resource_is_refused(workspace):
    with pytest.raises(Refused):
        step().with_input_ref(ResourceRef("nothing")).eval()
