"""usage, env, key create, list, rotate, revoke: who asks, and what programs need to use the gateway."""

from logos.abi.agent import Limits
from logos.abi.errors import Code, SysError
from logos.cli.registry import Argument, Asked, Command
from logos.cli.shown import money, nano, when
from logos.gateway import account_of
from logos.kernel import Made


async def env(asked: Asked) -> int:
    """For a shell to read."""
    url = _url(asked)
    key = asked.arguments.key or "local"
    data = {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": key,
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": key,
    }
    text = "\n".join(f"export {name}={value}" for name, value in data.items())
    asked.out.data(data, text)
    return 0


def _url(asked: Asked) -> str:
    if not asked.gateway:
        raise SysError(Code.UNAVAILABLE, "there is no gateway", hint="see gateway.on, logos config")
    return asked.gateway


async def create(asked: Asked) -> int:
    args = asked.arguments
    limits = Limits(tokens=args.tokens, cost=nano(args.cost))
    return _shown(asked, await asked.node.kernel.keys.create(args.client, limits))


async def rotate(asked: Asked) -> int:
    return _shown(asked, await asked.node.kernel.keys.rotate(asked.arguments.id))


def _shown(asked: Asked, made: Made) -> int:
    data = {"id": made.key.id, "client": made.key.client, "key": made.secret}
    asked.out.data(data, made.secret)
    asked.out.note("it is shown this once")
    return 0


async def listed(asked: Asked) -> int:
    kernel = asked.node.kernel
    rows, data = [], []
    for key in await kernel.keys.list():
        used = await kernel.accounts.used(account_of(key.client))
        state = "revoked" if key.revoked_at else "valid"
        created = when(key.created_at)
        rows.append((key.id, key.client, state, created, used.tokens, money(used.cost)))
        data.append(
            key._asdict() | {"limits": key.limits, "tokens": used.tokens, "cost": used.cost}
        )
    columns = ("ID", "CLIENT", "STATE", "CREATED", "TOKENS", "COST")
    asked.out.table(columns, rows, data)
    return 0


async def usage(asked: Asked) -> int:
    kernel = asked.node.kernel
    found = await kernel.meter.spending(kernel.now())
    rows = [
        (s.principal or "-", s.tokens_hour, money(s.cost_hour), s.tokens_day, money(s.cost_day))
        for s in found
    ]
    columns = ("PRINCIPAL", "TOKENS/HOUR", "COST/HOUR", "TOKENS/DAY", "COST/DAY")
    asked.out.table(columns, rows, [s._asdict() for s in found])
    return 0


async def revoke(asked: Asked) -> int:
    await asked.node.kernel.keys.revoke(asked.arguments.id)
    asked.out.data({"id": asked.arguments.id}, f"key {asked.arguments.id} is of no use any more")
    return 0


ENV = Command(
    "env",
    'variables that make a program talk to the gateway: eval "$(logos env --plain)"',
    env,
    (Argument("--key", "a key of `logos key create`; on this machine none is needed", default=""),),
)
USAGE = Command("usage", "show what each principal spent on models in the last hour and day", usage)
KEY_CREATE = Command(
    "key create",
    "create a key for a client of the gateway; it reaches only this client's processes",
    create,
    (
        Argument("client", "name of the client; a client may have several keys"),
        Argument("--tokens", "limit for all its processes together", int, least=1),
        Argument("--cost", "limit in dollars", float, least=0, value="DOLLARS"),
    ),
    effect="write",
    idempotent=False,
)
KEY_LIST = Command("key list", "list the keys, and what their clients have used", listed)
KEY_ROTATE = Command(
    "key rotate",
    "replace the secret of a key; client and limits stay, the old secret is revoked",
    rotate,
    (Argument("id", "number of the key", int),),
    effect="write",
    idempotent=False,
)
KEY_REVOKE = Command(
    "key revoke",
    "revoke a key",
    revoke,
    (Argument("id", "number of the key", int),),
    effect="write",
)
