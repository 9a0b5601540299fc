"""Letters from outside, by a person or a surface, to any process.

posted(store, pid, mail, vault)   post it once; it is in the mail when this returns: its number
letter_number(store)              a number for one that may have to be posted again
"""

from typing import Any

import msgspec

from logos.abi.errors import Code, SysError
from logos.abi.ids import MailId, Pid
from logos.kernel.process.bodies import AnyMail, encode, is_note
from logos.store import Queries, Store
from logos.vault import Vault

_SQL = Queries("logos.kernel.node", "node.sql")


async def letter_number(store: Store) -> MailId:
    async def number() -> MailId:
        async with store.connection() as db:
            return MailId((await db.one(_SQL.mail_id))["id"])

    return await store.persist(number)


async def posted(
    store: Store, pid: Pid, mail: AnyMail, vault: Vault, number: MailId | None = None
) -> MailId:
    """Posted again with its number, it is the same letter.  Raise `not_found` or `state` when
    nobody can receive it, and `invalid` when it could not be decoded: it would end every node that
    takes it."""
    body = vault.clean(encode(mail))
    try:
        is_note(body)
    except msgspec.ValidationError as error:
        raise SysError(
            Code.INVALID, f"the letter is malformed: {error}", hint="look at its types"
        ) from error
    id_ = number or await letter_number(store)

    async def write() -> Any:
        async with store.connection() as db:
            return await db.one(_SQL.post, id=id_, pid=pid, body=body)

    if await store.persist(write) is not None:
        return id_

    async def known() -> Any:
        async with store.connection() as db:
            return await db.one(_SQL.known, pid=pid)

    if await store.persist(known) is None:
        raise SysError(Code.NOT_FOUND, f"there is no process {pid}", hint="see `logos ps -a`")
    raise SysError(Code.STATE, f"process {pid} has exited", hint=f"see `logos show {pid}`")
