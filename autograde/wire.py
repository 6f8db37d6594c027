"""The wire between the grader and the sandbox: plain data as bytes, in both directions.

Towards the sandbox go hidden arguments, which we trust (:func:`encode_arguments`). Out of it come
answers, which we do not: in the sandbox :func:`plain` reads leniently whatever a student computed
as arrays, text, lists and dictionaries, :func:`encode` writes these down, and on the host
:func:`decode` reads them strictly. There is no pickle and nothing that could name code; whatever
is malformed, truncated, oversized or nested too deeply raises one :class:`WireError`.

A value is one tag byte and its body; numbers are little-endian, counts and sizes 32 bits wide::

    a  dtype (2 bytes, such as f4)  rank (1 byte)  sizes  elements in C order
    s  size  UTF-8
    l  count  values
    d  count  (size, key in UTF-8, value) each

Only NumPy is imported here, because the sandbox for plain functions starts with it; torch is
imported when a tensor or a network has to be made.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Plain = Any
"""numpy.ndarray (bool, integer, float), str, and lists and dictionaries (str keys) of these."""

_DTYPES = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
_MAX_RANK = 16
_MAX_KEY = 800


class WireError(Exception):
    """These bytes are not a value within the caps."""


class UnreadableError(Exception):
    """A student's object that is neither numbers nor text; the message is its type's name."""


@dataclass(frozen=True)
class Caps:
    """How much one value may hold: bytes in all, values inside it, nesting, bytes of one text."""

    size: int
    values: int
    depth: int
    text: int


ANSWER = Caps(size=16 << 20, values=20_000, depth=6, text=40_000)
"""What a student's answer may hold."""

TRUSTED = Caps(size=1 << 30, values=10_000_000, depth=100, text=1 << 28)
"""What we send ourselves."""


# --- values as bytes -----------------------------------------------------------------------------


def encode(value: Plain) -> bytes:
    """Write a plain value as bytes.

    Raises
    ------
    TypeError
        If it holds anything but arrays of bool, int and float, str, list and dict with str keys.
    """
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


def _write(value: Plain, parts: list[bytes]) -> None:
    if isinstance(value, np.ndarray):
        code = value.dtype.str[1:]
        if code not in _DTYPES or value.ndim > _MAX_RANK:
            raise TypeError(f"no array of {value.ndim} dimensions of {value.dtype} can be sent")
        parts.append(
            b"a" + code.encode() + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        )
        parts.append(value.astype(f"<{code}", copy=False).tobytes())
    elif isinstance(value, str):
        text = value.encode("utf-8", errors="replace")
        parts.append(b"s" + struct.pack("<I", len(text)) + text)
    elif isinstance(value, list):
        parts.append(b"l" + struct.pack("<I", len(value)))
        for item in value:
            _write(item, parts)
    elif isinstance(value, dict):
        parts.append(b"d" + struct.pack("<I", len(value)))
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"dictionary keys are text, not {type(key).__name__}")
            name = key.encode("utf-8", errors="replace")
            parts.append(struct.pack("<I", len(name)) + name)
            _write(item, parts)
    else:
        raise TypeError(f"no {type(value).__name__} can be sent")


def decode(data: bytes, caps: Caps = ANSWER) -> Plain:
    """Read a plain value from bytes that nobody vouches for.

    Returns
    -------
    numpy.ndarray or str or list or dict
        Arrays own their memory and can be written to. NaN and infinity pass.

    Raises
    ------
    WireError
        If the bytes are anything but one whole value within the caps.
    """
    if len(data) > caps.size:
        raise WireError(f"{len(data)} bytes are more than {caps.size}")
    reader = _Reader(data, caps)
    try:
        value = reader.value(0)
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        raise WireError(f"not a value: {type(error).__name__}") from None
    if reader.position != len(data):
        raise WireError("bytes are left over after the value")
    return value


class _Reader:
    """Reads one value after another, and never past the end."""

    def __init__(self, data: bytes, caps: Caps) -> None:
        self.data = data
        self.caps = caps
        self.position = 0
        self.values = 0

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            raise WireError("the bytes end too early")
        taken = self.data[self.position : end]
        self.position = end
        return taken

    def count(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def text(self, most: int) -> str:
        count = self.count()
        if count > most:
            raise WireError(f"a text of {count} bytes is longer than {most}")
        return self.take(count).decode("utf-8")

    def value(self, depth: int) -> Plain:
        self.values += 1
        if self.values > self.caps.values:
            raise WireError(f"more than {self.caps.values} values")
        if depth > self.caps.depth:
            raise WireError(f"nested more than {self.caps.depth} deep")
        tag = self.take(1)
        if tag == b"a":
            return self.array()
        if tag == b"s":
            return self.text(self.caps.text)
        if tag == b"l":
            return [self.value(depth + 1) for _ in range(self.count())]
        if tag == b"d":
            result = {}
            for _ in range(self.count()):
                key = self.text(_MAX_KEY)
                if key in result:
                    raise WireError("a key occurs twice")
                result[key] = self.value(depth + 1)
            return result
        raise WireError("unknown tag")

    def array(self) -> NDArray[Any]:
        code = self.take(2).decode("ascii")
        if code not in _DTYPES:
            raise WireError("unknown dtype")
        rank = self.take(1)[0]
        if rank > _MAX_RANK:
            raise WireError(f"more than {_MAX_RANK} dimensions")
        shape = struct.unpack(f"<{rank}I", self.take(4 * rank))
        # The size is computed in Python's integers and checked against the bytes that are really
        # there before NumPy is asked for anything. Beside a zero, huge sizes would cost nothing
        # yet overflow later arithmetic, so they count as if the zeros were ones.
        elements = math.prod(shape)
        if math.prod(size or 1 for size in shape) > self.caps.size:
            raise WireError("the array is too large")
        raw = self.take(elements * int(code[1]))
        if code == "b1" and raw.translate(None, b"\x00\x01"):
            raise WireError("a boolean is neither 0 nor 1")
        return np.frombuffer(raw, dtype=f"<{code}").astype(code).reshape(shape)


# --- records: values in a stream -----------------------------------------------------------------


def write_record(stream: BinaryIO, value: Plain) -> None:
    """Append one value to a stream, preceded by its size."""
    data = encode(value)
    stream.write(struct.pack("<I", len(data)) + data)
    stream.flush()


class RecordReader:
    """Cuts a stream that arrives in pieces into the bytes of its records.

    Parameters
    ----------
    largest
        The size in bytes above which a record is refused before it is read.
    """

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take the next piece and yield each record that it completes, undecoded.

        Raises
        ------
        WireError
            If a record announces more bytes than allowed.
        """
        self._buffer += piece
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "little")
            if size > self.largest:
                raise WireError(f"a record of {size} bytes is larger than {self.largest}")
            if len(self._buffer) < 4 + size:
                return
            record = bytes(self._buffer[4 : 4 + size])
            del self._buffer[: 4 + size]
            yield record


# --- a student's objects as plain values (inside the sandbox) ------------------------------------


def plain(value: Any) -> Plain:
    """Read whatever a student computed as arrays, text, lists and dictionaries, leniently.

    Numbers become zero-dimensional arrays; tensors on any device, with or without gradient,
    and everything that offers ``__array__`` become arrays; nested sequences of nothing but numbers
    become one array if their lengths agree. Other sequences become lists (a list of tensors stays
    a list of arrays, also if their shapes are equal), mappings become dictionaries.

    Raises
    ------
    UnreadableError
        For None, complex numbers, functions, objects, …, named by their type.
    """
    return _plain(value, 0)[0]


def _plain(value: Any, depth: int) -> tuple[Plain, bool]:
    """Return the plain value, and whether it is numbers that a sequence around it may absorb."""
    if depth > 32:  # also ends a list that contains itself
        raise UnreadableError("deeply nested " + type(value).__name__)
    if isinstance(value, str):
        return str(value), False
    if isinstance(value, bool | int | float):
        return _number(value), True
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, depth + 1)[0] for key, item in value.items()}, False
    if isinstance(value, list | tuple | range):
        return _sequence(value, depth)
    array = _array(value)
    if array.dtype.kind in "OU":  # text, or anything at all
        return _plain(array.tolist(), depth + 1)
    if array.dtype.kind not in "biuf":
        raise UnreadableError(f"{type(value).__name__} of {array.dtype.name}")
    if array.dtype.str[1:] not in _DTYPES:  # longdouble
        array = array.astype(np.float64)
    return array, array.ndim == 0


def _sequence(items: Sequence[Any], depth: int) -> tuple[Plain, bool]:
    if set(map(type, items)) <= {float, int, bool}:  # the common case, fast
        return _number(list(items)), True
    read = [_plain(item, depth + 1) for item in items]
    if all(absorb for _, absorb in read) and len({item.shape for item, _ in read}) == 1:
        return np.stack([item for item, _ in read]), True
    return [item for item, _ in read], False


def _number(value: Any) -> NDArray[Any]:
    """Turn a number, or a flat list of them, into an array."""
    try:
        array = np.asarray(value)
        return array if array.dtype.kind in "biuf" else np.asarray(value, dtype=np.float64)
    except OverflowError:  # an int beyond any float
        raise UnreadableError("int too large") from None


def _key(key: Any) -> str:
    if isinstance(key, str | int | np.integer):
        return str(key)
    raise UnreadableError("dict with keys of type " + type(key).__name__)


def _array(value: Any) -> NDArray[Any]:
    # A tensor can only exist where torch has been imported.
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        tensor = value.detach()
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        if tensor.is_complex():
            raise UnreadableError("complex tensor")
        if tensor.dtype == torch.bfloat16 or tensor.is_quantized:
            tensor = tensor.dequantize() if tensor.is_quantized else tensor.float()
        return np.asarray(tensor.cpu().resolve_neg().numpy())
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "__array__"):
        return np.asarray(value)
    raise UnreadableError(type(value).__name__)


# --- hidden arguments (into the sandbox) ---------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a :class:`Network`.

    Attributes
    ----------
    kind
        ``relu``, ``leaky_relu``, ``sigmoid``, ``tanh``, ``softplus``, ``softmax``, ``flatten``,
        ``maxpool``, ``avgpool``, ``linear`` or ``conv2d``. The last four have constructors.
    weight, bias
        float32, laid out as in ``torch.nn``.
    options
        Keyword arguments of the ``torch.nn`` class, such as ``negative_slope``.
    """

    kind: str
    weight: NDArray[Any] | None = None
    bias: NDArray[Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def linear(cls, weight: Any, bias: Any = None) -> Layer:
        """Return a linear layer: weight (outputs, inputs), bias (outputs,) or None."""
        return cls("linear", _parameter(weight), _parameter(bias))

    @classmethod
    def conv2d(cls, weight: Any, bias: Any = None, stride: int = 1, padding: int = 0) -> Layer:
        """Return a convolution: weight (outputs, inputs, height, width), bias as above."""
        options = {"stride": stride, "padding": padding}
        return cls("conv2d", _parameter(weight), _parameter(bias), options)

    @classmethod
    def maxpool(cls, size: int) -> Layer:
        """Return maximum pooling over squares that do not overlap."""
        return cls("maxpool", options={"kernel_size": size})

    @classmethod
    def avgpool(cls, size: int) -> Layer:
        """Return average pooling over squares that do not overlap."""
        return cls("avgpool", options={"kernel_size": size})

    def module(self) -> torch.nn.Module:
        """Return the layer as a module with parameters of its own."""
        from torch import from_numpy, nn

        if self.weight is None:
            kinds: dict[str, type[nn.Module]] = {
                "relu": nn.ReLU,
                "leaky_relu": nn.LeakyReLU,
                "sigmoid": nn.Sigmoid,
                "tanh": nn.Tanh,
                "softplus": nn.Softplus,
                "flatten": nn.Flatten,
                "maxpool": nn.MaxPool2d,
                "avgpool": nn.AvgPool2d,
            }
            if self.kind == "softmax":
                return nn.Softmax(dim=1)
            if self.kind not in kinds:
                raise ValueError(f"There is no layer {self.kind!r}; there are {', '.join(kinds)}.")
            return kinds[self.kind](**self.options)
        # On the meta device, because initial values would be drawn from the global generator.
        outputs, inputs, *kernel = self.weight.shape
        bias = self.bias is not None
        module: nn.Linear | nn.Conv2d
        if self.kind == "linear":
            module = nn.Linear(inputs, outputs, bias, device="meta")
        else:
            options = {"bias": bias, "device": "meta", **self.options}
            module = nn.Conv2d(inputs, outputs, (kernel[0], kernel[1]), **options)
        module.weight = nn.Parameter(from_numpy(self.weight.copy()))
        if self.bias is not None:
            module.bias = nn.Parameter(from_numpy(self.bias.copy()))
        return module


@dataclass(frozen=True, eq=False)
class Network:
    """A small network as a hidden argument: the student's function gets :meth:`module`.

    Checks read ``layers`` (a tuple of :class:`Layer`) to compute their reference.
    """

    layers: tuple[Layer, ...]

    def __init__(self, layers: Sequence[Layer]) -> None:
        object.__setattr__(self, "layers", tuple(layers))

    @classmethod
    def random(
        cls, rng: np.random.Generator, sizes: Sequence[int], activation: str = "relu"
    ) -> Network:
        """Return a random network of linear layers with an activation between them.

        Parameters
        ----------
        sizes
            Features of the input, of each hidden layer, and the outputs: at least two numbers.
        """
        layers: list[Layer] = []
        for inputs, outputs in pairwise(sizes):
            weight = rng.normal(scale=math.sqrt(2 / inputs), size=(outputs, inputs))
            layers += [Layer.linear(weight, rng.normal(scale=0.1, size=outputs)), Layer(activation)]
        return cls(layers[:-1])

    @classmethod
    def random_convolutional(
        cls, rng: np.random.Generator, channels: Sequence[int], size: int, classes: int
    ) -> Network:
        """Return 3 × 3 convolutions, each with ReLU and 2 × 2 maximum pooling, then a linear layer.

        Parameters
        ----------
        channels
            Of the input and of each convolution: at least two numbers.
        size
            Height and width of the input.
        """
        layers: list[Layer] = []
        for inputs, outputs in pairwise(channels):
            weight = rng.normal(scale=math.sqrt(2 / (9 * inputs)), size=(outputs, inputs, 3, 3))
            bias = rng.normal(scale=0.1, size=outputs)
            layers += [Layer.conv2d(weight, bias, padding=1), Layer("relu"), Layer.maxpool(2)]
            size //= 2
        features = channels[-1] * size * size
        head = cls.random(rng, (features, classes))
        return cls([*layers, Layer("flatten"), *head.layers])

    def module(self) -> torch.nn.Sequential:
        """Return a new ``torch.nn.Sequential`` in eval mode, one module per use."""
        from torch import nn

        return nn.Sequential(*(layer.module() for layer in self.layers)).eval()


def _parameter(values: Any) -> NDArray[Any] | None:
    return None if values is None else np.asarray(values, dtype=np.float32)


def encode_arguments(arguments: tuple[Any, ...]) -> bytes:
    """Write the arguments of one hidden call as bytes.

    They may be numpy arrays, torch tensors, None, bool, int, float, str, :class:`Network`, and
    lists, tuples and dictionaries of these.

    Raises
    ------
    TypeError
        For anything else.
    """
    return encode(_pack(arguments))


def decode_arguments(data: bytes) -> tuple[Any, ...]:
    """Read what :func:`encode_arguments` wrote: new objects every time, networks as modules."""
    arguments: tuple[Any, ...] = _unpack(decode(data, TRUSTED))
    return arguments


def _pack(value: Any) -> Plain:
    """Write what plain values lack as a dictionary with one key that names the type."""
    if isinstance(value, str | np.ndarray):
        return value
    if value is None:
        return {"none": ""}
    if isinstance(value, np.generic):
        return {"scalar": np.asarray(value)}
    if isinstance(value, bool | int | float):
        return {type(value).__name__: repr(value)}
    if isinstance(value, list):
        return [_pack(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_pack(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_pack(key), _pack(item)] for key, item in value.items()]}
    if isinstance(value, Network):
        return {"network": [_pack_layer(layer) for layer in value.layers]}
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return {"tensor": value.detach().cpu().numpy()}
    raise TypeError(
        f"A hidden argument cannot be a {type(value).__name__}: use numbers, text, arrays, "
        "tensors, Network, None, and lists, tuples and dictionaries of these."
    )


def _pack_layer(layer: Layer) -> Plain:
    return _pack([layer.kind, layer.weight, layer.bias, dict(layer.options)])


def _unpack(value: Plain) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, body),) = value.items()
    if kind == "tuple":
        return tuple(_unpack(item) for item in body)
    if kind == "dict":
        return {_unpack(key): _unpack(item) for key, item in body}
    if kind == "network":
        return Network([Layer(*_unpack(layer)) for layer in body]).module()
    if kind == "tensor":
        import torch

        return torch.from_numpy(body)
    if kind == "scalar":
        return body[()]
    if kind == "none":
        return None
    readers: dict[str, Callable[[str], Any]] = {"bool": "True".__eq__, "int": int, "float": float}
    return readers[kind](body)
