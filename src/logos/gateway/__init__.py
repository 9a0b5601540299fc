"""The vendors' APIs, served by processes: any client of theirs is served by changing its base URL.

    open_gateway(machine, settings)    an async context manager: serves until it is left
    Gateway                            where it is
    Access, Client, account_of         the client of a request, also on other surfaces
    PROGRAM                            the scope key of the hosted program that sent a request
    App, serving                       the same application on another socket

    server.py      sockets, and limits on what a client may do to them
    app.py         routes, and errors as answers
    ask.py         one HTTP request
    access.py      which client is asking
    dialect.py     the interface of a vendor's API; chat.py, messages.py, responses.py are three
    blocks.py      what a client of Messages says
    items.py       answers of Responses; voice.py and events.py produce two of the streams
    shapes.py      the types of requests; description.py documents them for clients
    translate.py   one vendor's fields in terms of another's
    faults.py      errors in the vendors' formats
    prefix.py      which conversation a request continues, by what was said
    talks.py       conversations in memory
    before.py      which conversation a request continues by id
    turn.py        one turn of a conversation; line.py listens to its process
    aired.py       responses in the background, streamed to any listener
    vectors.py     embeddings

A surface: it tells processes what clients say and passes on their answers.  Calls that a model
proposes are the client's to carry out.
"""

from logos.gateway.access import Access, Client, account_of
from logos.gateway.app import App
from logos.gateway.ask import PEER, PROGRAM, Peer
from logos.gateway.opening import Gateway, open_gateway
from logos.gateway.server import serving

__all__ = [
    "PEER",
    "PROGRAM",
    "Access",
    "App",
    "Client",
    "Gateway",
    "Peer",
    "account_of",
    "open_gateway",
    "serving",
]
