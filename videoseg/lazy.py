"""Lazy attributes for package ``__init__`` files (PEP 562)."""

import importlib
from collections.abc import Callable


def attach(package: str, names: dict[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Make the public names of a package load their module on first use.

    Args:
        package: ``__name__`` of the package.
        names: Public name -> sub-module that defines it.

    Returns:
        ``__getattr__``, ``__dir__`` and ``__all__`` of the package.

    Raises:
        AttributeError: By the returned ``__getattr__`` for an unknown name.
    """

    def __getattr__(name: str) -> object:
        if name not in names:
            raise AttributeError(f'module {package!r} has no attribute {name!r}; it offers {", ".join(sorted(names))}')
        return getattr(importlib.import_module(f'{package}.{names[name]}'), name)

    def __dir__() -> list[str]:
        return sorted(names)

    return __getattr__, __dir__, sorted(names)
