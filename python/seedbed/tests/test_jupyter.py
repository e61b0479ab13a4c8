"""The magics in a notebook that is executed without a front end, as `nbclient` does it."""

import re

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

from kit_workspace import kit_variables
from notebook import CELLS, FAILING, notebook


def execute(made, workspace, monkeypatch, **options):
    for name, value in kit_variables().items():
        monkeypatch.setenv(name, value)
    client = nbclient.NotebookClient(made, timeout=120, resources={"metadata": {"path": str(workspace.root)}}, **options)
    return client.execute()


def outputs(made) -> dict[str, dict[str, str]]:
    """Gives the MIME bundle of each cell that shows something."""
    found = {}
    for cell in made.cells:
        for output in cell.outputs:
            assert output.output_type in ("execute_result", "display_data"), f"{cell.source}: {output}"
            found[cell.source] = output.data
    return found


@pytest.fixture
def executed(workspace, monkeypatch):
    workspace.write("data/raw.csv", "1,2\n")
    workspace.write("code/explore.ipynb", "{}")
    return outputs(execute(notebook(CELLS), workspace, monkeypatch))


def test_every_magic_shows_html_and_text(executed, workspace):
    for source in CELLS:
        if source.startswith(("%dws", "%seedbed")):
            assert set(executed[source]) == {"text/html", "text/plain"}, source
            page = executed[source]["text/html"]
            # Nothing that needs trust: no script, no style sheet, nothing from elsewhere.
            assert not re.search(r"<script|<style|<link|<iframe|\son\w+=|https?:", page), source
    info = executed["%dws_info"]["text/plain"]
    assert "digits" in info
    assert re.search(r"data +source-data +local-files +data", info), info
    results = executed["%dws_results"]["text/plain"]
    assert re.search(r"accuracy +0\.75", results) and re.search(r"gamma +0\.25", results), results
    assert re.search(r"report +recall +support\ncat +0\.5 +3", results), results
    assert re.fullmatch(r"snapshot [0-9a-f]{8}, tag v1: a new state", executed[CELLS[4]]["text/plain"])
    history = executed["history = %dws_history\nhistory"]
    assert [line.split()[0] for line in history["text/plain"].splitlines()[2:]] == ["1", "2", "3"], history["text/plain"]
    assert "a &lt;first&gt; try" in history["text/html"]
    compared = executed["%dws_history --heatmap --baseline v1 --round-metrics 2"]
    assert "0.88 (+0.125)" in compared["text/plain"] and "0.50 (-0.25)" in compared["text/plain"], compared["text/plain"]
    # The best accuracy is the greenest, and the least loss is.
    assert compared["text/html"].count("background-color: #78c679") >= 2
    assert "(2 more are not shown)" in executed["%seedbed_history --tail --max-count 1"]["text/plain"]
    assert re.search(r"results +step +explore\(gamma=0\.5\)", executed["%dws_lineage_table"]["text/plain"])
    graph = executed["%dws_lineage_graph"]
    assert '<img src="data:image/svg+xml;base64,' in graph["text/html"] and "explore(gamma=0.5)" in graph["text/plain"]
    assert (workspace.root / "graph.html").read_text().lstrip().startswith("<")
    assert "gamma" in executed["%seedbed_results --snapshot v1"]["text/plain"]
    assert "--message" in executed["%dws_snapshot --help"]["text/plain"]
    assert "unrecognized arguments: --nonsense" in executed["%dws_snapshot --nonsense"]["text/plain"]
    assert executed["history.to_dataframe().shape"]["text/plain"].startswith("(3, ")


def test_a_failure_ends_the_cell_in_two_lines(workspace, monkeypatch):
    made = notebook([CELLS[0], FAILING])
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        execute(made, workspace, monkeypatch)
    error = made.cells[1].outputs[-1]
    assert error.traceback == ["error: no snapshot is called `v9`\nhelp: `%seedbed_history` shows them all"]


def test_a_notebook_without_a_name_says_how_to_give_one(workspace, monkeypatch):
    source = "from seedbed.jupyter import NotebookLineageBuilder\nNotebookLineageBuilder('results')"
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="does not know the name of its file"):
        execute(notebook([source]), workspace, monkeypatch)
    monkeypatch.setenv("SEEDBED_NOTEBOOK", str(workspace.root / "code/explore.ipynb"))
    made = execute(notebook([source + ".step_name"]), workspace, monkeypatch)
    assert outputs(made)[source + ".step_name"]["text/plain"] == "'explore'"
