"""The information-flow half of the trust layer: what a call may carry, and where to.

A call that a process proposes passes here after its capabilities and before the journal.  The room
keeps what the principal said in a task and what the task has read, and decides from that alone
whether the values of a call may have the effect the call has.  It does no I/O, reads no clock, and
knows tools only by their manifests.

    Task        one task: words, history, intents, agreements; a fold of the journal
    decide      may this call be made?  allow, ask or deny, with the rule and the sources
    Following   that fold, event by event
    Decision    what goes into the journal; `explain` turns it into lines for people
    Catalogue   tools, their schemas and manifests;  `parse` reads manifests
    builtin     the shipped rules as a checked table;  `load` reads a site's rules
    Label       integrity and confidentiality of data;  `join`, `flows`

Invariant: no destination, identity or secret takes its value from text that was read, unless a
person approved that value.
"""

from logos.kernel.flow.builtin import RULES, builtin
from logos.kernel.flow.carry import Carried, fit, unread
from logos.kernel.flow.catalogue import Catalogue, Tool
from logos.kernel.flow.content import Content
from logos.kernel.flow.decision import Decision, Judged, explain
from logos.kernel.flow.derive import derive
from logos.kernel.flow.following import Following, named, recorded, thought_of
from logos.kernel.flow.intent import Intent, intents
from logos.kernel.flow.judge import decide
from logos.kernel.flow.label import TOP_TRUST, Integrity, Label, flows, join
from logos.kernel.flow.manifest import Argument, Field, Impact, Manifest, Result, parse
from logos.kernel.flow.nearest import nearest
from logos.kernel.flow.own import OWN, add_own
from logos.kernel.flow.rules import Facts, Rule, Table, Verdict, load
from logos.kernel.flow.source import Source
from logos.kernel.flow.task import Task
from logos.kernel.flow.value import Kind, normal
from logos.kernel.flow.words import Words

__all__ = [
    "OWN",
    "RULES",
    "TOP_TRUST",
    "Argument",
    "Carried",
    "Catalogue",
    "Content",
    "Decision",
    "Facts",
    "Field",
    "Following",
    "Impact",
    "Integrity",
    "Intent",
    "Judged",
    "Kind",
    "Label",
    "Manifest",
    "Result",
    "Rule",
    "Source",
    "Table",
    "Task",
    "Tool",
    "Verdict",
    "Words",
    "add_own",
    "builtin",
    "decide",
    "derive",
    "explain",
    "fit",
    "flows",
    "intents",
    "join",
    "load",
    "named",
    "nearest",
    "normal",
    "parse",
    "recorded",
    "thought_of",
    "unread",
]
