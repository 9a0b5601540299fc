"""llama.cpp inside this process (`xllamacpp`): a GGUF file loaded, to think, to give vectors or to judge.

    there(path)       raise `not_found` where there is no file
    loaded(path, ...) the engine; it takes from 20 ms to many seconds
    Mode              what it is loaded for

The engine works in threads of its own and lets go of Python's lock while it does.
"""

import os
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

from logos.abi.errors import Code, SysError


class Mode(StrEnum):
    THINK = "think"
    EMBED = "embed"
    RERANK = "rerank"


def there(path: Path) -> None:
    if not path.is_file():
        raise SysError(Code.NOT_FOUND, f"no file {path}", hint="local/path/to/model.gguf")


def loaded(path: Path, *, slots: int, window: int, key: str, mode: Mode = Mode.THINK) -> Any:
    """Raise `unavailable` without the package, `invalid` for a file that is no model."""
    try:
        xllamacpp: Any = import_module("xllamacpp")  # 100 MB that only this needs
    except ImportError as error:
        raise SysError(
            Code.UNAVAILABLE,
            "local models need the package xllamacpp",
            hint="pip install 'logos[local]'",
        ) from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path.resolve())
    params.n_ctx = window * slots  # the engine shares it out among its slots
    params.n_parallel = slots
    params.warmup = False
    params.verbosity = -1
    params.ui = False
    params.api_keys = [key]
    if mode is not Mode.THINK:
        params.embedding = True
        params.n_batch = params.n_ubatch = window  # a text is looked at whole, or not at all
    if mode is Mode.RERANK:
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_RANK
    # Threads that spin on cores somebody else needs cost a hundred times what they win.
    threads = max(1, (os.cpu_count() or 2) // 2)
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = threads
        cpu.poll = 0
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise SysError(
            Code.INVALID, f"{path.name} cannot be loaded: {error}", hint="is it a whole GGUF file?"
        ) from error
