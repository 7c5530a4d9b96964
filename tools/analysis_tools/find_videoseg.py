"""Importing this lets a tool run from a checkout that is not installed: the evaluators need no more than numpy."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec('videoseg') is None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
