"""The commands, one file per family, and the table of them all."""

from logos.cli.commands.audit import CHECKPOINT, EXPORT, VERIFY
from logos.cli.commands.clients import ENV, KEY_CREATE, KEY_LIST, KEY_REVOKE, KEY_ROTATE, USAGE
from logos.cli.commands.execute import EXEC
from logos.cli.commands.look import JOURNAL, LOGS, PS, SHOW, TREE
from logos.cli.commands.machine import AGENTS, CONFIG, DOCTOR, DOWN, STATUS, UP
from logos.cli.commands.mem import MEMORY
from logos.cli.commands.mounts import LOGIN, MOUNT, MOUNTS, UMOUNT
from logos.cli.commands.replay import REPLAY
from logos.cli.commands.serving import MCP
from logos.cli.commands.shell import SH
from logos.cli.commands.skills import INSTALL, SKILLS, UNINSTALL
from logos.cli.commands.standing import STANDING
from logos.cli.commands.transfer import MEM_EXPORT, MEM_IMPORT
from logos.cli.commands.tree import TREE_
from logos.cli.commands.trust import APPROVALS, APPROVE, CAPS, DENY, REVOKE, STOP, WHY
from logos.cli.commands.upkeep import UPKEEP
from logos.cli.commands.work import ATTACH, KILL, RUN, SEND, WAIT
from logos.cli.registry import Command

GROUPS = {
    "Work": (RUN, EXEC, SH, ATTACH, SEND, KILL, WAIT),
    "Look": (PS, TREE, SHOW, JOURNAL, LOGS),
    "Memory": (*MEMORY, *STANDING, *UPKEEP, MEM_IMPORT, MEM_EXPORT, *TREE_),
    "Trust": (
        APPROVALS,
        APPROVE,
        DENY,
        WHY,
        CAPS,
        REVOKE,
        STOP,
        REPLAY,
        VERIFY,
        CHECKPOINT,
        EXPORT,
    ),
    "Clients": (USAGE, ENV, KEY_CREATE, KEY_LIST, KEY_ROTATE, KEY_REVOKE, MCP),
    "Tools": (MOUNT, LOGIN, UMOUNT, MOUNTS, INSTALL, UNINSTALL, SKILLS),
    "Machine": (AGENTS, CONFIG, DOCTOR, UP, DOWN, STATUS),
}

ALL = tuple(command for group in GROUPS.values() for command in group)
COMMANDS: dict[str, Command] = {command.name: command for command in ALL}

__all__ = ["ALL", "COMMANDS", "GROUPS"]
