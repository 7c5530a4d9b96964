"""Lines and cells of the tables that the tools print."""

from collections.abc import Iterable, Sequence

import numpy as np


def table_line(cells: Iterable[str]) -> str:
    """One line of a markdown table."""
    return f'| {" | ".join(cells)} |'


def mean_and_spread(values: Sequence[float]) -> str:
    """Mean ± sample standard deviation in percent, the mean alone of a single value; of shares, at least one."""
    numbers = np.array(values) * 100
    spread = f' ± {numbers.std(ddof=1):.1f}' if len(numbers) > 1 else ''
    return f'{numbers.mean():.1f}{spread}'
