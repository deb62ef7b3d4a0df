"""Makes the modules of deploy/ known to the tests."""

import sys
from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy"
sys.path[:0] = [str(DEPLOY), str(DEPLOY / "files" / "data"), str(DEPLOY / "files" / "app")]
