"""The command ``dws``: the program ``seedbed``, called by that name."""

import os
import sys

from seedbed.client import find_program


def main() -> None:
    """Becomes the program, which takes the command line of dws when it is called so."""
    os.execv(find_program(), ["dws", *sys.argv[1:]])


if __name__ == "__main__":
    main()
