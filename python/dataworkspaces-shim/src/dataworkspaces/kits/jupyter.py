"""``dataworkspaces.kits.jupyter``, also for ``%load_ext``."""

from seedbed.jupyter import (
    NotebookLineageBuilder,
    get_notebook_directory,
    get_step_name_for_notebook,
    is_notebook,
    load_ipython_extension,
)

__all__ = [
    "NotebookLineageBuilder",
    "get_notebook_directory",
    "get_step_name_for_notebook",
    "is_notebook",
    "load_ipython_extension",
]
