"""The wire: hand-written bytes, round trips, and bytes that somebody hostile chose."""

from __future__ import annotations

import io
import itertools
import struct
import subprocess
import sys
from array import array
from collections import UserList, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from autograde.inside import wire
from autograde.inside.networks import Layer, Network
from autograde.inside.read import UnreadableError, plain
from autograde.inside.wire import Caps, WireError

SMALL = Caps(size=100, values=5, depth=2, text=10)


def same(a: Any, b: Any) -> bool:
    """Compare plain values by type, dtype, shape and bits."""
    if isinstance(a, np.ndarray):
        return (
            isinstance(b, np.ndarray)
            and (a.dtype, a.shape) == (b.dtype, b.shape)
            and a.tobytes() == b.tobytes()
        )
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


# --- the format, byte by byte --------------------------------------------------------------------

HAND_WRITTEN = [
    (b"af4\x00" + struct.pack("<f", 1.5), np.array(1.5, np.float32)),
    (b"ai8\x01\x02\x00\x00\x00" + struct.pack("<qq", 1, -2), np.array([1, -2])),
    (b"ab1\x02\x01\0\0\0\x02\0\0\0\x00\x01", np.array([[False, True]])),
    (b"au1\x02\x00\0\0\0\x03\0\0\0", np.zeros((0, 3), np.uint8)),
    (b"s\x03\0\0\0a\xc3\xa4", "aä"),
    (b"l\x00\0\0\0", []),
    (b"d\x01\0\0\0\x01\0\0\0ks\x00\0\0\0", {"k": ""}),
]


@pytest.mark.parametrize(("data", "value"), HAND_WRITTEN)
def test_bytes_written_by_hand_are_read_and_written(data: bytes, value: Any) -> None:
    assert same(wire.decode(data), value)
    assert wire.encode(value) == data


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "end too early"),
        (b"x", "unknown tag"),
        (b"\x80\x04N.", "unknown tag"),  # a pickle
        (b"s\x03\0\0\0ab", "end too early"),
        (b"s\x02\0\0\0abc", "left over"),
        (b"s\x02\0\0\0\xff\xfe", "UnicodeDecodeError"),
        (b"s\xff\xff\xff\xff", "longer than"),
        (b"l\xff\xff\xff\xff", "end too early"),
        (b"l\x01\0\0\0" * 50, "deep"),
        (b"d\x02\0\0\0\x01\0\0\0ks\0\0\0\0\x01\0\0\0ks\0\0\0\0", "twice"),
        (b"d\x01\0\0\0\xff\xff\0\0k", "longer than"),
        (b"aO8\x00" + bytes(8), "dtype"),
        (b"ac8\x00" + bytes(8), "dtype"),
        (b"a\xff\xff\x00", "UnicodeDecodeError"),
        (b"af4\xff", "dimensions"),
        (b"af4\x01\x02\0\0\0" + bytes(7), "end too early"),
        (b"af8\x02" + b"\xff" * 8, "too large"),
        (b"af8\x03" + b"\xff" * 8 + bytes(4), "too large"),  # huge sizes hidden by a zero
        (b"ab1\x00\x02", "neither 0 nor 1"),
    ],
)
def test_malformed_bytes_raise_one_error(data: bytes, complaint: str) -> None:
    with pytest.raises(WireError, match=complaint):
        wire.decode(data)


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(101, np.uint8),
        [[], [], [], [], []],
        [[[[]]]],
        "elevenchars",
    ],
)
def test_caps_are_kept(value: Any) -> None:
    with pytest.raises(WireError):
        wire.decode(wire.encode(value), SMALL)


def test_decoded_arrays_can_be_written_to() -> None:
    array = wire.decode(wire.encode(np.zeros(3)))
    array += 1
    assert array.tolist() == [1, 1, 1]


def test_nan_and_infinity_pass() -> None:
    values = np.array([np.nan, np.inf, -np.inf])
    assert same(wire.decode(wire.encode(values)), values)


def test_every_dtype_comes_back() -> None:
    rng = np.random.default_rng(0)
    codes = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
    for code, shape in itertools.product(codes, [(), (0,), (3,), (2, 0, 2), (2, 3, 4)]):
        array = np.asarray(rng.random(shape) * 3).astype(code)
        assert same(wire.decode(wire.encode(array)), array)
    big_endian = np.array([1.0, 2.0], dtype=">f8")
    assert wire.decode(wire.encode(big_endian)).tolist() == [1.0, 2.0]
    transposed = np.arange(6).reshape(2, 3).T
    assert same(wire.decode(wire.encode(transposed)), np.ascontiguousarray(transposed))


def test_what_is_not_plain_is_not_sent() -> None:
    for value in (1, 1.0, None, (1,), np.array(1j), np.array([None]), {1: "a"}, b"bytes"):
        with pytest.raises(TypeError):
            wire.encode(value)


def is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(k, str) and is_plain(v) for k, v in value.items())
    return isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype.kind in "biuf")


def test_fuzzed_bytes_are_read_or_refused() -> None:
    rng = np.random.default_rng(7)
    seeds = [data for data, _ in HAND_WRITTEN]
    seeds.append(wire.encode({"a": [np.arange(5.0), "text", {"b": np.array([True])}], "c": "d"}))
    read = refused = 0
    for _ in range(20_000):
        data = bytearray(seeds[rng.integers(len(seeds))])
        for _ in range(rng.integers(1, 4)):
            at = int(rng.integers(len(data) + 1))
            action = rng.integers(4)
            if action == 0 and at < len(data):
                data[at] = rng.integers(256)
            elif action == 1:
                del data[at:]
            elif action == 2:
                data[at:at] = rng.bytes(int(rng.integers(1, 6)))
            else:
                data[at : at + 4] = struct.pack("<I", int(rng.integers(1 << 32)))
        try:
            value = wire.decode(bytes(data))
        except WireError:
            refused += 1
        else:
            assert is_plain(value)
            read += 1
    assert read > 100 and refused > 1000  # both happened


# --- records -------------------------------------------------------------------------------------


def test_records_survive_any_cutting_of_the_stream() -> None:
    stream = io.BytesIO()
    values = ["one", np.arange(4), {"three": ["3"]}, ""]
    for value in values:
        wire.write_record(stream, value)
    whole = stream.getvalue()
    for step in (1, 2, 3, 7, len(whole)):
        reader = wire.RecordReader(1000)
        pieces = [whole[i : i + step] for i in range(0, len(whole), step)]
        found = [wire.decode(record) for piece in pieces for record in reader.feed(piece)]
        assert same(found, values)


def test_an_announced_flood_is_refused_before_it_arrives() -> None:
    with pytest.raises(WireError, match="larger"):
        list(wire.RecordReader(1000).feed(struct.pack("<I", 1001)))


# --- what students compute -----------------------------------------------------------------------

FLOAT = np.float32
READ = [
    (True, np.array(True)),
    (3, np.array(3)),
    (2.5, np.array(2.5)),
    (np.float32(2.5), np.array(2.5)),  # np.float32 is no float …
    (np.float64(2.5), np.array(2.5)),  # … np.float64 is
    (2**70, np.array(float(2**70))),
    ("text", "text"),
    (np.str_("text"), "text"),
    ([1, 2.5], np.array([1, 2.5])),
    ((True, False), np.array([True, False])),
    ([], np.zeros(0)),
    (range(3), np.arange(3)),
    ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]])),
    ([[1], [2, 3]], [np.array([1]), np.array([2, 3])]),
    ([torch.tensor(1.0), 2.0, np.float32(3)], np.array([1.0, 2.0, 3.0])),
    ([torch.ones(2), torch.zeros(2)], [np.ones(2, FLOAT), np.zeros(2, FLOAT)]),
    (["a", "b"], ["a", "b"]),
    (("a", 1), ["a", np.array(1)]),
    (np.array(["a", "b"]), ["a", "b"]),
    (np.array([1, 2.5], dtype=object), np.array([1, 2.5])),
    ({"a": 1, 2: {"b": [1.0]}}, {"a": np.array(1), "2": {"b": np.array([1.0])}}),
    (torch.ones(2, requires_grad=True), np.ones(2, FLOAT)),
    (torch.nn.Parameter(torch.ones(2)), np.ones(2, FLOAT)),
    (torch.ones(2, dtype=torch.bfloat16), np.ones(2, FLOAT)),
    (torch.eye(2).to_sparse(), np.eye(2, dtype=FLOAT)),
    (torch.tensor([True]), np.array([True])),
    (torch.arange(6).reshape(2, 3).T, np.arange(6).reshape(2, 3).T),
    (np.longdouble(0.5), np.array(0.5)),
    (Fraction(1, 4), np.array(0.25)),
    (Decimal("0.5"), np.array(0.5)),
    ([Fraction(1, 4), Decimal("0.5"), 1, True], np.array([0.25, 0.5, 1.0, 1.0])),
    (2 + 0j, np.array(2.0)),
    (torch.tensor([1 + 0j, 2]), np.array([1.0, 2.0], FLOAT)),
    (np.array([1 + 0j, 1j]), np.array([1.0, np.nan])),
    (deque([1, 2.5]), np.array([1, 2.5])),
    (UserList(["a"]), ["a"]),
    (array("d", [1, 2]), np.array([1.0, 2.0])),
    ({1: 0.5}.values(), np.array([0.5])),
    ((x / 2 for x in (1, 2)), np.array([0.5, 1.0])),
    ({"a"}, ["a"]),
    ({1.5: 1, torch.tensor(2): 3, None: 4}, {"1.5": np.array(1), "2": np.array(3)}),
    # One bad entry spoils itself.
    ([1, None, 2.5], np.array([1, np.nan, 2.5])),
    ([1, 10**400], np.array([1, np.nan])),
    ({"a": len, "b": 2}, {"a": np.array(np.nan), "b": np.array(2)}),
    (["a", None], ["a", np.array(np.nan)]),
    ([torch.ones(2), print], [np.ones(2, FLOAT), np.array(np.nan)]),
]


@pytest.mark.parametrize(("value", "wanted"), READ, ids=lambda value: repr(value)[:30])
def test_a_students_objects_are_read_leniently(value: Any, wanted: Any) -> None:
    read = wire.decode(wire.encode(plain(value)))
    if isinstance(wanted, np.ndarray):
        np.testing.assert_array_equal(read, wanted)
        assert read.dtype.kind == wanted.dtype.kind
    else:
        np.testing.assert_equal(read, wanted)
        assert type(read) is type(wanted)


class Stubborn:
    """Fails whenever it is read."""

    def __array__(self, *_: Any) -> Any:
        raise RuntimeError("no")


def containing_itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "NoneType"),
        (1j, "complex"),
        (np.array([1j]), "complex"),
        (torch.tensor([1j]), "complex"),
        (len, "builtin"),
        (b"bytes", "bytes"),
        (np.datetime64("2020-01-01"), "datetime"),
        (containing_itself(), "deeply nested"),
        (10**400, "int"),
    ],
)
def test_what_is_neither_number_nor_text_is_named(value: Any, name: str) -> None:
    with pytest.raises(UnreadableError, match=name):
        plain(value)


# --- hidden arguments ----------------------------------------------------------------------------


def test_arguments_come_back_with_their_types() -> None:
    arguments = (
        None,
        True,
        7,
        -(2**80),
        0.1,
        float("inf"),
        "text",
        np.arange(3, dtype=np.int16),
        np.float32(0.5),
        torch.arange(4, dtype=torch.float64).reshape(2, 2),
        torch.tensor([True, False]),
        [1, (2, "3"), [np.zeros(2)]],
        {"a": None, 3: (1,), (1, 2): {"b": 2.5}},
        {},
        (),
    )
    back = wire.decode_arguments(wire.encode_arguments(arguments))
    assert list(map(type, back)) == list(map(type, arguments))
    tensors = slice(9, 11)
    assert all(map(torch.equal, back[tensors], arguments[tensors]))
    np.testing.assert_equal(back[:9] + back[11:], arguments[:9] + arguments[11:])
    assert back[9].dtype == torch.float64 and back[7].dtype == np.int16
    assert torch.isnan(
        wire.decode_arguments(wire.encode_arguments((torch.tensor(float("nan")),)))[0]
    )


def test_every_decoding_makes_new_objects() -> None:
    data = wire.encode_arguments((np.zeros(2), torch.zeros(2), [1]))
    first, second = wire.decode_arguments(data), wire.decode_arguments(data)
    first[0][:] = 1
    first[1].fill_(1)
    first[2].append(2)
    assert second[0].tolist() == [0, 0] and second[1].tolist() == [0, 0] and second[2] == [1]


def test_an_argument_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        wire.encode_arguments(({1},))


def test_a_random_network_computes_what_its_layers_say() -> None:
    network = Network.random(np.random.default_rng(0), (3, 5, 4, 2))
    assert [layer.kind for layer in network.layers] == ["linear", "relu"] * 2 + ["linear"]
    inputs = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)
    values = inputs
    for layer in network.layers:
        if layer.weight is not None and layer.bias is not None:
            values = values @ layer.weight.T + layer.bias
        else:
            values = np.maximum(values, 0)
    (module,) = wire.decode_arguments(wire.encode_arguments((network,)))
    assert isinstance(module, torch.nn.Sequential) and not module.training
    relus = [part for part in module if isinstance(part, torch.nn.ReLU)]
    assert len(set(map(id, relus))) == 2 and not relus[0].inplace
    np.testing.assert_allclose(
        module(torch.from_numpy(inputs)).detach().numpy(), values, rtol=1e-5, atol=1e-6
    )


def test_a_convolutional_network_computes_what_its_layers_say() -> None:
    rng = np.random.default_rng(2)
    weight, bias = rng.normal(size=(2, 1, 3, 3)), rng.normal(size=2)
    layers = [Layer.conv2d(weight, bias, stride=2, padding=1), Layer("relu"), Layer.avgpool(2)]
    layers += [Layer("flatten"), Layer("softmax")]
    image = rng.normal(size=(4, 4))
    padded = np.pad(image, 1)
    wanted = np.zeros(2)
    for channel, row, column in itertools.product(range(2), (0, 2), (0, 2)):
        window = padded[row : row + 3, column : column + 3]
        wanted[channel] += max(0.0, float((window * weight[channel, 0]).sum() + bias[channel])) / 4
    wanted = np.exp(wanted) / np.exp(wanted).sum()
    (module,) = wire.decode_arguments(wire.encode_arguments((Network(layers),)))
    outputs = module(torch.tensor(image, dtype=torch.float32)[None, None])
    np.testing.assert_allclose(outputs[0].detach().numpy(), wanted, rtol=1e-5)


def test_random_convolutional_networks_take_the_size_they_say() -> None:
    network = Network.random_convolutional(np.random.default_rng(0), (1, 2, 3), size=8, classes=4)
    assert network.module()(torch.zeros(5, 1, 8, 8)).shape == (5, 4)


def test_building_a_network_draws_no_random_numbers() -> None:
    network = Network.random_convolutional(np.random.default_rng(0), (1, 2), size=4, classes=2)
    torch.manual_seed(3)
    wanted = torch.rand(3)
    torch.manual_seed(3)
    network.module()
    assert torch.equal(torch.rand(3), wanted)


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(ValueError, match="'batchnorm'"):
        Layer("batchnorm").module()


def test_torch_is_not_imported_for_plain_data() -> None:
    code = "import sys, autograde.inside.wire; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
