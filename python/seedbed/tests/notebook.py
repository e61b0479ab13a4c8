"""The notebook that is executed headless: every magic, and a step."""

from __future__ import annotations

import nbformat

CELLS = [
    "%load_ext seedbed.jupyter",
    "%dws_info",
    """\
import os
from seedbed.jupyter import NotebookLineageBuilder

def train(gamma):
    builder = NotebookLineageBuilder("results", step_name="explore").with_parameters({"gamma": gamma}).with_input_path("data")
    with builder.eval() as lineage:
        lineage.write_results({"accuracy": 1 - gamma, "loss": gamma, "report": {"cat": {"recall": 0.5, "support": 3}}})

train(0.25)""",
    "%dws_results",
    '%dws_snapshot -t v1 -m "a <first> try"',
    "train(0.125)",
    "%seedbed_snapshot --tag v2",
    "open('data/raw.csv', 'a').write('5,6\\n')\ntrain(0.5)",
    "%dws_snapshot -t v3",
    "history = %dws_history\nhistory",
    "%dws_history --heatmap --baseline v1 --round-metrics 2",
    "%seedbed_history --tail --max-count 1",
    "%dws_lineage_table",
    "%dws_lineage_graph",
    "%dws_lineage_graph graph.html",
    "%seedbed_results --snapshot v1",
    "%dws_snapshot --help",
    "%dws_snapshot --nonsense",
    "history.to_dataframe().shape",
]

#: A cell that fails, and is the last one.
FAILING = "%dws_history --baseline v9"


def notebook(cells: list[str]) -> nbformat.NotebookNode:
    """Makes a notebook of code."""
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return made
