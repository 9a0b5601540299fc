"""The vendors' APIs, answered by processes: any client of theirs becomes one by its base URL.

    open_gateway(machine, settings)    an async context manager: serves until it is left
    Gateway                            where it is
    Access, Client, account_of         who asks, also on other surfaces
    PROGRAM                            where a scope says whose program asks
    App, serving                       the same application on a socket of one's own

    server.py      sockets: what a client may do to them
    app.py         routes, and from an error to an answer
    ask.py         one HTTP request
    access.py      who asks
    dialect.py     what a vendor's API is; chat.py, messages.py, responses.py are three
    blocks.py      what a client of Messages says
    items.py       what Responses answer; voice.py and events.py say two of the streams
    shapes.py      what requests look like; description.py tells clients
    translate.py   one vendor's fields in another's words
    faults.py      errors in the vendors' shapes
    prefix.py      what a request goes on with, by what was said
    talks.py       the conversations at hand
    before.py      what a request goes on with that does not say it
    turn.py        one turn of one; line.py hears its process
    aired.py       responses in the background, for whoever listens, again too
    vectors.py     embeddings

A surface: it tells processes what clients say and passes on what they answer.  What a model
proposes is the client's to carry out.
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
