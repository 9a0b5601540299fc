"""Who gets the model.

Slots.slot(model)   an async context manager: one of the model's places, first come first served
"""

from logos.kernel.sched.slots import Slots

__all__ = ["Slots"]
