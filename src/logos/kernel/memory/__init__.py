"""Virtual context memory: pages, the search for them, and the gate they must pass."""
