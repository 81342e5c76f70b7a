"""Runs the command: `python -m cutroom <name>` is `cutroom <name>`.

python -m cutroom curate demo
"""

from cutroom.command import main

if __name__ == "__main__":
    main()
