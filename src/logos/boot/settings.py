"""Where a machine is kept, and its settings.

home            the folder in which everything is kept
load_settings   logos.toml and the environment -> settings
agent_folders   where agents are looked for
"""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from logos.abi.errors import Code, SysError
from logos.config import Config, Loaded, load

AGENTS = (".logos/agents", ".claude/agents", "agents")
"""Folders of a project in which agent files are kept."""


def home(config: Config) -> Path:
    """`LOGOS_HOME`, else the platform's data folder.  Root's is not in root's home directory,
    because the database runs as another user and must be able to reach it."""
    if config.home:
        return Path(config.home).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/logos")
    return Path(platformdirs.user_data_dir("logos", appauthor=False))


def load_settings(environ: Mapping[str, str], cwd: Path) -> Loaded:
    """`LOGOS_CONFIG`, else logos.toml in the home, else one in the current folder.

    Raise `invalid` naming the setting and where it was set.
    """
    if named := environ.get("LOGOS_CONFIG"):
        if not Path(named).exists():
            raise SysError(Code.NOT_FOUND, f"{named} does not exist", hint="it is in LOGOS_CONFIG")
        return load(Path(named), environ)
    at_home = home(load(None, environ).config) / "logos.toml"
    return load(at_home if at_home.exists() else cwd / "logos.toml", environ)


def agent_folders(config: Config, cwd: Path | None = None) -> list[Path]:
    """Where agents are looked for, first match first."""
    folders = [Path(folder).expanduser() for folder in config.agents]
    if cwd is not None:
        folders += [cwd, *(cwd / name for name in AGENTS)]
    return [*folders, home(config) / "agents"]
