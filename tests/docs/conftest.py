"""A scripted model at the network's door: Chat Completions on loopback.

door    open it with a script; gives the environment in which a program finds it

What is documented is run as people would run it, in processes of its own, so the model must be
reached as theirs is.  A script gets the texts of the conversation so far and says what comes
next: a text, or calls as (name, arguments).
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

Answer = str | tuple[str, dict[str, Any]]
Script = Callable[[list[str]], Answer]

numbers = count(1)


def _delta(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"content": answer}
    name, arguments = answer
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"tool_calls": [{"index": 0, "id": f"call{next(numbers)}", "function": function}]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = type(self).script([str(m.get("content") or "") for m in asked["messages"]])
        reason = "stop" if isinstance(answer, str) else "tool_calls"
        chunks = [
            {"choices": [{"index": 0, "delta": _delta(answer), "finish_reason": reason}]},
            {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 5}},
        ]
        events = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]
        body = "".join(events).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Callable[[Script], Mapping[str, str]]]:
    with ExitStack() as stack:

        def opened(script: Script) -> Mapping[str, str]:
            handler = type("Handler", (_Handler,), {"script": staticmethod(script)})
            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), handler))
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return {
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "LOGOS_HOME": str(tmp_path / "logos"),
                "LOGOS_MODEL": "openai/scripted",
                "OPENAI_API_KEY": "none",
                "OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1",
            }

        yield opened
