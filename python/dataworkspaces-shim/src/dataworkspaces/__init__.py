"""The public names of Data Workspaces, with Seedbed behind them."""

from seedbed import __version__

__all__ = ["__version__"]
