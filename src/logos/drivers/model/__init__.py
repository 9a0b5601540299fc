"""Models: the drivers that think.

A hosted model is a `Hosted` with a dialect (`Chat` for Chat Completions, `Messages` for
Anthropic's), wrapped in `Retry`; a `Local` runs a GGUF file in this process; a `Scripted`
says what a test tells it to.  All satisfy `logos.abi.driver.Model`, can be closed, and pass
one shared suite, tests/contract/test_model_driver.py: what passes is a driver.

    open_model          a name and an Endpoint -> a Driver
    is_known, dialect_of   what a name says
    Endpoint            where it is and what is known about it
    Embeddings, LocalEmbeddings   vectors of texts, passed through or made here; open_embedder
    Reranking, LocalReranking     how well texts answer a question; open_reranker
    Driver              a Model that can be closed
    Retry, Patience     asks again when that can help
    Scripted            with its steps Say, Fail, Cut, After
    find_price, cost    what well-known models cost
    measure, Counter    tokens without a tokenizer
"""

from logos.drivers.model.count import Counter, measure
from logos.drivers.model.driver import Driver
from logos.drivers.model.embedding import Embeddings
from logos.drivers.model.endpoint import Endpoint
from logos.drivers.model.local_embedding import LocalEmbeddings, open_embedder
from logos.drivers.model.opening import PROVIDERS, dialect_of, is_known, open_model
from logos.drivers.model.prices import cost
from logos.drivers.model.prices import find as find_price
from logos.drivers.model.reranking import LocalReranking, Reranking, open_reranker
from logos.drivers.model.retry import Patience, Retry
from logos.drivers.model.scripted import After, Cut, Fail, Say, Scripted, Step

__all__ = [
    "PROVIDERS",
    "After",
    "Counter",
    "Cut",
    "Driver",
    "Embeddings",
    "Endpoint",
    "Fail",
    "LocalEmbeddings",
    "LocalReranking",
    "Patience",
    "Reranking",
    "Retry",
    "Say",
    "Scripted",
    "Step",
    "cost",
    "dialect_of",
    "find_price",
    "is_known",
    "measure",
    "open_embedder",
    "open_model",
    "open_reranker",
]
