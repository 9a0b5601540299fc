"""One vendor's fields in terms of another's.

    chat_extra        fields of Chat Completions for the dialect of the model that will answer
    messages_extra    fields of Messages for it

If both sides speak the same dialect nothing is touched.  Across dialects only common fields are
passed on; the rest would be refused by the other side, or mean something else.
"""

from typing import Any

import msgspec

from logos.gateway.dialect import encode

Fields = dict[str, msgspec.Raw]


def chat_extra(extra: Fields, dialect: str) -> Fields:
    if dialect == "openai":
        return {k: v for k, v in extra.items() if k not in _LOCAL}
    if dialect != "anthropic":
        return {}
    found: dict[str, Any] = {k: extra[k] for k in ("top_p",) if k in extra}
    if "tool_choice" in extra or "parallel_tool_calls" in extra:
        found["tool_choice"] = _choice_for_anthropic(extra)
    if (schema := _schema(extra.get("response_format"))) is not None:
        found["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if "reasoning_effort" in extra:
        effort = found.setdefault("output_config", {})
        effort["effort"] = extra["reasoning_effort"]
    if "user" in extra:
        found["metadata"] = {"user_id": extra["user"]}
    return _raw(found)


_LOCAL = frozenset({"store", "metadata"})
"""About what the vendor keeps, which here nobody does but the journal."""


def _choice_for_anthropic(extra: Fields) -> dict[str, Any]:
    choice = msgspec.json.decode(extra.get("tool_choice", b'"auto"'))
    words = {"auto": "auto", "required": "any", "none": "none"}
    if isinstance(choice, str):
        found: dict[str, Any] = {"type": words.get(choice, "auto")}
    else:
        name = choice.get("name") or (choice.get("function") or {}).get("name", "")
        found = {"type": "tool", "name": name}
    if bytes(extra.get("parallel_tool_calls", b"")) == b"false" and found["type"] != "none":
        found["disable_parallel_tool_use"] = True
    return found


def _schema(response_format: msgspec.Raw | None) -> Any:
    if response_format is None:
        return None
    wanted = msgspec.json.decode(response_format)
    return (wanted.get("json_schema") or {}).get("schema") if isinstance(wanted, dict) else None


def messages_extra(extra: Fields, dialect: str) -> Fields:
    if dialect == "anthropic":
        return extra
    if dialect != "openai":
        return {}
    found: dict[str, Any] = {k: extra[k] for k in ("top_p", "service_tier") if k in extra}
    if "tool_choice" in extra:
        found |= _choice_for_openai(msgspec.json.decode(extra["tool_choice"]))
    if "output_config" in extra:
        config = msgspec.json.decode(extra["output_config"])
        if schema := (config.get("format") or {}).get("schema"):
            found["response_format"] = json_schema("answer", schema)
        if effort := config.get("effort"):
            found["reasoning_effort"] = effort
    if "metadata" in extra:
        user = msgspec.json.decode(extra["metadata"]).get("user_id")
        found |= {"user": user} if user else {}
    return _raw(found)


def _choice_for_openai(choice: dict[str, Any]) -> dict[str, Any]:
    words = {"auto": "auto", "any": "required", "none": "none"}
    name = choice.get("name", "")
    function = {"type": "function", "function": {"name": name}}
    found: dict[str, Any] = {"tool_choice": words.get(choice.get("type", ""), function)}
    if choice.get("disable_parallel_tool_use"):
        found["parallel_tool_calls"] = False
    return found


def json_schema(name: str, schema: Any, *, strict: bool = True) -> dict[str, Any]:
    wanted = {"name": name, "schema": schema, "strict": strict}
    return {"type": "json_schema", "json_schema": wanted}


def _raw(found: dict[str, Any]) -> Fields:
    return {k: msgspec.Raw(encode(v)) for k, v in found.items()}
