"""A node: leases, resident processes, the loop of each process, and the kernel's interface.

open_kernel(parts)   a running node
Kernel               the interface for surfaces and handlers
Parts                what boot hands in
Payer                who starts a process, and the totals it counts toward
Turn                 what a client of the gateway says
"""

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
