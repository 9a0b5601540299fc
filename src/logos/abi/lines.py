"""Text by lines, as fs.read and fs.search show it.  Pure.

    decode   bytes of a file -> text; None when they are not text
    lines    text -> lines, without their ends
    numbered lines `first` to `last`, as NUMBER<tab>TEXT, and what is left out

Only "\\n" (or "\\r\\n") ends a line here and in fs.search, so that both count alike.
"""

LINE_CHARACTERS = 2000
"""A longer line is cut."""

_SNIFFED = 8192


def decode(data: bytes) -> str | None:
    """Bytes that are not UTF-8 are shown as \\xNN rather than replaced and lost."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"} and len(data) % 2 == 0:
        return data.decode("utf-16", "backslashreplace")
    if b"\0" in data[:_SNIFFED]:
        return None
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "backslashreplace")


def lines(text: str) -> list[str]:
    split = text.split("\n")
    if split[-1] == "":
        split.pop()
    return [line.removesuffix("\r") for line in split]


def numbered(text: str, first: int, last: int | None, most: int) -> str:
    """Without `last`, `most` lines from `first` on."""
    every = lines(text)
    end = min(last if last is not None else first + most - 1, len(every))
    shown = [f"{n}\t{cut(line)}" for n, line in enumerate(every[first - 1 : end], first)]
    if not every:
        shown.append("[the file is empty]")
    elif first > len(every):
        shown.append(f"[the file has only {len(every)} lines]")
    elif last is not None and last < first:
        shown.append(f"[no lines: last is before first; the file has {len(every)} lines]")
    elif end < len(every) and last is None:
        shown.append(f"[lines {first}-{end} of {len(every)}; go on with first={end + 1}]")
    elif end == len(every) and not text.endswith("\n"):
        shown.append("[no newline at the end]")
    return "\n".join(shown)


def cut(line: str, most: int = LINE_CHARACTERS) -> str:
    if len(line) <= most:
        return line
    return f"{line[:most]}…[{len(line) - most} more characters]"
