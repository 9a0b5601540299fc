#!/bin/sh
# servers.sh FOLDER: install MCP servers that people use, each in an environment of its own, for
# `LOGOS_TEST_SERVERS=FOLDER pytest tests/contract/test_mcp_real.py`.
set -eu
mkdir -p "$1"
cd "$1"
for name in mcp-server-git mcp-server-time mcp-server-fetch mcp-server-sqlite mcp-atlassian; do
  also=
  [ $name = mcp-server-sqlite ] && also="mcp<2" # it does not say that it needs the SDK of before
  uv venv -q --python 3.11 --allow-existing "$name"
  VIRTUAL_ENV="$PWD/$name" uv pip install -q --compile-bytecode "$name" $also || echo "not there: $name" >&2
done
if command -v npm >/dev/null; then
  npm install --silent --prefix node @modelcontextprotocol/server-filesystem \
    @modelcontextprotocol/server-github || echo "not there: servers for node" >&2
fi
