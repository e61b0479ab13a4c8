"""``dataworkspaces.errors``: every error of the kit is one of these."""

from seedbed.client import SeedbedError as DWSError
from seedbed.client import SeedbedError as ConfigurationError
from seedbed.lineage import LineageError

__all__ = ["ConfigurationError", "DWSError", "LineageError"]
