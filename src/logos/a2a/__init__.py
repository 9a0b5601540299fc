"""Agents for other agents: published ones answer over A2A, each task a process.

    open_a2a(machine, agents, who)   an ASGI application below /a2a: cards, tasks, streams
    REST, RPC                        what can be asked of it, by either binding

    tasks.py         tasks as processes
    operations.py    what a client may ask
    push.py          news of tasks, told to servers of clients
    app.py           the two bindings: HTTP+JSON and JSON-RPC
    faults.py        errors as the protocol has them

A surface: it starts published agents for whoever asks, and shows nobody another's tasks.
"""

from logos.a2a.app import REST, RPC, App, open_a2a

__all__ = ["REST", "RPC", "App", "open_a2a"]
