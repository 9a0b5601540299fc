"""Skills: folders with a SKILL.md, as the open format has them, below /skills.

    Skills(folder)   the Mount; install, remove and shown are for people
    Shown            one skill, for people

    front.py   what SKILL.md says of itself
    copy.py    a person's folder -> our own copy, under the hash of what is in it

A skill is text and programs of somebody else.  It is never loaded: an agent finds it by its
description, reads what it needs, and runs its scripts in the sandbox, which may read the copy.
"""

from logos.drivers.skills.shelf import Shown, Skills

__all__ = ["Shown", "Skills"]
