"""The description of this API:  OpenAPI 3.1, generated from the types that requests are decoded
with.  Pure.

    document()    the whole of it, as /openapi.json gives it

Only the fields used here are described; any others in a request go to the model's provider.
"""

from functools import cache
from typing import Any, TypeAlias

import msgspec

from logos.gateway.conversations import ConversationRequest, ConversationUpdate, ItemsRequest
from logos.gateway.dialect import encode
from logos.gateway.messages import MessagesRequest
from logos.gateway.responses import ResponsesRequest
from logos.gateway.shapes import ChatRequest, EmbeddingsRequest

Json: TypeAlias = dict[str, Any]

_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_OPENAI, _ANTHROPIC = "OpenAIError", "AnthropicError"
_REFUSALS = {
    400: "it makes no sense",
    401: "a key is needed, or unknown",
    402: "what its key may spend is spent",
    403: "not from a web page, and not with this key",
    404: "no such thing, or somebody else's",
    405: "not so",
    409: "it has ended, or is being answered",
    413: "it is too long",
    426: "not over a WebSocket",
    429: "too much at once, or a limit is used up",
    500: "a bug of ours, or the thought was stopped",
    502: "the model's provider failed",
    503: "not to be had now",
    504: "it took too long",
    529: "the model's provider is overloaded, or away",
}


def _object(*required: str, **properties: Json) -> Json:
    return {"type": "object", "required": list(required), "properties": properties}


def _list(of: str) -> Json:
    return _object(
        "object", "data", object={"const": "list"}, data={"type": "array", "items": _ref(of)}
    )


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


_ANSWERS: dict[str, Json] = {
    _OPENAI: _object("error", error=_object("message", "type", "code", message=_TEXT, type=_TEXT)),
    _ANTHROPIC: _object(
        "type", "error", type={"const": "error"}, error=_object("type", "message", message=_TEXT)
    ),
    "ChatCompletion": _object(
        "id", "object", "created", "model", "choices", "usage",
        id=_TEXT, object={"const": "chat.completion"}, created=_NUMBER, model=_TEXT,
        choices={"type": "array", "minItems": 1, "items": _object("index", "message", "finish_reason")},
    ),
    "Message": _object(
        "id", "type", "role", "model", "content", "stop_reason", "usage",
        id=_TEXT, type={"const": "message"}, role={"const": "assistant"}, content={"type": "array"},
    ),
    "Compaction": _object(
        "id", "object", "created_at", "output", "usage",
        id=_TEXT, object={"const": "response.compaction"}, created_at=_NUMBER, output={"type": "array"},
    ),
    "Response": _object(
        "id", "object", "created_at", "status", "model", "output",
        id=_TEXT, object={"const": "response"}, created_at=_NUMBER, output={"type": "array"},
    ),
    "Tokens": _object("input_tokens", input_tokens={"type": "integer", "minimum": 0}),
    "Item": _object("id", "type", id=_TEXT, type=_TEXT),
    "Items": _list("Item"),
    "Conversation": _object("id", "object", id=_TEXT, object={"const": "conversation"}),
    "Deleted": _object("id", "object", "deleted", id=_TEXT, deleted={"const": True}),
    "Embeddings": {"type": "object"},
    "Model": _object("id", id=_TEXT),
    "Models": _object("data", data={"type": "array", "items": _ref("Model")}),
    "Health": _object("ok", ok={"const": True}),
}  # fmt: skip


def _refusals(error: str) -> Json:
    shown = {"application/json": {"schema": _ref(error)}}
    return {
        str(status): {"description": why, "content": shown} for status, why in _REFUSALS.items()
    }


def _operation(name: str, answer: str, *, body: str = "", **given: Any) -> Json:
    """`stream`: events instead, when it is asked for."""
    kinds = {"application/json": {"schema": _ref(answer)}}
    if given.get("stream"):
        kinds["text/event-stream"] = {"schema": _object("data", data=_TEXT, event=_TEXT)}
    error = _ANTHROPIC if "essage" in name else _OPENAI
    found: Json = {
        "operationId": name,
        "responses": {"200": {"description": "the answer", "content": kinds}} | _refusals(error),
    }
    if body:
        content = {"application/json": {"schema": _ref(body)}}
        found["requestBody"] = {"required": body != "ConversationRequest", "content": content}
    if in_path := given.get("of"):
        found["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": _TEXT}
            for name in in_path.split()
        ]
    return found


def _paths() -> Json:
    post, get, delete = "post", "get", "delete"
    turn = {"stream": True}
    return {
        "/v1/chat/completions": {
            post: _operation("chat", "ChatCompletion", body="ChatRequest", **turn)
        },
        "/v1/messages": {post: _operation("message", "Message", body="MessagesRequest", **turn)},
        "/v1/messages/count_tokens": {
            post: _operation("countMessageTokens", "Tokens", body="MessagesRequest")
        },
        "/v1/responses": {post: _operation("respond", "Response", body="ResponsesRequest", **turn)},
        "/v1/responses/input_tokens": {
            post: _operation("countInputTokens", "Tokens", body="ResponsesRequest")
        },
        "/v1/responses/compact": {
            post: _operation("compact", "Compaction", body="ResponsesRequest")
        },
        "/v1/responses/{id}": {
            get: _operation("response", "Response", of="id", stream=True),
            delete: _operation("deleteResponse", "Deleted", of="id"),
        },
        "/v1/responses/{id}/cancel": {post: _operation("cancelResponse", "Response", of="id")},
        "/v1/responses/{id}/input_items": {get: _operation("inputItems", "Items", of="id")},
        "/v1/conversations": {
            post: _operation("createConversation", "Conversation", body="ConversationRequest")
        },
        "/v1/conversations/{id}": {
            get: _operation("conversation", "Conversation", of="id"),
            post: _operation(
                "fileConversation", "Conversation", of="id", body="ConversationUpdate"
            ),
            delete: _operation("deleteConversation", "Deleted", of="id"),
        },
        "/v1/conversations/{id}/items": {
            get: _operation("conversationItems", "Items", of="id"),
            post: _operation("addItems", "Items", of="id", body="ItemsRequest"),
        },
        "/v1/conversations/{id}/items/{item}": {
            get: _operation("conversationItem", "Item", of="id item"),
            delete: _operation("deleteItem", "Conversation", of="id item"),
        },
        "/v1/embeddings": {post: _operation("embed", "Embeddings", body="EmbeddingsRequest")},
        "/v1/models": {get: _operation("models", "Models")},
        "/v1/models/{id}": {get: _operation("model", "Model", of="id")},
        "/health": {get: _operation("health", "Health")},
    }


@cache
def document() -> bytes:
    requests = {
        kind.__name__: _components(kind)
        for kind in (
            ChatRequest, MessagesRequest, ResponsesRequest, ConversationRequest, ConversationUpdate, ItemsRequest,
            EmbeddingsRequest,
        )
    }  # fmt: skip
    schemas = dict(_ANSWERS)
    for name, (root, parts) in requests.items():
        schemas |= {f"{name}.{part}": shape for part, shape in parts.items()}
        schemas[name] = root
    schemas[ResponsesRequest.__name__]["not"] = _all_of("conversation", "previous_response_id")
    key = {"type": "http", "scheme": "bearer", "description": "a key of `logos key create`"}
    return encode(
        {
            "openapi": "3.1.0",
            "info": {"title": "LogOS gateway", "version": "1"},
            "security": [{}, {"key": []}],
            "paths": _paths(),
            "components": {"schemas": schemas, "securitySchemes": {"key": key}},
        }
    )


def _all_of(*names: str) -> Json:
    """A body in which all of these are given."""
    return {
        "required": list(names),
        "properties": {name: {"not": {"type": "null"}} for name in names},
    }


def _components(kind: type[msgspec.Struct]) -> tuple[Json, Json]:
    template = f"#/components/schemas/{kind.__name__}.{{name}}"
    (root,), parts = msgspec.json.schema_components([kind], ref_template=template)
    return root, dict(parts)
