"""A model without a neural network: `builtin/reader`.

    Reader   the Model: follows simple imperative English with tools, and answers questions
             with sentences of what it has read, each with its source

It sees nothing but the request.  Its plan is made anew for every thought from the words of the
task and the calls that have results, so it goes on after a crash exactly where it was.  It
quotes or says that it does not know; it never makes anything up.
"""

from logos.drivers.model.reader.model import Reader

__all__ = ["Reader"]
