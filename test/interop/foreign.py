"""Writes checkpoints with one value beside the weights, of every type that torch.save and pickle
take: the other side of foreign_test.go.

In DIR: NAME.FORM, where FORM is zip, legacy, p3 to p5 (torch.save with a pickle protocol) or
pickle, pickle0, pickle1 (plain pickles of tensors). Each is {"w": tensor, "x": value}; names.json lists the names
whose value this program reads as data.
"""
import argparse
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import json
import operator
import pathlib
import pickle
import re
import sys
import types
import uuid

import numpy as np
import torch

d = sys.argv[1]
torch.set_num_threads(1)


class Color(enum.Enum):
    RED = "red"


class State(collections.OrderedDict):
    pass


class Config(dict):
    """A dictionary with attributes, as of easydict, addict and mmcv."""


@dataclasses.dataclass
class Options:
    rate: float = 0.1
    weights: torch.Tensor = None


class Slots:
    __slots__ = ("a",)


class KeywordOnly:
    def __new__(cls, *, a):
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"a": 1}


class Tensor(torch.Tensor):
    pass


Pair = collections.namedtuple("Pair", "a b")
w = torch.arange(6, dtype=torch.float32).reshape(2, 3)
attributed = torch.ones(2)
attributed.note = "a"
slots = Slots()
slots.a = 1
recursive = []
recursive.append(recursive)
data = {
    "none": None, "float": float("nan"), "infinity": float("-inf"), "big": 1 << 200, "negative": -(1 << 70), "text": "é\n'\\u00e9 \ud800",
    "bytes": b"\x00\xff", "set": {1, 2}, "empty_set": set(), "frozenset": frozenset("ab"), "keys": {None: 1, 2.5: 2, (1, "a"): 3, b"k": 4, True: 5},
    "size": torch.Size([2, 3]), "dtype": torch.float16, "device": torch.device("cuda:1"), "parameter": torch.nn.Parameter(w),
    "namespace": argparse.Namespace(lr=0.1, devices=[0, 1]), "simple": types.SimpleNamespace(a=1), "counter": collections.Counter([30, 60]),
    "ordered": State(a=1, b=torch.ones(1)), "default": collections.defaultdict(list, a=[1]), "deque": collections.deque([1, 2], maxlen=3),
    "config": Config(a=1, b=Config(c=2)), "path": pathlib.PosixPath("/data/my photos/x"), "list": list(range(100000)), "tuple": ((), (1,), (1, (2,))),
    "expanded": torch.tensor([[1.0], [2.0]]).expand(2, 50), "strided": torch.arange(24).reshape(2, 3, 4).permute(2, 0, 1)[1:, :, ::2],
    "channels_last": torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last), "empty": torch.ones(0, 3), "scalar": torch.tensor(3.0),
    "views": [w[0], w[:, 1], w.view(-1)[2:4]], "attributed": attributed, "bool": torch.tensor([True]), "fortran": np.asfortranarray(np.ones((2, 3))),
    "numpy_scalar": np.float32(1.5), "numpy_empty": np.ones((0, 2)), "generator": torch.get_rng_state(), "shared": [w, w, {"again": w}],
}
foreign = {
    "enum": Color.RED, "enum_key": {Color.RED: 1}, "class": Options, "class_key": {Options: {"best": w}}, "partial": functools.partial(print, 1, end=""),
    "datetime": datetime.datetime(2021, 10, 11), "date": datetime.date(2021, 1, 1), "delta": datetime.timedelta(1), "zone": datetime.timezone.utc,
    "decimal": decimal.Decimal("1.5"), "fraction": fractions.Fraction(1, 3), "uuid": uuid.UUID(int=1), "pattern": re.compile("a+"), "range": range(3),
    "slice": slice(1, 2), "complex": 1 + 2j, "bytearray": bytearray(b"ab"), "dataclass": Options(0.2, w), "named": Pair(1, 2), "slots": slots,
    "keyword": KeywordOnly(a=1), "function": len, "method": "abc".upper, "getter": operator.itemgetter(1), "module": torch.nn.Linear(2, 2),
    "schedule": torch.optim.lr_scheduler.MultiStepLR(torch.optim.SGD([w], 1), [30, 60]).state_dict(), "optimizer": torch.optim.SGD([w], 0.1),
    "sparse": torch.eye(3).to_sparse(), "csr": torch.eye(3).to_sparse_csr(), "quantized": torch.quantize_per_tensor(w, 0.1, 0, torch.qint8),
    "complex_tensor": torch.ones(2, dtype=torch.complex64), "storage": w.storage(), "subclass": w.as_subclass(Tensor), "ellipsis": Ellipsis,
    "random": np.random.RandomState(1), "random_state": np.random.RandomState(1).get_state(), "pcg": np.random.default_rng(1),
    "dtype_numpy": np.dtype("f4"), "structured": np.zeros(2, [("a", "f4"), ("b", "i4")]), "object_array": np.array([1, "a", None], dtype=object),
    "matrix": np.matrix([[1, 2]]), "masked": np.ma.array([1, 2], mask=[0, 1]), "exception": ValueError("x"), "type": type(None), "torch_type": torch.FloatTensor,
}
for code in "b1 i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 c8 c16 S3 U3 M8[s] m8[s] >f4 >i8".split():
    name = "array_" + code.replace(">", "big_").replace("[s]", "")
    array = np.array([0, 1]).astype(code)
    known = code in "b1 i1 i2 i4 i8 u1 f2 f4 f8".split()
    (data if known else foreign)[name] = array
    (data if known else foreign)[name + "_scalar"] = array[1]

written = []
for name, value in {**data, **foreign}.items():
    tree = {"x": value, "w": w}
    forms = {
        "zip": lambda f: torch.save(tree, f), "legacy": lambda f: torch.save(tree, f, _use_new_zipfile_serialization=False),
        "p3": lambda f: torch.save(tree, f, pickle_protocol=3), "p4": lambda f: torch.save(tree, f, pickle_protocol=4),
        "p5": lambda f: torch.save(tree, f, pickle_protocol=5),
        "pickle": lambda f: pickle.dump(tree, open(f, "wb")), "pickle0": lambda f: pickle.dump(tree, open(f, "wb"), protocol=0),
        "pickle1": lambda f: pickle.dump(tree, open(f, "wb"), protocol=1),
    }
    for form, write in forms.items():
        try:
            write(f"{d}/{name}.{form}")
            written.append(f"{name}.{form}")
        except (TypeError, NotImplementedError, pickle.PicklingError, RuntimeError, AttributeError, UnicodeEncodeError) as e:
            print(name, form, "cannot be written:", str(e)[:80])
json.dump({"data": sorted(data), "foreign": sorted(foreign), "files": written}, open(f"{d}/names.json", "w"))
