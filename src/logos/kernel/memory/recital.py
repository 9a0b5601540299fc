"""The end of a prompt, new for each thought and kept in none: what is still to do, what is left.

    tail     the text; empty when there is nothing to recite

It is the last message, so that nothing behind it loses its place in a cache.
"""

from logos.abi.process import Process
from logos.kernel.memory.window import Window
from logos.kernel.process import left

RECITE = 0.5
"""Of a budget: with less left, it is recited."""

DIGITS = 2


def tail(window: Window, process: Process) -> str:
    todo = window.todo[1]
    lines = [f"[todo]\n{todo}"] if todo else []
    rest, limits = left(process), process.limits
    scarce = [
        text
        for now, first, text in (
            (rest.tokens, limits.tokens, f"{_rounded(rest.tokens)} tokens"),
            (rest.cost, limits.cost, f"${(rest.cost or 0) / 1e9:.4f}"),
            (rest.calls, limits.calls, f"{rest.calls} calls"),
        )
        if now is not None and first and now < first * RECITE
    ]
    if scarce:
        lines.append(f"[left: {', '.join(scarce)}]")
    return "\n".join(lines)


def _rounded(number: int | None) -> int:
    return int(float(f"{number or 0:.{DIGITS}g}"))
