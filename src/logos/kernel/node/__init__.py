"""A node: leases, resident processes, the loop of each process, and the kernel's interface.

open_kernel(parts)   a running node
Kernel               the interface for surfaces and handlers
Parts                what boot hands in
RERANKING            the account of rerankers' tokens
Payer                who starts a process, and the totals it counts toward
Turn                 what a client of the gateway says
"""

from logos.kernel.node.accounts import RERANKING
from logos.kernel.node.asked import Models
from logos.kernel.node.kernel import Kernel, open_kernel
from logos.kernel.node.lease import Dead
from logos.kernel.node.parts import Parts, Payer
from logos.kernel.node.reask import Again, reasked
from logos.kernel.node.records import Listed, Records, Told
from logos.kernel.node.redecide import Changed, Redecided, redecided
from logos.kernel.node.replay import Replayed
from logos.kernel.node.why import Why, explained
from logos.kernel.process.bodies import Turn

__all__ = [
    "RERANKING",
    "Again",
    "Changed",
    "Dead",
    "Kernel",
    "Listed",
    "Models",
    "Parts",
    "Payer",
    "Records",
    "Redecided",
    "Replayed",
    "Told",
    "Turn",
    "Why",
    "explained",
    "open_kernel",
    "reasked",
    "redecided",
]
