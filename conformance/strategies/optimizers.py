"""Optimizer programs: groups, trajectories of events, and programs derived from others for the laws."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from hypothesis import strategies as st

from torchstone.conformance.oracle import rule
from torchstone.conformance.program import (
    AddGroup,
    Event,
    Gradient,
    Group,
    OptimizerProgram,
    SaveAndReload,
    SetOption,
    SparseData,
    Step,
    StepWithClosure,
    TensorData,
)
from torchstone.conformance.strategies.components import tests_of
from torchstone.conformance.strategies.values import (
    BOOLEANS,
    DTYPES,
    LEARNING_RATES,
    RANGES,
    TENSOR_RATES,
    Choices,
    Draw,
    OptionStrategies,
    P,
    _bytes,
    as_tensor,
    decimals,
    decoded,
    having,
    one_of_these,
    reshaped,
    rounded,
)
from torchstone.conformance.trace import Trace
from torchstone.reference.optimizer import minimises

EVENTS = ("step", "step", "step", "set", "reload", "closure", "add")


LENGTHS = (1, 2, 3, 2, 1, 3, 2, 4, 1, 2, 3, 6, 2, 12)


COUNTS = (1, 2, 1, 1, 2, 3)


SHAPES: tuple[tuple[int, ...], ...] = (
    *((1,), (2,), (), (3,), (2, 2), (2, 3), (4,), (1, 3), (5,)),
    *((3, 1, 2), (2,), (3,), (0,), (2, 0, 3), (70,), (2, 17)),
)


STARTS = one_of_these("any", "zero", "near", "spread")


ZEROS = st.just("zero")


AWAY = one_of_these("near", "spread")


SWITCHES = st.sampled_from(
    [(True, False), (False, True), (True, True, False), (False, False, True), (True, False, False)]
)


TAME = one_of_these("near", "spread")  # far from overflow in every dtype


WIDE_DTYPES = one_of_these("float64", "float32", "bfloat16")  # those where no default option underflows


DECAYS = decimals(0.01, 1.0, 0.1, 0.01, 1.0)


ANY_DECAYS = decimals(0.0, 1.0, 0.01, 0.1, 0.0)


MOMENTA = decimals(0.1, 1.0, 0.9, 0.5)


BETA1 = decimals(0.0, 0.99, 0.9, 0.0, 0.5)


BETA2 = decimals(0.0, 0.999, 0.999, 0.99, 0.5, 0.0)


BETAS = st.tuples(BETA1, BETA2)


FIRST_BETAS = BETA1.map(lambda beta1: (beta1, 0.999))


SECOND_BETAS = BETA2.map(lambda beta2: (0.9, beta2))


ONLY_SECOND_BETAS = BETA2.map(lambda beta2: (0.0, beta2))


SHORT_BETAS = one_of_these((0.0, 0.0), (0.0, 0.5), (0.0, 0.9))


EPSILONS = one_of_these(1e-8, 1e-3, 0.0, 1.0, 1e-8, 1e-12)


LARGE_EPSILONS = one_of_these(1e-3, 1.0, 0.1)  # more than zero in every dtype


PLACES = st.integers(0, 99)


SIGNS = one_of_these(1.0, -1.0)


SCALES = one_of_these(0.5, 2.0, 0.25, 8.0)


NEGATIVE = one_of_these(-1.0, -1e-9, -math.inf, math.nan, as_tensor(-1.0))


NO_BETAS = st.sampled_from(
    [betas for wrong in (-0.1, 1.0, 2.0, math.nan, -math.inf) for betas in ((0.9, wrong), (wrong, 0.9))]
)


ADAM_OPTIONS: OptionStrategies = {
    "lr": TENSOR_RATES,
    "betas": BETAS,
    "eps": EPSILONS,
    "weight_decay": ANY_DECAYS,
    "maximize": BOOLEANS,
    "amsgrad": BOOLEANS,
}


ELEMENTS = 1000  # from here on the numbers of a program repeat


@st.composite
def optimizer_programs(
    draw: Draw,
    component: str,
    options: Callable[[Draw], dict[str, Any]],
    *,
    settable: OptionStrategies | None = None,
    dtypes: st.SearchStrategy[str] = DTYPES,
    steps: tuple[int, int] = (1, 12),
    kinds: Sequence[str] = EVENTS,
    nones: bool = True,
    groups: int = 3,
    params: int = 2,
    starts: st.SearchStrategy[str] = STARTS,
    spreads: st.SearchStrategy[str] = RANGES,
    layouts: bool | None = None,
    empties: bool = True,
    shapes: Sequence[tuple[int, ...]] = SHAPES,
    sparse: bool = False,
) -> OptimizerProgram:
    """An optimizer over up to `groups` groups of up to `params` parameters, and events of which the last is a step.

    `options` draws a dict of constructor options; `settable` names those that may change in mid-run. Parameters start
    at zero or tiny as often as at about one, so that an update is seen in full and not under the parameter's own ulp.
    Where gradients are `sparse` they store all of their rows, some, none, or some more than once. A component that
    minimises has one group, and each step is through a closure. Where it is not said whether tensors have `layouts`,
    those of some programs have.
    """
    alone = minimises(rule("optimizers", component))
    pick, value = Choices(draw), Choices(draw)  # apart, so that an option less changes nothing else where it shrinks
    dtype, spread, start = pick(dtypes), pick(spreads), pick(starts)
    layouts = pick.choose((False, False, False, True)) if layouts is None else layouts
    found_shapes: list[tuple[int, ...]] = []
    possible = shapes if empties else [shape for shape in shapes if 0 not in shape]
    vague: list[tuple[Gradient, str]] = []  # tensors whose numbers are not drawn yet, and what they are like

    def later(shape: tuple[int, ...], like: str, layout: str) -> TensorData:
        data = TensorData(dtype, shape, (0.0,) * math.prod(shape), layout)
        vague.append((data, like))
        return data

    def gradient(shape: tuple[int, ...]) -> Gradient:
        if not sparse:
            return later(shape, spread, pick.choose(MEMORY) if layouts else "contiguous")
        every = range(shape[0])
        stored = every if pick.choose((True, False, False)) else range(pick.choose((1, 2, 0, 3, 6)) if every else 0)
        rows = tuple(every if stored is every else (pick.choose(every) for _ in stored))
        vague.append((SparseData(dtype, shape, rows, (0.0,) * (len(rows) * math.prod(shape[1:]))), spread))
        return vague[-1][0]

    def param() -> TensorData:
        found_shapes.append(pick.choose(possible))
        like = pick.choose(("zero", "near", "spread", "zero")) if start == "any" else start
        # The elements of a parameter do not share memory (optimizer.13), so that it is never broadcast.
        return later(found_shapes[-1], like, pick.choose(APART) if layouts else "contiguous")

    def group(extra: Mapping[str, Any]) -> Group:
        return Group(tuple(param() for _ in range(min(params, pick.choose(COUNTS)))), dict(extra))

    def step(through_closure: bool) -> Event:
        given = grads()
        if alone:  # with a constant loss of zero it is not rounding that decides whether there is enough descent
            return StepWithClosure(given, 0.0)
        return StepWithClosure(given, pick.choose((0.0, 1.5, -2.0))) if through_closure else Step(given)

    def own() -> dict[str, Any]:
        extra = options(value) if pick.choose((False, True)) else {}
        return extra if compatible(defaults, extra) else {}

    def grads() -> tuple[Gradient | None, ...]:
        return tuple(
            None if nones and pick.choose((False, False, False, True)) else gradient(shape) for shape in found_shapes
        )

    defaults = options(value)
    found = [group({}), *(group(own()) for _ in range(min(1 if alone else groups, pick.choose(COUNTS)) - 1))]
    count = len(found)
    events: list[Event] = []
    low, high = steps
    for _ in range(pick.choose([n for n in LENGTHS if low <= n <= high] or [low]) - 1):
        match pick.choose(kinds):
            case "set" if settable:
                name = pick.choose(sorted(settable))
                events.append(SetOption(pick.choose(range(count)), name, value(settable[name])))
            case "reload":
                events.append(SaveAndReload())
            case "closure":
                events.append(step(True))
            case "add" if count < (1 if alone else 4):
                events.append(AddGroup(group(own())))
                count += 1
            case _:
                events.append(step(False))
    events.append(step(False))
    program = OptimizerProgram(component, defaults, tuple(found), tuple(events))
    return _filled(program, vague, _bytes(pick, 2 * min(ELEMENTS, sum(len(data.data) for data, _ in vague))))


APART = ("contiguous", "transposed", "strided")


MEMORY = (*APART, "broadcast")


def _filled(program: OptimizerProgram, vague: Sequence[tuple[Gradient, str]], raw: bytes) -> OptimizerProgram:
    """The program with its numbers, which `raw` stands for, two bytes a number, again from the start where it ends."""
    filled: dict[int, Any] = {}
    position = 0
    for data, like in vague:
        count = 2 * len(data.data)
        own = raw[position : position + count] if position + count <= len(raw) else (raw[2:] * 3)[:count]
        position = (position + count) % max(2, len(raw))
        if like != "zero" and count:
            values = decoded(own, data.dtype, like)
            if isinstance(data, TensorData) and data.layout == "broadcast" and data.shape:
                values = values[: math.prod(data.shape[1:])] * data.shape[0]
            filled[id(data)] = holding(data, values)

    def fill(data: Any) -> Any:
        return filled.get(id(data), data)

    return reworked(program, param=fill, grad=fill)


def compatible(defaults: Mapping[str, Any], extra: Mapping[str, Any]) -> bool:
    """Whether a group's own options may stand beside the defaults: Nesterov's momentum needs three of them."""
    merged = {**defaults, **extra}
    return not merged.get("nesterov") or (merged.get("momentum", 0) > 0 and merged.get("dampening", 0) == 0)


def one_parameter(
    component: str, options: Callable[[Draw], dict[str, Any]], *, steps: tuple[int, int] = (1, 6), **more: Any
) -> st.SearchStrategy[OptimizerProgram]:
    """Programs of one parameter with elements and a few plain steps, each with a gradient."""
    plain = {"kinds": ("step",), "nones": False, "groups": 1, "params": 1, "empties": False}
    return optimizer_programs(component, options, steps=steps, **{**plain, **more})


def changing(
    component: str, options: Callable[[Draw], dict[str, Any]], **settable: st.SearchStrategy[Any]
) -> st.SearchStrategy[OptimizerProgram]:
    """Programs of one group with steps, each with a gradient or None, and changes of these options between them."""
    kinds = ("step", "set")
    return optimizer_programs(component, options, settable=settable, kinds=kinds, groups=1, steps=(2, 12))


def decaying(
    component: str, options: Callable[[Draw], dict[str, Any]], **others: Any
) -> st.SearchStrategy[OptimizerProgram]:
    """Programs in which decay is seen: of parameters that are not zero, upwards as often as downwards."""
    decay = using(options, weight_decay=DECAYS, maximize=BOOLEANS, **others)
    return optimizer_programs(component, decay, starts=AWAY)


def adam_numbers(draw: Draw) -> dict[str, Any]:
    """What the laws of Adam and AdamW compute with: plain numbers, no decay."""
    return {"lr": draw(LEARNING_RATES), "betas": draw(BETAS), "eps": draw(EPSILONS), "maximize": draw(BOOLEANS)}


def using(options: Callable[[Draw], dict[str, Any]], **others: Any) -> Callable[[Draw], dict[str, Any]]:
    """Options drawn as before, but for these: values, or strategies of their own."""

    def drawn(draw: Draw) -> dict[str, Any]:
        own = {name: draw(it) if isinstance(it, st.SearchStrategy) else it for name, it in others.items()}
        return {**options(draw), **own}

    return drawn


def building(component: str, **options: Any) -> OptimizerProgram:
    """An optimizer with these options over one parameter of one zero, and a first step."""
    shape = getattr(tests_of(component), "SHAPES", [(1,)])[0]
    zero, one = TensorData("float64", shape, (0.0,)), TensorData("float64", shape, (1.0,))
    grads = (gradient_for(component, one),)
    step = StepWithClosure(grads, 0.0) if minimises(rule("optimizers", component)) else Step(grads)
    return OptimizerProgram(component, options, (Group((zero,)),), (step,))


def gradient_for(component: str, data: TensorData) -> Gradient:
    """A gradient as a component takes it: sparse, with all of its rows, where its gradients are."""
    return stored(data) if getattr(tests_of(component), "SPARSE", False) else data


def stored(data: TensorData) -> SparseData:
    """A tensor as a sparse one that stores all of its rows."""
    return SparseData(data.dtype, data.shape, tuple(range(data.shape[0])), data.data)


def reworked(
    program: OptimizerProgram,
    *,
    param: Callable[[TensorData], TensorData] = lambda data: data,
    grad: Callable[[Any], Gradient | None] = lambda data: data,
    options: Callable[[dict[str, Any]], dict[str, Any]] = lambda given: given,
) -> OptimizerProgram:
    """The same program, its parameters, gradients or options (also those set in mid-run) put through a function."""

    def group(each: Group) -> Group:
        return Group(tuple(map(param, each.params)), options(dict(each.options)))

    def event(each: Any) -> Any:
        match each:
            case Step(grads) | StepWithClosure(grads):
                return dataclasses.replace(each, grads=tuple(None if g is None else grad(g) for g in grads))
            case SetOption(_, name, value):
                return dataclasses.replace(each, value=options({name: value})[name])
            case AddGroup(added):
                return AddGroup(group(added))
        return each

    return OptimizerProgram(
        program.component,
        options(dict(program.options)),
        tuple(map(group, program.groups)),
        tuple(map(event, program.events)),
    )


G = TypeVar("G", bound=Gradient)


def holding(data: G, values: Sequence[float]) -> G:
    """A tensor of the same form with these values, rounded to its dtype."""
    numbers = rounded(data.dtype, (len(values),), values).data
    return dataclasses.replace(data, data=numbers)


def changed(data: G, change: Callable[[float], float]) -> G:
    """A tensor with every element that it stores put through a function, in the same dtype and layout."""
    return holding(data, [change(value) for value in data.data])


def times(scale: float) -> Callable[[G], G]:
    """A function that multiplies tensors by a number."""
    return lambda data: changed(data, lambda value: scale * value)


def planted(data: Any, place: int, value: float) -> Any:
    """A tensor with one element replaced, as it lies in memory in row-major order; the place wraps around.

    In a sparse tensor the value is added, in a row that is stored once more.
    """
    if isinstance(data, SparseData):
        row, column = divmod(place % math.prod(data.shape), math.prod(data.shape[1:]))
        values = [0.0] * math.prod(data.shape[1:])
        values[column] = value
        return dataclasses.replace(data, rows=(*data.rows, row), data=(*data.data, *values))
    values = list(data.data)
    values[place % len(values)] = value
    return TensorData(data.dtype, data.shape, tuple(values))


def as_column(data: Any) -> Any:
    """The elements that a tensor stores, in a tensor of one column."""
    count, width = math.prod(data.shape), math.prod(data.shape[1:])
    if isinstance(data, SparseData):
        rows = tuple(row * width + column for row in data.rows for column in range(width))
        return dataclasses.replace(data, shape=(count, 1), rows=rows)
    return reshaped(data, lambda values: values.reshape(-1, 1))


def with_grads(program: OptimizerProgram, grads: Sequence[Gradient]) -> OptimizerProgram:
    """A program of one parameter and plain steps, all like the last, with other gradients."""
    step: Any = program.events[-1]
    return with_events(program, [dataclasses.replace(step, grads=(grad,)) for grad in grads])


def with_events(program: P, events: Sequence[Event]) -> P:
    """A program with other events."""
    return dataclasses.replace(program, events=tuple(events))


def reloaded(program: P, of: str = "all") -> P:
    """The same program, saved and reloaded at the start and after every event."""
    events: list[Any] = [SaveAndReload(of)]
    for event in program.events:
        events += [event, events[0]]
    return with_events(program, events)


def switching(program: OptimizerProgram, name: str, values: Sequence[Any]) -> OptimizerProgram:
    """The same steps, each under the next of these values of an option, in turn."""
    events: list[Event] = []
    for index, event in enumerate(program.events):
        events += [SetOption(0, name, values[index % len(values)]), event] if index else [event]
    return with_events(having(program, **{name: values[0]}), events)


def as_component(program: OptimizerProgram, component: str, options: Mapping[str, Any]) -> OptimizerProgram:
    """The same parameters and events for another component."""
    return dataclasses.replace(program, component=component, options=dict(options))


def gradients(program: OptimizerProgram) -> list[Any]:
    """The gradients of the first parameter, step by step."""
    steps = [event for event in program.events if isinstance(event, Step | StepWithClosure)]
    return [grad for grad in (step.grads[0] for step in steps) if grad is not None]


def origin(program: OptimizerProgram) -> torch.Tensor:
    """The first parameter before the first step, in float64."""
    return program.groups[0].params[0].torch(torch.float64)


def number(program: OptimizerProgram, name: str) -> torch.Tensor:
    """An option that is a number as a tensor, so that a law knows of the rounding of what is computed from it."""
    return torch.tensor(program.options[name], dtype=torch.float64)


def normalised(program: OptimizerProgram) -> torch.Tensor:
    """The first gradient divided by its size plus epsilon, times the learning rate, in the direction of ascent."""
    grad: torch.Tensor = gradients(program)[0].torch(torch.float64)
    size: float = program.options["lr"] * (-1.0 if program.options.get("maximize") else 1.0)
    return size * grad / (grad.abs() + float(program.options["eps"]))


def steady(program: OptimizerProgram) -> OptimizerProgram:
    """As many steps of one parameter, all with its first gradient."""
    return with_grads(program, gradients(program)[:1] * len(program.events))


def still(program: OptimizerProgram) -> OptimizerProgram:
    """The same program with gradients of zero."""
    return reworked(program, grad=times(0.0))


def rising(program: OptimizerProgram) -> OptimizerProgram:
    """The same steps of one parameter with, element by element, the smallest gradient first and the largest last."""
    given = gradients(program)
    if not given[0].data:
        return program
    elements = [sorted(each, key=abs) for each in zip(*(grad.data for grad in given), strict=True)]
    ordered = [TensorData(program.dtype, given[0].shape, each) for each in zip(*elements, strict=True)]
    return with_grads(program, ordered)


def scaled(program: OptimizerProgram, scale: float) -> OptimizerProgram:
    """The same program with its gradients and its epsilon multiplied by a number."""
    return having(reworked(program, grad=times(scale)), eps=scale * program.options["eps"])


def penalised(program: OptimizerProgram, trace: Trace) -> OptimizerProgram:
    """The same steps of one parameter without decay: added to each gradient is that of the penalty instead, at the
    parameter of the trace."""
    decay = program.options["weight_decay"] * (-1 if program.options.get("maximize") else 1)
    grads = []
    for index, given in enumerate(gradients(program)):
        total = given.torch(torch.float64) + decay * trace.param(0, after=index).double()
        grads.append(rounded(given.dtype, given.shape, total.flatten().tolist()))
    return having(with_grads(program, grads), weight_decay=0.0)


def with_infinite_grad(program: OptimizerProgram, place: int, sign: float) -> OptimizerProgram:
    """The same steps of one parameter with one element of the first gradient infinite."""
    first, *others = gradients(program)
    return with_grads(program, [planted(first, place, sign * math.inf), *others])


def with_infinite_start(program: OptimizerProgram, place: int, sign: float) -> OptimizerProgram:
    """The same program with one element of the parameter infinite."""
    return reworked(program, param=lambda data: planted(data, place, sign * math.inf))
