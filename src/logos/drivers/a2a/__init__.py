"""Agents elsewhere, over A2A: each a place with one tool, and a page under /net.

Remote    one agent: `delegate` gives it a task and waits for the answer
Net       the Mount of /net
"""

from logos.drivers.a2a.driver import Remote
from logos.drivers.a2a.net import Net

__all__ = ["Net", "Remote"]
