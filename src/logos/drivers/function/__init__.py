"""Python functions as tools: tool.call.

    Functions   a registry of functions, and the Tool that calls them

A function's signature is its schema and its docstring its manual: nothing is declared twice.
"""

from logos.drivers.function.driver import Functions

__all__ = ["Functions"]
