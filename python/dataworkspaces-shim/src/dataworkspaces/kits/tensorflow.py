"""``dataworkspaces.kits.tensorflow``: the callbacks, for Keras 3 on any backend."""

from seedbed.keras import CheckpointCallback as DwsModelCheckpoint
from seedbed.keras import LineageCallback

__all__ = ["DwsModelCheckpoint", "LineageCallback"]
