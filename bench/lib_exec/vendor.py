"""A vendor's Chat Completions endpoint on loopback, whose model keeps a ledger.

    Vendor(seconds)    a server in a thread of its own; `url`
    Vendor.asked       how many requests have come
    Vendor.paid        each answer that was given whole: digest of the question, its number, tokens

The model enters the items of its task one by one with `add`.  When a call fails it reads `entries`
before it tries again.  Each answer carries its number, so that a journal says which ones it has.
"""

import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

PATIENCE_S = 60.0


class Paid(NamedTuple):
    question: str
    number: int
    tokens: int


class Vendor:
    def __init__(self, seconds: float) -> None:
        self.asked: list[str] = []
        self.paid: list[Paid] = []
        self.seconds = seconds
        self.lock = threading.Condition()
        vendor = self

        class Handler(_Handler):
            owner = vendor

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_asked(self, run: str, times: int, within_s: float = PATIENCE_S) -> bool:
        """Until so many requests have come whose task names this run."""
        with self.lock:
            return self.lock.wait_for(lambda: self.count(run) >= times, within_s)

    def count(self, run: str) -> int:
        return sum(run in task for task in self.asked)


class _Handler(BaseHTTPRequestHandler):
    owner: Vendor
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as its base has it
        """Quiet."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        body = json.loads(raw)
        owner = self.owner
        with owner.lock:
            owner.asked.append(task_of(body["messages"]))
            number = len(owner.asked)
            owner.lock.notify_all()
        time.sleep(owner.seconds)
        message = think(body, number)
        usage = {"prompt_tokens": len(raw) // 4, "completion_tokens": 20}
        usage["total_tokens"] = sum(usage.values())
        data = streamed(message, usage) if body.get("stream") else whole(message, usage)
        try:
            self._answer(data, "text/event-stream" if body.get("stream") else "application/json")
        except OSError:
            return  # nobody heard it, nobody pays
        digest = hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()
        with owner.lock:
            owner.paid.append(Paid(digest, number, usage["total_tokens"]))
            owner.lock.notify_all()

    def _answer(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def text_of(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def task_of(messages: list[dict[str, Any]]) -> str:
    return next((text_of(m) for m in messages if m["role"] == "user"), "")


def think(body: dict[str, Any], number: int) -> dict[str, Any]:
    """What the model says: one call, or that it is done."""
    items = re.findall(r"([\w-]+) at ([\d.]+)", task_of(body["messages"]))
    tools = {
        t["function"]["name"].rpartition("__")[2]: t["function"]["name"] for t in body["tools"]
    }
    entered: set[str] = set()
    last: tuple[str, str] | None = None
    unsure = False
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            arguments = json.loads(call["function"]["arguments"] or "{}")
            last = (call["function"]["name"].rpartition("__")[2], arguments.get("item", ""))
        if message["role"] != "tool" or last is None:
            continue
        text = text_of(message)
        if last[0] == "entries":
            unsure = "denied" in text
            entered |= {item for item, _ in items if f"{item}\t" in text}
        elif text.startswith("entered"):
            entered.add(last[1])
        else:
            unsure = True
    note = f"(answer {number})"
    if unsure:
        return _call(tools["entries"], {}, number, f"Was it entered? {note}")
    for item, amount in items:
        if item not in entered:
            given = {"item": item, "amount": float(amount)}
            return _call(tools["add"], given, number, f"I enter {item}. {note}")
    total = sum(float(amount) for _, amount in items)
    return {"role": "assistant", "content": f"All {len(items)} entered: {total:.2f}. {note}"}


def _call(name: str, arguments: dict[str, Any], number: int, text: str) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"index": 0, "id": f"v{number}", "type": "function", "function": function}
    return {"role": "assistant", "content": text, "tool_calls": [call]}


def whole(message: dict[str, Any], usage: dict[str, int]) -> bytes:
    reason = "tool_calls" if "tool_calls" in message else "stop"
    choice = {"index": 0, "message": message, "finish_reason": reason}
    head = {"id": "v", "object": "chat.completion", "created": 1, "model": "vendor"}
    return json.dumps(head | {"choices": [choice], "usage": usage}).encode()


def streamed(message: dict[str, Any], usage: dict[str, int]) -> bytes:
    head = {"id": "v", "object": "chat.completion.chunk", "created": 1, "model": "vendor"}
    reason = "tool_calls" if "tool_calls" in message else "stop"
    chunks = [
        head | {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
        head | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        head | {"choices": [], "usage": usage},
    ]
    events = b"".join(b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks)
    return events + b"data: [DONE]\n\n"
