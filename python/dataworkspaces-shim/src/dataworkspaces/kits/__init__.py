"""``dataworkspaces.kits``."""
