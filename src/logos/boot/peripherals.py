"""Built-in tool places, for what the settings name: databases, a search engine, a browser.

    serve(places, config, vault, folder)   mount those that are configured; returns the browsers,
                                           which `boot` tells when a process has ended

Invariant: nothing is connected to, and no secret looked up, before a tool is called.
"""

import shutil
from pathlib import Path
from urllib.parse import unquote, urlsplit

from logos.abi.driver import Mode
from logos.boot.site import filled_all
from logos.config import Config, secret
from logos.drivers import search, sql
from logos.drivers.browser import MANIFESTS, Browsers
from logos.drivers.http import relay
from logos.places import Own, Places
from logos.vault import Vault


def serve(places: Places, config: Config, vault: Vault, folder: Path) -> Browsers:
    if config.databases:
        databases = sql.Databases(list(config.databases), lambda name: url_of(config, name, vault))
        places.serve("sql", Own(databases, sql.MANIFESTS, ", ".join(config.databases)))
    if config.search.url:
        setting = config.search
        engine = search.Engine(
            setting.url, setting.asked, setting.paged, filled_all(setting.headers, vault)
        )
        places.serve("web", Own(search.Search(engine), search.MANIFESTS, setting.url))
    return _browsers(places, config, folder)


def _browsers(places: Places, config: Config, folder: Path) -> Browsers:
    """Browser profiles of an earlier run are deleted; their browsers are gone."""
    shutil.rmtree(folder, ignore_errors=True)
    full = config.sandbox.mode is not Mode.NONE
    made = Browsers(relay, folder, config.browser.program, confined=full)
    if config.browser.on:
        program = config.browser.program or "Chromium"
        places.serve("browser", Own(made, MANIFESTS, program, made.keep_house))
    return made


def url_of(config: Config, name: str, vault: Vault) -> str:
    """The URL of a database; its password is a secret in its own right, too."""
    url = secret(config.databases[name], vault)
    if password := urlsplit(url).password:
        vault.keep(f"databases.{name}", unquote(password))
    return url
