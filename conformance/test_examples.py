"""Every example block of the spec as a program: the numbers on the page do not come from the reference."""

import math

import torch

from torchstone.conformance.clauses import component
from torchstone.conformance.program import (
    Average,
    AverageProgram,
    Function,
    GradientProgram,
    Group,
    LossProgram,
    Minimize,
    OptimizerProgram,
    Schedule,
    ScheduleProgram,
    ScheduleStep,
    SparseData,
    Step,
)
from torchstone.conformance.strategies import rounded


def tensor_data(values):
    """A list from a page as a tensor: int64 where all its numbers are whole and printed so, else float64."""
    array = torch.tensor(values, dtype=None if _whole(values) else torch.float64)
    dtype = str(array.dtype).removeprefix("torch.")
    return rounded(dtype, array.shape, array.reshape(-1).tolist())


def _floats(values):
    return [_floats(value) for value in values] if isinstance(values, list) else float(values)


def _whole(values):
    return all(map(_whole, values)) if isinstance(values, list) else type(values) is int


def _options(arguments, *others):
    """The options among an example's arguments; tensors such as class weights are lists there."""
    tuples = ("ns_coefficients", "milestones", "min_lr", "betas", "base_lr", "max_lr", "base_momentum", "max_momentum")
    tuples += ("out_features", "cutoffs", "swa_lr")
    named = {name: value for name, value in arguments.items() if name not in others}
    return {name: _option(value, name in tuples) for name, value in named.items()}


def _option(value, listed):
    if isinstance(value, tuple) and isinstance(value[0], str):
        name, numbers = value
        return Function(name, tuple(numbers))
    if isinstance(value, list) and any(isinstance(part, tuple) for part in value):
        return tuple(Schedule(name, _options(options)) for name, options in value)
    return value if not isinstance(value, list) else tuple(value) if listed else tensor_data(value)


def loss_program(example):
    """The tensors stand in the order of the call, before the parameters that the loss has itself; the gradient is that
    of the first."""
    given = dict(example.arguments)
    given |= given.pop("parameters", {})
    others = {"value", "grad", *(row.name for row in component(example.stem).parameters)}
    tensors = {name: tensor_data(values) for name, values in given.items() if name not in others}
    options = _options(given, *tensors, "value", "grad")
    return LossProgram(example.stem, options, tensors, tuple(tensors)[:1] if "grad" in given else ())


def gradient_program(example):
    """`grad0`, `grad1` ... are the gradients of the parameters, `clipped0` ... what becomes of them."""
    given = example.arguments
    grads = {name: values for name, values in given.items() if name.startswith("grad")}
    options = _options(given, *grads, "norm", *(name.replace("grad", "clipped") for name in grads))
    data = tuple(None if values is None else tensor_data(_floats(values)) for values in grads.values())
    return GradientProgram(example.stem, options, data)


def average_program(example):
    """`models` are the values of one parameter at each update, `averages` its average after each."""
    given = example.arguments
    models = [tensor_data(_floats(values)) for values in given["models"]]
    events = tuple(Average((values,)) for values in models)
    return AverageProgram(example.stem, _options(given, "models", "averages"), (models[0],), (), events)


def optimizer_program(example):
    given = example.arguments
    options = _options(given, "param", "grads", "params", "averages", "minimize", "losses")
    start = tensor_data(_floats(given["param"]))
    steps = [Step((_gradient(grad, start.shape),)) for grad in given.get("grads", ())]
    steps += [Minimize(Function(name, numbers)) for name, *numbers in given.get("minimize", ())]
    return OptimizerProgram(example.stem, options, (Group((start,)),), tuple(steps))


def _gradient(values, shape):
    """None, a tensor, or the rows that a sparse one stores."""
    if isinstance(values, dict):
        stored = torch.tensor([_floats(row) for row in values.values()]).reshape(-1).tolist()
        return SparseData("float64", shape, tuple(values), tuple(stored))
    return None if values is None else tensor_data(_floats(values))


def schedule_program(example):
    given = example.arguments
    rates = set() if "base_lr" in (row.name for row in component(example.stem).parameters) else {"base_lr"}
    options = _options(given, *rates, "rates", "momenta", "metrics", "to")
    nothing = [None] * (len(given["rates"]) - 1)
    metrics, epochs = given.get("metrics", nothing), given.get("to", nothing)
    steps = tuple(ScheduleStep(metric, 0, epoch) for metric, epoch in zip(metrics, epochs, strict=True))
    return ScheduleProgram(example.stem, options, (float(given.get("base_lr", 1.0)),), None, steps)


def test_accuracy_7_examples_are_reproduced_to_every_digit(play, example):
    kind = component(example.stem).kind
    first = 1 if kind == "optimizers" else 0  # the page prints parameters after each step, rates from the start
    if kind == "losses":
        program = loss_program(example)
        named = {"value": "value", **{f"grad {name}": "grad" for name in program.differentiate}}
        places = [(name, key) for name, key in named.items() if key in example.printed]
    elif kind == "gradients":
        program = gradient_program(example)
        numbers = range(len(program.grads))
        places = [(f"grad {i}", f"clipped{i}") for i in numbers] + [("norm", "norm")]
        places = [(name, key) for name, key in places if key in example.printed]
    elif kind == "averages":
        program, first = average_program(example), 1
        places = [("average 0", "averages")]
    elif kind == "optimizers":
        program = optimizer_program(example)
        shown = {"param 0": "params", "average 0": "averages", "loss": "losses"}
        places = [(name, key) for name, key in shown.items() if key in example.printed]
    else:
        program = schedule_program(example)
        places = [("lr", "rates"), *([("momentum", "momenta")] if "momenta" in example.printed else [])]
    trace = play(program)
    for name, key in places:
        found = torch.cat([entry.tensors[name].reshape(-1) for entry in trace.entries[first:]])
        for actual, printed in zip(found.tolist(), example.printed[key], strict=True):
            assert as_printed(actual, printed), f"{example.id}: {key} must be {printed}, got {actual!r}"
    assert play.conforms(program)


def as_printed(actual: float, printed: str) -> bool:
    """Whether a number is the printed one to all the digits shown: off by half a unit of the last one at most."""
    expected = float(printed)
    if not math.isfinite(expected):
        return actual == expected or (math.isnan(actual) and math.isnan(expected))
    mantissa, _, exponent = printed.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    half = 0.5 * 10.0 ** (int(exponent or 0) - decimals)
    return abs(actual - expected) <= half * (1 + 2**-20)
