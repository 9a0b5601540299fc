"""A language model of random weights, written as a GGUF file.  It speaks gibberish, and
everything around the speaking is real."""

import random
import struct
from array import array
from pathlib import Path
from typing import Any

WIDTH, LAYERS, HEADS, INNER, CONTEXT = 64, 2, 4, 128, 8192

_ALIGNMENT = 32
_U32, _F32, _BOOL, _STRING, _ARRAY = 4, 6, 7, 8, 9
_FORMATS = {_U32: "<I", _F32: "<f", _BOOL: "<?"}
_I32 = 5
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6

TEMPLATE = "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant] "


MEAN, RANK = 1, 4
"""How llama.cpp calls it when the vector of a text is the mean of those of its tokens; and when it is a score."""


LABELS = (b"yes", b"no")


def write_gguf(path: Path, *, pooling: int | None = None) -> None:
    """A llama of two layers and a vocabulary of single bytes.  With `pooling` it gives vectors, or scores:
    then it is a Qwen with a head for that, as rerankers are."""
    arch = "qwen3" if pooling == RANK else "llama"
    tokens = [b"<unk>", b"<s>", b"</s>", *(b"<0x%02X>" % byte for byte in range(256))]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL] + [_BYTE] * 256
    fields = [
        _field("general.architecture", _STRING, arch.encode()),
        _field(f"{arch}.context_length", _U32, CONTEXT),
        _field(f"{arch}.embedding_length", _U32, WIDTH),
        _field(f"{arch}.block_count", _U32, LAYERS),
        _field(f"{arch}.feed_forward_length", _U32, INNER),
        _field(f"{arch}.attention.head_count", _U32, HEADS),
        _field(f"{arch}.attention.layer_norm_rms_epsilon", _F32, 1e-5),
        _field(f"{arch}.rope.dimension_count", _U32, WIDTH // HEADS),
        _field("tokenizer.ggml.model", _STRING, b"llama"),
        _list("tokenizer.ggml.tokens", _STRING, b"".join(map(_string, tokens)), len(tokens)),
        _list(
            "tokenizer.ggml.scores", _F32, array("f", [0.0] * len(tokens)).tobytes(), len(tokens)
        ),
        _list("tokenizer.ggml.token_type", _I32, array("i", kinds).tobytes(), len(tokens)),
        _field("tokenizer.ggml.bos_token_id", _U32, 1),
        _field("tokenizer.ggml.eos_token_id", _U32, 2),
        _field("tokenizer.ggml.unknown_token_id", _U32, 0),
        _field("tokenizer.ggml.add_space_prefix", _BOOL, False),
        _field("tokenizer.chat_template", _STRING, TEMPLATE.encode()),
    ]
    if pooling is not None:
        fields.append(_field(f"{arch}.pooling_type", _U32, pooling))
    if pooling == RANK:
        labels = b"".join(map(_string, LABELS))
        fields.append(_list(f"{arch}.classifier.output_labels", _STRING, labels, len(LABELS)))
    infos, data = _tensors(len(tokens), ranks=pooling == RANK)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(fields))
    head += b"".join(fields) + b"".join(infos)
    path.write_bytes(head + bytes(-len(head) % _ALIGNMENT) + data)


def _tensors(vocabulary: int, *, ranks: bool) -> tuple[list[bytes], bytes]:
    shapes: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (WIDTH, vocabulary),
        "output_norm.weight": (WIDTH,),
        "output.weight": (WIDTH, vocabulary),
    }
    if ranks:
        shapes["cls.output.weight"] = (WIDTH, len(LABELS))
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        shapes |= {f"{block}attn_norm.weight": (WIDTH,), f"{block}ffn_norm.weight": (WIDTH,)}
        shapes |= {f"{block}attn_{x}.weight": (WIDTH, WIDTH) for x in ("q", "k", "v", "output")}
        shapes |= {f"{block}ffn_{x}.weight": (WIDTH, INNER) for x in ("gate", "up")}
        shapes[f"{block}ffn_down.weight"] = (INNER, WIDTH)
        if ranks:
            shapes |= {f"{block}attn_{x}_norm.weight": (WIDTH // HEADS,) for x in ("q", "k")}
    dice = random.Random(1)
    infos: list[bytes] = []
    data = b""
    for name, shape in shapes.items():
        size = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = [1.0] * size if len(shape) == 1 else [dice.gauss(0, 0.3) for _ in range(size)]
        infos.append(
            _string(name.encode())
            + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, len(data))
        )
        data += array("f", values).tobytes()
        data += bytes(-len(data) % _ALIGNMENT)
    return infos, data


def _string(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _field(name: str, kind: int, value: Any) -> bytes:
    packed = _string(value) if kind == _STRING else struct.pack(_FORMATS[kind], value)
    return _string(name.encode()) + struct.pack("<I", kind) + packed


def _list(name: str, kind: int, items: bytes, length: int) -> bytes:
    return _string(name.encode()) + struct.pack("<IIQ", _ARRAY, kind, length) + items
