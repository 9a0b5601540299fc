"""OpenAPI documents: each operation a tool.

Api    a place; its tools are what the document says, its calls are requests

document.py   text -> operations
request.py    arguments -> the parts of a request
driver.py     requests, to the hosts that were allowed and to no other
"""

from logos.drivers.openapi.driver import Api, Reach

__all__ = ["Api", "Reach"]
