"""Manifests of LogOS's own calls.  Data, checked against the calls' own schemas.

    OWN              {call: Manifest}
    add_own(catalogue)   put them all into a catalogue

What a process does in its own workspace is `private`: it needs no intent, and the names of new
files are the agent's to choose.  What it fetches leaves the machine.  `tool.call` stands here
for completeness; the gate decides the tool that it names, by that tool's own manifest.

Invariant: every call of the abi has a manifest here.
"""

import tomllib
from typing import Any

import msgspec

from logos.abi.calls import CALLS, Call, name
from logos.kernel.flow.catalogue import Catalogue
from logos.kernel.flow.manifest import Manifest

_TEXT = """
["fs.list"]
impact = "read"
arguments = { path = "path" }
result = { type = "folder", context = ["path"], keys = ["path"] }

["fs.read"]
impact = "read"
arguments = { path = "path", first = "selector", last = "selector" }
result = { type = "file", context = ["path"], keys = ["path"] }

["fs.search"]
impact = "read"
arguments = { pattern = "selector", path = "path", files = "selector", limit = "selector", offset = "selector" }
result = { type = "match" }

["fs.write"]
impact = "reversible_write"
private = true
idempotent = true
arguments = { path = { kind = "path", free = true }, text = "content" }

["fs.append"]
impact = "reversible_write"
private = true
arguments = { path = { kind = "path", free = true }, text = "content" }

["command.run"]
impact = "reversible_write"
private = true
opens = "hosts"
arguments = { argv = "command", stdin = "content", timeout_s = "choice", hosts = "url" }
result = { type = "output" }

["http.fetch"]
impact = "read_egress"
arguments = { url = "url" }
result = { type = "page", context = ["url"], keys = ["url"] }

["tool.call"]
impact = "irreversible"
arguments = { tool = "name", arguments = "content" }

["memory.read"]
impact = "read"
arguments = { page = "selector", offset = "selector" }
result = { type = "memory" }

["memory.search"]
impact = "read"
arguments = { question = "selector", tokens = "choice", space = "selector" }
result = { type = "memory" }

["memory.remember"]
impact = "reversible_write"
private = true
idempotent = true
arguments = { text = "content", path = { kind = "path", free = true }, subject = "content", relation = "content", since = "date", source = "content", undo = "choice" }

["memory.link"]
impact = "reversible_write"
private = true
idempotent = true
arguments = { node = { kind = "path", free = true }, relation = "content", to = { kind = "path", free = true }, remove = "choice" }

["memory.forget"]
impact = "irreversible"
private = true
idempotent = true
arguments = { pages = "selector", path = { kind = "path", free = true }, reason = "content" }

["memory.pin"]
impact = "reversible_write"
private = true
idempotent = true
arguments = { page = "selector", pinned = "choice" }

["memory.compress"]
impact = "reversible_write"
private = true
idempotent = true
arguments = { keep = "selector", about = "content" }

["memory.todo"]
impact = "reversible_write"
private = true
idempotent = true
arguments = { items = "content" }

["kv.get"]
impact = "read"
arguments = { key = "selector" }
result = { type = "memory" }

["kv.set"]
impact = "reversible_write"
private = true
arguments = { key = { kind = "path", free = true }, value = "content", version = "choice" }

["process.spawn"]
impact = "reversible_write"
private = true
arguments = { agent = { kind = "name", free = true }, task = "content", limits = "choice" }

["process.wait"]
impact = "read"
arguments = { pid = "selector", timeout_s = "choice" }
result = { type = "answer" }

["process.signal"]
impact = "reversible_write"
private = true
arguments = { pid = { kind = "id", free = true }, signal = "choice" }

["process.exec"]
impact = "reversible_write"
private = true
arguments = { argv = "content", stdin = "content", env = "content", folder = "content", readable = "content", network = "choice", hosts = "choice", restarts = "choice", strict = "choice", memory_mb = "choice", timeout_s = "choice" }
result = { type = "output" }

["message.send"]
impact = "reversible_write"
private = true
arguments = { to = { kind = "id", free = true }, text = "content" }

["message.receive"]
impact = "read"
arguments = { timeout_s = "choice" }
result = { type = "letter" }

["time.sleep"]
impact = "read"
arguments = { seconds = "choice" }

["time.schedule"]
impact = "reversible_write"
private = true
idempotent = true
arguments = { cron = "choice", text = "content" }
"""

OWN: dict[str, Manifest] = msgspec.convert(tomllib.loads(_TEXT), dict[str, Manifest])


def add_own(catalogue: Catalogue) -> None:
    """Put every call of the abi into the catalogue."""
    for call in CALLS:
        catalogue.add(name(call), _schema(call), OWN[name(call)])


def _schema(call: type[Call[Any]]) -> dict[str, Any]:
    """The call's arguments as a JSON Schema, without the field that says which call it is."""
    (schema,), components = msgspec.json.schema_components([call], ref_template="#/$defs/{name}")
    found = dict(components[schema["$ref"].rsplit("/", 1)[-1]])
    tag = call.__struct_config__.tag_field
    found["properties"] = {k: v for k, v in found["properties"].items() if k != tag}
    found["required"] = [r for r in found.get("required", ()) if r != tag]
    found["$defs"] = components
    return found
