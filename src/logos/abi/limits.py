"""Every constant with a unit, on one page (after xv6's param.h).

What an operator may want to change is a setting in config.py instead.
"""

BODY_INLINE_BYTES = 4096
"""A journal body longer than this is kept as a content-addressed blob."""

BATCH_EVENTS = 512
"""Events in one group commit at most."""

SNAPSHOT_EVENTS = 500
"""Events between two snapshots of one process: bounds what recovery must fold."""

RESULT_TOKENS = 4000
"""A result longer than this enters the window as its head and a page to read the rest from."""

READ_LINES = 400
"""Lines fs.read returns when no range is given."""

FILE_BYTES = 4 << 20
"""The largest file fs.read opens."""

FETCH_BYTES = 1 << 20
"""The most http.fetch keeps of a response."""

OUTPUT_BYTES = 64 << 10
"""The most command.run keeps of each of stdout and stderr."""

LEAST_OUTPUT = 64
"""Tokens.  With less left, a thought is not worth its prompt."""

WRAP_UP_TURNS = 1
"""Thoughts a process has left after a `term` signal."""

REPEATED_FAILURES = 3
"""The process is warned after the same failing call this many times in a row."""

CALL_CYCLE = 4
"""Longest cycle of calls the watchdog looks for."""

CYCLE_REPEATS = 3
"""The process is warned after a cycle of calls with the same results this many times."""

LEAST_WAIT_S = 1.0
"""A process that sleeps at least this long between two looks is polling, not going in circles."""

WARNING_DECAYS = 24
"""After this many calls in a row that each brought something new, the watchdog forgets a
warning."""

THROTTLE_S = 5.0
"""How long the watchdog pauses a process when a warning did not help."""

LONGEST_WAIT_S = 366 * 86400.0
"""The longest that a process may wait for something, or live, when it names the time itself."""
