#!/usr/bin/env python
"""Report on the environment: what is installed, what is wrong with it, how to fix it.

python tools/collect_env.py            the whole report (attach it to a bug report)
python tools/collect_env.py --check    only what is wrong; exit status 1 if videoseg cannot work
"""

import argparse
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # also when videoseg is not installed: that may be what is wrong

from videoseg.utils.env_report import collect_entries, format_report  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--check', action='store_true', help='print only problems; exit status 1 on an error')
    args = parser.parse_args()
    warnings.simplefilter('ignore')
    entries = collect_entries()
    if args.check:
        problems = [entry for entry in entries if entry.severity != 'ok']
        if problems:
            print(format_report(problems))
        return int(any(entry.severity == 'error' for entry in entries))
    print(format_report(entries))
    return 0


if __name__ == '__main__':
    sys.exit(main())
