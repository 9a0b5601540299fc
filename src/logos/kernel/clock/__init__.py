"""The only reader of the clock."""

from logos.kernel.clock.system import SystemClock

__all__ = ["SystemClock"]
