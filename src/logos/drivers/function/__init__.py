"""Python functions as tools: tool.call.

    Functions   a registry of functions, and the Tool that calls them
    WORKER      the program that serves a module's functions from a process of their own

A function's signature is its schema and its docstring its manual: nothing is declared twice.
"""

from pathlib import Path

from logos.drivers.function.driver import Functions

WORKER = Path(__file__).with_name("worker.py")

__all__ = ["WORKER", "Functions"]
