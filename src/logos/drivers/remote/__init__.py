"""Agents elsewhere, over A2A: each a place with one tool, and a page under /net.

Remote    one agent: `delegate` gives it a task and waits for the answer
Net       the Mount of /net
"""

from logos.drivers.remote.driver import Remote
from logos.drivers.remote.net import Net

__all__ = ["Net", "Remote"]
