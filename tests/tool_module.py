"""The command-line tools as modules."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).parents[1] / 'tools'


def load_tool(path: str) -> ModuleType:
    """Import ``tools/<path>`` without running it; as a script it finds the modules beside it."""
    file = TOOLS / path
    spec = importlib.util.spec_from_file_location(f'videoseg_tool_{file.stem}', file)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(file.parent))
    return module
