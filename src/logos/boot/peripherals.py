"""Places of tools that come with us, for what the settings name: databases, a search engine.

    serve(places, config, vault)   mount those that are asked for

Invariant: nothing is connected to, and no secret looked up, before a tool is called.
"""

from urllib.parse import unquote, urlsplit

from logos.boot.site import filled_all
from logos.config import Config, secret
from logos.drivers import search, sql
from logos.places import Own, Places
from logos.vault import Vault


def serve(places: Places, config: Config, vault: Vault) -> None:
    if config.databases:
        databases = sql.Databases(list(config.databases), lambda name: url_of(config, name, vault))
        places.serve("sql", Own(databases, sql.MANIFESTS, ", ".join(config.databases)))
    if config.search.url:
        setting = config.search
        engine = search.Engine(
            setting.url, setting.asked, setting.paged, filled_all(setting.headers, vault)
        )
        places.serve("web", Own(search.Search(engine), search.MANIFESTS, setting.url))


def url_of(config: Config, name: str, vault: Vault) -> str:
    """Of a database; its password is a secret by itself, too."""
    url = secret(config.databases[name], vault)
    if password := urlsplit(url).password:
        vault.keep(f"databases.{name}", unquote(password))
    return url
