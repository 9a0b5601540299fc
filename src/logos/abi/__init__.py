"""What the kernel and everything outside it agree on.  Data only; imports no other room.

Everything here appears on disk, on the wire, or in somebody else's program.  A change here is a
change of format: give it a version, an upcaster, and a line in CHANGELOG.md.

    ids.py       names of things
    errors.py    what can go wrong, and what it means at each surface
    limits.py    every constant that has a unit
    rights.py    what a capability allows, and when one covers another
    agent.py     what an agent is: instructions, model, tools, limits
    messages.py  provider-neutral chat: messages, requests, deltas, usage
    process.py   what a process is at one moment, and what it may do next
    events/      what the journal can record
    calls/       the system calls
    lines.py     text by lines, as models read it
    dates.py     dates and times as people write them
    driver.py    the Protocols of models, tools, sandboxes and clocks
    mount.py     the Protocol of what is mounted in the tree of a process
"""
