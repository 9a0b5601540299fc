"""python -m bench: every measurement in turn, each with its JSON object last."""

import subprocess
import sys
from pathlib import Path

NAMES = ("journal", "thoughts", "footprint", "chaos", "sandbox")

for name in NAMES:
    print(f"== {name}", flush=True)
    script = Path(__file__).parent / f"{name}.py"
    subprocess.run([sys.executable, script, "--json"], check=True)
