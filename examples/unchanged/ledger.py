"""A ledger as an MCP server on its standard streams: `add` writes a line, `entries` reads them.

logos mount ledger -- python ledger.py [SECONDS each entry takes]
"""

import sys
import time
from pathlib import Path

from mcp.server import MCPServer
from mcp.types import ToolAnnotations

server = MCPServer("ledger")
book = Path("ledger.txt")
takes_s = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0


@server.tool()
def add(item: str, amount: float) -> str:
    """Enter one item.  Entering it twice would be a mistake."""
    with book.open("a", encoding="utf-8") as lines:
        lines.write(f"{item}\t{amount}\n")
    time.sleep(takes_s)
    return f"entered {item}"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def entries() -> str:
    """What has been entered so far, one item a line."""
    return book.read_text(encoding="utf-8") if book.exists() else "(nothing)"


if __name__ == "__main__":
    server.run("stdio")
