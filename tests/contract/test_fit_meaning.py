"""bench/fit_pager.py --embedder: what vectors weigh, fitted on a history whose words alone say nothing."""

import hashlib
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.pg.meanings import Server, serving

from logos.kernel.memory import parse
from logos.kernel.memory.scorer import Weights

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

BENCH = Path(__file__).parents[2] / "bench"
PAIRS = [
    ("the beagle sleeps upstairs", "Which pet is there?"),
    ("a surgeon came at nine", "Who is the physician?"),
    ("that red sedan is parked outside", "What vehicle was seen?"),
    ("he purchased nine chairs", "What did somebody acquire?"),
    ("her wage went up", "What about earnings?"),
]
NOWHERE = ["Which ship has sunk?", "When was the opera shown?", "Where do otters swim?"]
WORDS = [f"{a}{b}a" for a in ("bor", "kel", "tun", "mir", "sal", "dro") for b in "bcdfghklmnprst"]


def history(folder: Path) -> Path:
    dice = random.Random(3)
    for number in range(4):
        said = [f"{' '.join(dice.choices(WORDS, k=9))}." for _ in range(60)]
        told = [evidence for evidence, _ in PAIRS]
        said += told
        dice.shuffle(said)
        turns = [
            {"id": str(n), "session": 1, "time": "2026-05-01", "text": text}
            | {"speaker": ("Ann", "Ben")[n % 2]}
            for n, text in enumerate(said)
        ]
        asked: list[dict[str, Any]] = [
            {"question": question, "evidence": [str(said.index(evidence))]}
            for evidence, question in PAIRS
        ]
        asked += [{"question": question, "evidence": []} for question in NOWHERE]
        questions = [one | {"id": str(n), "category": "x"} for n, one in enumerate(asked)]
        talk = {"name": f"talk-{number}", "turns": turns, "questions": questions}
        (folder / f"{number}.json").write_text(json.dumps(talk))
    return folder


async def fitted(server: Server, folder: Path) -> tuple[Weights, str]:
    settings, out = anyio.Path(folder / "logos.toml"), anyio.Path(folder / "weights.json")
    await settings.write_text(f'[models."e/one"]\nurl = "{server.url}"\n')
    command = [sys.executable, str(BENCH / "fit_pager.py"), str(folder / "history")]
    command += ["--out", str(out), "--embedder", "e/one", "--settings", str(settings)]
    done = await anyio.run_process(
        command, check=False, env=os.environ | {"PYTHONPATH": str(BENCH)}
    )
    assert done.returncode == 0, done.stderr.decode()
    return parse(await out.read_bytes()), done.stderr.decode()


def scrambled(answer: dict[str, Any]) -> dict[str, Any]:
    """Vectors that mean nothing."""
    for row in answer["data"]:
        seed = hashlib.sha256(json.dumps(row["embedding"]).encode()).digest()
        dice = random.Random(seed)
        row["embedding"] = [dice.gauss(0, 1) for _ in row["embedding"]]
    return answer


async def test_vectors_weigh_what_they_are_worth(tmp_path: Path) -> None:
    await anyio.Path(tmp_path / "history").mkdir()
    history(tmp_path / "history")
    async with serving() as server:
        good, said = await fitted(server, tmp_path)
        server.faults += [scrambled] * 100
        bad, _ = await fitted(server, tmp_path)
    assert "loss by weight" in said
    assert good.meaning > 0.3
    assert bad.meaning < good.meaning / 2
    assert 0 <= bad.meaning_gate <= good.meaning_gate
    assert good.shared == bad.shared
