"""Resources, snapshots, results and history through the real program."""

import pytest

import seedbed
from seedbed import workspace as api
from seedbed.client import Refused, SeedbedError
from seedbed.frames import history_frame, results_frame
from seedbed.lineage import LineageBuilder, ResourceRef


def run(workspace, accuracy: float, **parameters) -> None:
    builder = LineageBuilder().with_step_name("train").with_parameters(parameters).with_input_path("data")
    with builder.as_results_step("results", "a try").eval() as lineage:
        lineage.write_results({"accuracy": accuracy, "report": {"cat": {"recall": 0.5}}})


def test_versions():
    assert api.get_version() == seedbed.__version__
    assert api.get_api_version() == "1.0"


def test_resources(workspace):
    workspace.write("data/2026/raw.csv", "1,2\n")
    found = {one.name: one for one in api.get_resource_info()}
    assert {name: one.role for name, one in found.items()} == {"data": "source-data", "code": "code", "results": "results"}
    assert found["data"].resource_type == "local-files"
    assert found["data"].local_path == str(workspace.root / "data")
    assert api.get_local_path_for_resource("data", workspace.root / "results") == str(workspace.root / "data")
    with pytest.raises(Refused) as raised:
        api.get_local_path_for_resource("dat")
    assert "dat" in raised.value.message
    files = api.get_filesystem_for_resource("data")
    assert files is not None
    assert (files.ls(""), files.ls("2026")) == (["2026"], ["2026/raw.csv"])
    assert files.isdir("2026") and files.isfile("2026/raw.csv") and not files.exists("2027")
    with files.open("2026/raw.csv") as file:
        assert file.read() == "1,2\n"
    with files.open("new/file.bin", "wb") as file:
        file.write(b"\0")
    assert (workspace.root / "data/new/file.bin").read_bytes() == b"\0"
    with pytest.raises(SeedbedError, match="leads out of the resource"):
        files.open("../results/x", "w")


def test_a_resource_is_found_by_name_by_path_or_by_role(workspace):
    assert api.find_resource("source-data", None) == ResourceRef("data")
    assert api.find_resource("source-data", "results") == ResourceRef("results")
    assert api.find_resource("source-data", "data/2026/raw.csv") == ResourceRef("data", "2026/raw.csv")
    with pytest.raises(SeedbedError, match="no resource has the role intermediate-data"):
        api.find_resource("intermediate-data", None)
    with pytest.raises(SeedbedError, match="neither the name of a resource nor a path in one"):
        api.find_resource("source-data", "nowhere")


def test_snapshots_and_their_history(workspace):
    assert api.get_snapshot_history() == []
    workspace.write("data/raw.csv", "1,2\n")
    run(workspace, 0.5, gamma=0.1)
    first = api.take_snapshot(tag="v1", message="the first")
    workspace.write("data/raw.csv", "3,4\n")
    run(workspace, 0.75, gamma=0.2)
    second = api.take_snapshot(tag="v2", message="the second")
    history = api.get_snapshot_history()
    assert [one.tags for one in history if one.tags] == [["v1"], ["v2"]]
    assert [one.hashval for one in history][-1] == second
    assert history[-1].metrics == {"accuracy": 0.75, "report": {"cat": {"recall": 0.5}}}
    assert api.get_snapshot_history(reverse=True)[0] == history[-1]
    assert api.get_snapshot_history(max_count=1) == history[:1]
    assert api.get_snapshot_history(reverse=True, max_count=1) == history[-1:]
    frame = api.get_snapshot_history(as_dataframe=True)
    assert list(frame["accuracy"]) == [one.metrics["accuracy"] for one in history]
    assert frame["report.cat.recall"].iloc[-1] == 0.5
    assert str(frame["timestamp"].dt.tz) == "UTC"
    results = results_frame(["v1", "v2"])
    assert list(results["metrics.accuracy"]) == [0.5, 0.75]
    assert list(results["parameters.gamma"]) == [0.1, 0.2]
    assert api.get_results(tag_or_hash="v1")["parameters"] == {"gamma": 0.1}
    assert api.restore("v1", only=["data"]) == 1
    assert (workspace.root / "data/raw.csv").read_text() == "1,2\n"
    with pytest.raises(SeedbedError, match="exclude each other"):
        api.restore("v1", only=["data"], leave=["code"])
    with pytest.raises(Refused):
        api.restore("v3")


def test_an_empty_history_is_an_empty_table(workspace):
    frame = history_frame(api.get_snapshot_history())
    assert len(frame) == 0 and "hashval" in frame


def test_the_scratch_directory_is_made(workspace):
    scratch = api.get_scratch_directory()
    assert scratch.is_dir() and scratch.is_relative_to(workspace.root)


def test_what_changed_is_known(workspace):
    workspace.write("data/raw.csv", "1,2\n")
    status = {one["name"]: one for one in api.get_status()["resources"]}
    assert set(status) == {"data", "code", "results"}
