"""Who gets a model's slots.

Slots.slot(model)   an async context manager: one of the model's slots, first come first served
"""

from logos.kernel.sched.slots import Slots

__all__ = ["Slots"]
