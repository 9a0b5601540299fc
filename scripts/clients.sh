#!/bin/sh
# clients.sh FOLDER: install agent programs that people use, each in an environment of its own, for
# `LOGOS_TEST_CLIENTS=FOLDER pytest tests/contract/test_gateway_programs.py`.
set -eu
mkdir -p "$1"
cd "$1"
uv venv -q --python 3.11 --allow-existing claude
VIRTUAL_ENV="$PWD/claude" uv pip install -q --compile-bytecode claude-agent-sdk ||
  echo "not there: claude-agent-sdk" >&2
if command -v npm >/dev/null; then
  npm install --silent --prefix codex @openai/codex || echo "not there: @openai/codex" >&2
fi
