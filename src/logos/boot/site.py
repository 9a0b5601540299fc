"""What a site contributes to the kernel: the secrets in its settings, its manifests, rules and
key."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from logos.abi.errors import Code, SysError
from logos.config import Config, filled, secret
from logos.kernel import (
    Seal,
    Table,
    check_manifests,
    public_key,
    signer,
    signer_at,
    site_rules,
)
from logos.vault import Vault


def learned(vault: Vault, config: Config) -> Vault:
    """Teach the vault the secrets that are written into the settings directly."""
    if password := urlsplit(config.store.url).password:
        vault.keep("store.url", unquote(password))
    return vault


def filled_all(values: Mapping[str, str], vault: Vault) -> dict[str, str]:
    return {name: filled(value, vault) for name, value in values.items()}


def seal(config: Config, place: Path, environ: Mapping[str, str]) -> Seal:
    """What signs checkpoints: a key and a file in the home, both outside the database."""
    audit = config.audit
    key = signer(secret(audit.key, environ)) if audit.key else signer_at(place / "audit.key")
    trusted = [public_key(text) for text in audit.trust]
    return Seal(key, place / "checkpoints.jsonl", trusted, audit.every_s)


def site(config: Config) -> tuple[dict[str, Any], Table | None]:
    """The manifests and rules of this site.  Raise `invalid` naming the file."""
    written: dict[str, Any] = {}
    if config.trust.manifests:
        folder = Path(config.trust.manifests).expanduser()
        if not folder.is_dir():
            raise SysError(Code.NOT_FOUND, f"{folder} is not a folder", hint="trust.manifests")
        for file in sorted(folder.glob("*.toml")):
            with _naming(file):
                found = msgspec.toml.decode(file.read_bytes())
                check_manifests(found)
                written |= found
    if not config.trust.rules:
        return written, None
    file = Path(config.trust.rules).expanduser()
    with _naming(file):
        return written, site_rules(file.read_text(encoding="utf-8"))


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError, msgspec.DecodeError, SysError) as error:
        said = error.message if isinstance(error, SysError) else str(error)
        raise SysError(Code.INVALID, f"{file}: {said}", hint="see `logos config`") from error
