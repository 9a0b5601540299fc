"""The place `web`: questions to a search engine that answers in JSON.

    Search(engine)   a Provider
    hits(answer)     what it found, in whatever shape: SearXNG's, Brave's, or one like them

Whoever runs the node chose the engine, so its host needs no right of the process; what is asked leaves the
machine, and what it finds is text that anybody may have written.

Invariant: an answer is bounded, and a redirect is not followed: a key would go with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import anyio
import httpx2
import msgspec
from msgspec import Meta

from logos.abi.driver import Job
from logos.abi.errors import Code, SysError
from logos.abi.tools import Hints, Offer, arguments_of, declared, visible

ANSWER_BYTES = 4 << 20
MOST = 50
TEXT = 500
"""Characters of what is shown of a page."""

MANIFESTS: Mapping[str, Mapping[str, Any]] = {
    "search": {
        "impact": "read_egress",
        "arguments": {"query": "selector", "count": "choice", "page": "choice"},
        "result": {"type": "page"},
    }
}


class Engine(NamedTuple):
    """`asked` is the parameter the words go into, `paged` the one for the page, if it has any."""

    url: str
    asked: str = "q"
    paged: str = ""
    headers: Mapping[str, str] = {}
    timeout_s: float = 20.0


class _Search(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    query: Annotated[str, Meta(description="words to look for", min_length=1, max_length=500)]
    count: Annotated[int, Meta(description="results at most", ge=1, le=MOST)] = 10
    page: Annotated[int, Meta(description="1 is the first", ge=1, le=100)] = 1


OFFER = declared(
    "search",
    "Search the web: title, url and a few words of each result. Read one with http.fetch.",
    _Search,
    Hints(read_only=True, open_world=True),
)
_OFFERS = (OFFER,)


class Search:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    alive = False

    def known(self) -> Sequence[Offer]:
        return _OFFERS

    async def offers(self) -> Sequence[Offer]:
        return _OFFERS

    async def stop(self) -> None:
        return

    async def call(self, job: Job, tool: str, arguments: msgspec.Raw) -> msgspec.Raw:
        if tool != OFFER.name:
            raise SysError(Code.NOT_FOUND, f"web has no tool {tool!r}", hint=OFFER.name)
        asked = arguments_of("web/search", _Search, arguments)
        within = min(self._engine.timeout_s, job.deadline_s)
        try:
            with anyio.fail_after(within):
                data = await self._asked(asked)
        except TimeoutError:
            raise SysError(Code.TIMEOUT, f"the search engine is silent for {within:g} s") from None
        found = list(hits(_decoded(data)))[: asked.count]
        return msgspec.Raw(msgspec.json.encode({"results": found}))

    async def _asked(self, asked: _Search) -> bytes:
        engine = self._engine
        params = {engine.asked: asked.query} | (
            {engine.paged: str(asked.page)} if engine.paged else {}
        )
        url = httpx2.URL(engine.url).copy_merge_params(params)
        try:
            async with (
                httpx2.AsyncClient(trust_env=False, timeout=engine.timeout_s) as client,
                client.stream(
                    "GET", url, headers={"Accept": "application/json", **engine.headers}
                ) as answer,
            ):
                data = bytearray()
                async for chunk in answer.aiter_bytes():
                    data += chunk
                    if len(data) > ANSWER_BYTES:
                        raise SysError(Code.LIMIT, "the search engine answers too much")
                _check(answer)
                return bytes(data)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            why = str(error) or type(error).__name__
            raise SysError(Code.UNAVAILABLE, f"the search engine does not answer: {why}") from error


def _check(answer: httpx2.Response) -> None:
    status = answer.status_code
    if answer.is_success:
        return
    if status in (401, 403):
        raise SysError(
            Code.UNAUTHENTICATED,
            f"the search engine answers {status}",
            hint="search.headers has its key",
        )
    after = answer.headers.get("retry-after", "")
    code = Code.LIMIT if status == 429 else Code.UNAVAILABLE  # noqa: PLR2004 - as RFC 6585 has it
    raise SysError(
        code,
        f"the search engine answers {status}",
        retry_after_s=float(after) if after.isdigit() else None,
    )


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise SysError(
            Code.TOOL,
            f"the search engine does not answer in JSON: {error}",
            hint="search.url, format=json?",
        ) from error


def hits(answer: Any) -> Iterator[dict[str, str]]:
    """The longest list of things with an address, wherever it is."""
    lists = sorted(_lists(answer, 0), key=len, reverse=True)
    for one in lists[0] if lists else ():
        url = str(one.get("url") or one.get("link"))
        title = str(one.get("title") or one.get("name") or "")
        text = str(one.get("content") or one.get("description") or one.get("snippet") or "")
        if url.startswith(("http://", "https://")):
            yield {
                "title": visible(title)[:TEXT],
                "url": visible(url),
                "text": visible(text)[:TEXT],
            }


DEEP = 6


def _lists(part: Any, depth: int) -> Iterator[list[dict[str, Any]]]:
    if isinstance(part, list):
        found = [one for one in part if isinstance(one, dict) and ("url" in one or "link" in one)]
        if found:
            yield found
    elif isinstance(part, dict) and depth < DEEP:
        for one in part.values():
            yield from _lists(one, depth + 1)
