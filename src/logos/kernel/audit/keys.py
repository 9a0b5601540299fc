"""The key that signs checkpoints: a file nobody else may read, outside the database.

signer(text)            a private key from PEM
signer_at(path)         the key in this file; created, with its public half beside it, if missing
public_key(text)        the bytes of a public key, from PEM or hexadecimal
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from logos.abi.errors import Code, SysError

OTHERS = 0o077


def signer(text: str) -> Ed25519PrivateKey:
    """Raise `invalid` if it is no such key."""
    try:
        key = serialization.load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError) as error:
        raise SysError(Code.INVALID, f"audit.key cannot be read: {error}", hint=HINT) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise SysError(Code.INVALID, "audit.key is a key of another kind", hint=HINT)
    return key


HINT = "an Ed25519 private key in PEM: openssl genpkey -algorithm ed25519"


def signer_at(path: Path) -> Ed25519PrivateKey:
    """Raise `denied` if others can read the file."""
    if not path.exists():
        _make(path)
    if path.stat().st_mode & OTHERS:
        raise SysError(
            Code.DENIED, f"others can read {path}", hint=f"chmod 600 {path}, or make another key"
        )
    return signer(path.read_text(encoding="utf-8"))


def _make(path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
    path.with_name(path.name + ".pub").write_bytes(pem(key.public_key()))


def pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def public_key(text: str) -> bytes:
    """Raise `invalid` if it is no such key."""
    try:
        if "BEGIN" not in text:
            return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text)).public_bytes_raw()
        key = serialization.load_pem_public_key(text.encode())
    except ValueError as error:
        raise SysError(
            Code.INVALID, f"no public key: {error}", hint="PEM or hexadecimal"
        ) from error
    if not isinstance(key, Ed25519PublicKey):
        raise SysError(Code.INVALID, "a key of another kind", hint="Ed25519, PEM or hexadecimal")
    return key.public_bytes_raw()
