"""The drivers' suites run on asyncio, the one loop the project supports."""

import sys
from pathlib import Path

import pytest

# Helpers of this folder are imported by name.
sys.path.append(str(Path(__file__).parent))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
