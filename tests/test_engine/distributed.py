"""Run a function in several processes connected by gloo."""

import multiprocessing
import os
import socket
import sys
import traceback
from collections.abc import Callable


def run_ranks(function: Callable, world_size: int, *args: object) -> None:
    """Call ``function(rank, *args)`` in ``world_size`` forked processes; all must end well within two minutes."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context('fork')
    processes = [context.Process(target=_main, args=(function, r, world_size, port, args)) for r in range(world_size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    codes = [process.exitcode for process in processes]
    for process in processes:
        if process.is_alive():
            process.kill()
    assert codes == [0] * world_size, codes


def _main(function: Callable, rank: int, world_size: int, port: int, args: tuple) -> None:
    names = {'RANK': rank, 'LOCAL_RANK': rank, 'WORLD_SIZE': world_size, 'MASTER_PORT': port}
    os.environ.update({'MASTER_ADDR': '127.0.0.1', **{k: str(v) for k, v in names.items()}})
    try:
        function(rank, *args)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    sys.stdout.flush()
    os._exit(0)
