"""Packaging of videoseg: ``pip install .`` gives the evaluators, ``pip install .[mm]`` the models too.

The heavy stack has to be installed in a certain order: ``tools/setup_env.sh`` does that.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent


def read_requirements(name: str) -> list[str]:
    """The requirement lines of ``requirements/<name>.txt``, without comments."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text(encoding='utf-8').splitlines()
    return [line for line in (line.split('#')[0].strip() for line in lines) if line]


def read_version() -> str:
    """The version, read from the text of ``videoseg/version.py``: nothing is imported."""
    text = (ROOT / 'videoseg' / 'version.py').read_text(encoding='utf-8')
    return re.search(r"^__version__ = '([^']+)'", text, re.MULTILINE).group(1)


def read_readme() -> str:
    readme = ROOT / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.exists() else ''


class SdistWithRequirements(sdist):
    """A source distribution that carries the files this script reads."""

    def make_distribution(self) -> None:
        self.filelist.extend(sorted(f'requirements/{path.name}' for path in (ROOT / 'requirements').glob('*.txt')))
        super().make_distribution()


def main() -> None:
    extras = {name: read_requirements(name) for name in ('optional', 'tests', 'docs')}
    extras['mm'] = read_requirements('mminstall')
    extras['all'] = sorted({line for lines in extras.values() for line in lines})
    setup(
        name='videoseg',
        version=read_version(),
        description='Video panoptic, instance and semantic segmentation with kernels and queries',
        long_description=read_readme(),
        long_description_content_type='text/markdown',
        license='Apache-2.0',
        license_files=['LICENSE'],
        keywords='video segmentation, panoptic, tracking, kernels, queries',
        packages=find_packages(include=['videoseg', 'videoseg.*']),
        python_requires='>=3.11,<3.13',
        install_requires=read_requirements('runtime'),
        extras_require=extras,
        cmdclass={'sdist': SdistWithRequirements},
        zip_safe=False,
    )


if __name__ == '__main__':
    main()
