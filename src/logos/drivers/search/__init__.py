"""A search engine of the settings, as a tool.

Search      a place of tools: search
Engine      where it is, and how it wants to be asked
"""

from logos.drivers.search.driver import MANIFESTS, Engine, Search

__all__ = ["MANIFESTS", "Engine", "Search"]
