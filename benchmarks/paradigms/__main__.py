"""``python -m benchmarks.paradigms``."""

import sys

from benchmarks.paradigms import main

if __name__ == "__main__":
    sys.exit(main())
