import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

from fixtures import *  # noqa: E402,F401,F403


def pytest_addoption(parser):
    fixtures_addoption(parser)
    parser.addoption("--stride", type=int, default=1,
                     help="walk every N-th fault only (default: all)")


from fixtures import pytest_addoption as fixtures_addoption  # noqa: E402
