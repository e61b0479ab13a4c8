"""``python -m seedbed``: the program itself."""

from seedbed.client import main

if __name__ == "__main__":
    main()
