"""Resources under `seedbed://`, as fsspec and pandas use them."""

import pytest

fsspec = pytest.importorskip("fsspec")
pandas = pytest.importorskip("pandas")

from seedbed.filesystem import SeedbedFileSystem
from seedbed.lineage import LineageBuilder


@pytest.fixture
def files(workspace):
    fsspec.register_implementation("seedbed", SeedbedFileSystem, clobber=True)
    workspace.write("data/2026/a b.csv", "x,y\n1,2\n")
    workspace.write("data/2026/ä.csv", "x,y\n3,4\n")
    return fsspec.filesystem("seedbed", workspace=workspace.root)


def test_directories_are_listed(files):
    assert set(files.ls("", detail=False)) >= {"data", "code", "results"}
    assert files.ls("seedbed://data/2026", detail=False) == ["data/2026/a b.csv", "data/2026/ä.csv"]
    assert files.info("data/2026/a b.csv")["size"] == 8 and files.isdir("data")
    assert files.glob("data/**/*.csv") == ["data/2026/a b.csv", "data/2026/ä.csv"]
    assert sorted(files.find("data")) == ["data/2026/a b.csv", "data/2026/ä.csv"]
    with pytest.raises(FileNotFoundError):
        files.ls("data/2027")
    with pytest.raises(FileNotFoundError):
        files.info("nowhere/x")


def test_pandas_reads_and_writes(files, workspace):
    options = {"workspace": str(workspace.root)}
    table = pandas.read_csv("seedbed://data/2026/ä.csv", storage_options=options)
    assert table.to_dict("list") == {"x": [3], "y": [4]}
    table.to_csv("seedbed://results/new/table.csv", index=False, storage_options=options)
    assert (workspace.root / "results/new/table.csv").read_text() == "x,y\n3,4\n"


def test_a_step_hears_of_it(files, workspace):
    with LineageBuilder().with_step_name("copy").with_no_inputs().eval() as lineage:
        watched = SeedbedFileSystem(workspace=workspace.root, lineage=lineage)
        with watched.open("data/2026/ä.csv", "r") as source, watched.open("results/copy.csv", "w") as target:
            target.write(source.read())
    made = workspace.made("results:copy.csv")
    assert [(one["resource"], one["path"]) for one in made["inputs"]] == [("data", "2026/ä.csv")]


def test_files_are_copied_and_removed_but_no_resource(files, workspace):
    files.cp_file("data/2026/ä.csv", "results/ä.csv")
    assert files.cat("results/ä.csv") == b"x,y\n3,4\n"
    files.makedirs("results/a/b", exist_ok=True)
    files.rm("results/a", recursive=True)
    files.rm("results/ä.csv")
    assert not (workspace.root / "results/a").exists() and not files.exists("results/ä.csv")
    with pytest.raises(PermissionError, match="is a resource"):
        files.rm("data", recursive=True)
    assert files.exists("data/2026")
