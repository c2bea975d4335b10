"""Programs survive their JSON form, and tensors lie in memory as they say."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.clauses import components
from torchstone.conformance.program import LossProgram, SaveAndReload, SparseData, TensorData, from_json, to_json

PROGRAMS = st.one_of([some.programs_of(page.stem) for page in components()])


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(PROGRAMS)
def test_a_program_is_its_json_form(program):
    text = json.dumps(to_json(program), allow_nan=False)
    again = from_json(json.loads(text))
    assert type(again) is type(program)
    assert json.dumps(to_json(again)) == text


def test_special_numbers_survive():
    data = TensorData("float64", (4,), (math.nan, math.inf, -math.inf, -0.0))
    again = from_json(json.loads(json.dumps(to_json(data), allow_nan=False)))
    assert math.isnan(again.data[0])
    assert again.data[1:3] == (math.inf, -math.inf)
    assert math.copysign(1, again.data[3]) == -1


@pytest.mark.parametrize(
    ("layout", "stride"), [("contiguous", (2, 1)), ("transposed", (1, 3)), ("strided", (4, 2)), ("broadcast", (0, 1))]
)
def test_layouts_are_what_they_say(layout, stride):
    values = (1.0, 2.0) * 3 if layout == "broadcast" else tuple(map(float, range(6)))
    tensor = TensorData("float32", (3, 2), values, layout).torch()
    assert tensor.stride() == stride
    assert tensor.reshape(-1).tolist() == list(values)
    assert tensor.dtype == torch.float32


def test_a_tensor_must_hold_as_many_values_as_its_shape():
    with pytest.raises(ValueError, match=r"tensor: shape \(2, 2\) holds 4 values, got 3"):
        TensorData("float32", (2, 2), (1.0, 2.0, 3.0))


def test_a_sparse_gradient_is_the_sum_of_the_rows_it_stores():
    twice = SparseData("float32", (3, 2), (2, 0, 2), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)).torch()
    assert twice.to_dense().tolist() == [[3.0, 4.0], [0.0, 0.0], [6.0, 8.0]]
    assert not twice.is_coalesced()
    assert SparseData("float64", (3,), (0, 2), (1.0, 2.0)).torch().is_coalesced()
    assert SparseData("float64", (3,), (), ()).torch(torch.float32).to_dense().tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match=r"sparse: 1 rows of \(3, 2\) hold 2 values, got 1"):
        SparseData("float32", (3, 2), (0,), (1.0,))


def test_an_upstream_gradient_repeats_over_the_value():
    program = LossProgram("l1", {}, {}, upstream=(1.0, 2.0))
    assert program.upstream_for(5) == [1.0, 2.0, 1.0, 2.0, 1.0]


def test_events_carry_their_kind():
    assert to_json(SaveAndReload()) == {"kind": "save_and_reload", "of": "all"}
