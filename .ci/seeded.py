"""Runs a script whose random choices are the same each time: seeded.py SCRIPT ARGUMENTS..."""

import random
import runpy
import sys

random.seed(31337)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
