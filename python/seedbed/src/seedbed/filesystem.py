"""The files of resources for fsspec: ``seedbed://RESOURCE/path``, in pandas, Dask, Arrow and whatever else takes such addresses.

``pandas.read_csv("seedbed://raw/2026/orders.csv")`` reads from the workspace of the current directory; ``storage_options={"workspace": …}``
names another one. With ``lineage`` the step is told what is read and written.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractFileSystem

from seedbed import workspace as of_workspace
from seedbed.client import Refused, client_for
from seedbed.lineage import Lineage, ResourceRef


class SeedbedFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Resources as directories, with their files below.

    ``workspace`` is a directory in the workspace. What has no files here cannot be opened; a resource that does not exist is a
    ``FileNotFoundError``.
    """

    protocol = "seedbed"
    root_marker = ""
    # A step is one of its own: instances are not shared.
    cachable = False

    def __init__(
        self,
        workspace: str | os.PathLike[str] | None = None,
        lineage: Lineage | None = None,
        **options: Any,
    ):
        super().__init__(**options)
        self.workspace = workspace
        self.lineage = lineage
        self._files = LocalFileSystem(auto_mkdir=True)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = os.fspath(path)
        return text.removeprefix("seedbed://").strip("/")

    def ls(self, path: str, detail: bool = True, **options: Any) -> Any:
        """Lists a directory; the root has the resources."""
        stripped = self._strip_protocol(path)
        if stripped == "":
            found = [
                {"name": one.name, "size": 0, "type": "directory"}
                for one in of_workspace.get_resource_info(self.workspace)
                if one.local_path is not None
            ]
        else:
            found = self._listed(stripped)
        return found if detail else [entry["name"] for entry in found]

    def _listed(self, path: str) -> list[dict[str, Any]]:
        local = self._local(path)
        if local.is_file():
            return [self._entry(path, local)]
        if not local.is_dir():
            raise FileNotFoundError(path)
        name, _, below = path.partition("/")
        entries = client_for(self.workspace).call("resource.list", name=name, path=below)
        return [self._entry(f"{path}/{entry['name']}", local / entry["name"]) for entry in entries]

    def _entry(self, path: str, local: Path) -> dict[str, Any]:
        about = self._files.info(os.fspath(local))
        return {**about, "name": path}

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """Says what a path is, and how large."""
        stripped = self._strip_protocol(path)
        if stripped == "":
            return {"name": "", "size": 0, "type": "directory"}
        local = self._local(stripped)
        if not local.exists():
            raise FileNotFoundError(path)
        return self._entry(stripped, local)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        local = self._local(path)
        name, _, below = path.partition("/")
        if self.lineage is not None:
            ref = ResourceRef(name, below or None)
            is_read = "r" in mode and "+" not in mode
            self.lineage.add_input_ref(ref) if is_read else self.lineage.add_output_ref(ref)
        return self._files.open(os.fspath(local), mode=mode)

    def mkdir(self, path: str, create_parents: bool = True, **options: Any) -> None:
        """Makes a directory in a resource."""
        self._local(self._strip_protocol(path)).mkdir(parents=create_parents)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Makes a directory and those above it."""
        self._local(self._strip_protocol(path)).mkdir(parents=True, exist_ok=exist_ok)

    def rmdir(self, path: str) -> None:
        """Removes an empty directory."""
        self._local(self._strip_protocol(path)).rmdir()

    def _rm(self, path: str) -> None:
        self._local(path).unlink()

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Removes files, and with ``recursive`` directories; never a whole resource."""
        for one in [path] if isinstance(path, (str, os.PathLike)) else path:
            stripped = self._strip_protocol(one)
            if "/" not in stripped:
                raise PermissionError(f"`{stripped}` is a resource: `seedbed remove` takes it out of the workspace")
            self._files.rm(os.fspath(self._local(stripped)), recursive=recursive, maxdepth=maxdepth)

    def cp_file(self, path1: str, path2: str, **options: Any) -> None:
        """Copies a file within the workspace."""
        source, target = (self._local(self._strip_protocol(one)) for one in (path1, path2))
        self._files.cp_file(os.fspath(source), os.fspath(target), **options)

    def created(self, path: str) -> Any:
        """Says when a file was made."""
        return self._files.created(os.fspath(self._local(self._strip_protocol(path))))

    def modified(self, path: str) -> Any:
        """Says when a file was changed."""
        return self._files.modified(os.fspath(self._local(self._strip_protocol(path))))

    def _local(self, path: str) -> Path:
        name, _, below = path.partition("/")
        try:
            return of_workspace.local_path(ResourceRef(name, below or None), self.workspace)
        except Refused as refused:
            raise FileNotFoundError(f"{path}: {refused}") from refused
