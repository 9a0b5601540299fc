"""Agents for other agents: published ones answer over A2A, each task a process.

    App(machine, agents, who)   an ASGI application below /a2a: cards, tasks, streams

    tasks.py    tasks as processes
    app.py      HTTP+JSON, the binding that is served

A surface: it starts published agents for whoever asks, and shows nobody another's tasks.
"""

from logos.a2a.app import App

__all__ = ["App"]
