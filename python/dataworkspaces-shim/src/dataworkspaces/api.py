"""``dataworkspaces.api``."""

from seedbed.workspace import (
    LineageRow,
    ResourceFileSystem,
    ResourceInfo,
    SnapshotInfo,
    get_api_version,
    get_filesystem_for_resource,
    get_local_path_for_resource,
    get_resource_info,
    get_results,
    get_snapshot_history,
    get_version,
    make_lineage_graph,
    make_lineage_table,
    restore,
    take_snapshot,
)

__all__ = [
    "LineageRow",
    "ResourceFileSystem",
    "ResourceInfo",
    "SnapshotInfo",
    "get_api_version",
    "get_filesystem_for_resource",
    "get_local_path_for_resource",
    "get_resource_info",
    "get_results",
    "get_snapshot_history",
    "get_version",
    "make_lineage_graph",
    "make_lineage_table",
    "restore",
    "take_snapshot",
]
