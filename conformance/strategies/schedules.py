"""Schedule programs and training programs: schedulers alone, and beside the optimizer that they drive."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from hypothesis import strategies as st

from torchstone.conformance.oracle import plain, rule
from torchstone.conformance.program import (
    Event,
    Function,
    Group,
    OptimizerProgram,
    SaveAndReload,
    Schedule,
    ScheduleProgram,
    ScheduleStep,
    SetOption,
    Step,
    TensorData,
    TrainingProgram,
)
from torchstone.conformance.strategies.components import programs_of
from torchstone.conformance.strategies.values import (
    DTYPES,
    LEARNING_RATES,
    Choices,
    Draw,
    OptionStrategies,
    decimals,
    having,
    one_of_these,
    options,
    tensor,
)
from torchstone.conformance.trace import Trace
from torchstone.reference.optimizer import defaults
from torchstone.reference.scheduler import of_group

GAMMAS = decimals(0.0, 2.0, 0.5, 0.1, 0.0, 1.0, 10.0)  # more than 10 overflows within the steps that are played


WHOLE = one_of_these(2, 1, 3, 5, 7, 4, 12)


@st.composite
def schedule_programs(
    draw: Draw,
    component: str,
    options: Callable[[Draw], dict[str, Any]],
    *,
    each: OptionStrategies | None = None,
    metrics: Callable[[Draw, int], Sequence[float]] | None = None,
    steps: Sequence[int] = (3, 1, 2, 5, 8, 13, 0, 30),
) -> ScheduleProgram:
    """A scheduler over one to three base rates, its steps, saves and reloads.

    `each` has the options that may list one number a group. `metrics` draws what each step is given.
    """
    pick = Choices(draw)
    chosen = options(pick)
    base_lrs = tuple(pick(LEARNING_RATES) for _ in range(pick.choose((1, 2, 3))))
    for name, one in (each or {}).items():
        if pick.choose((False, True, True)):
            chosen[name] = tuple(pick(one) for _ in base_lrs)
    count = pick.choose(steps)
    events: list[Event] = [ScheduleStep(metric) for metric in (metrics(pick, count) if metrics else [None] * count)]
    if pick.choose((False, False, True)):
        events.insert(pick.choose(range(count + 1)), SaveAndReload())
    return ScheduleProgram(component, chosen, base_lrs, None, tuple(events))


def option(program: ScheduleProgram, name: str) -> Any:
    """An option of a scheduler, or its default."""
    return {**defaults(rule("schedulers", program.component)), **program.options}[name]


def base(program: ScheduleProgram) -> torch.Tensor:
    """The base rates as a tensor."""
    return torch.tensor(program.base_lrs, dtype=torch.float64)


def rates(trace: Trace) -> torch.Tensor:
    """The rates of all groups, a row for each entry."""
    return torch.stack([entry.tensors["lr"] for entry in trace.entries])


def stepped(program: ScheduleProgram, count: int) -> ScheduleProgram:
    """The same scheduler, stepped `count` times without a metric and with nothing else in between."""
    return dataclasses.replace(program, events=(ScheduleStep(),) * count)


def with_groups(program: ScheduleProgram, order: Sequence[int]) -> ScheduleProgram:
    """The same program with some of its groups, in another order."""
    each = getattr(rule("schedulers", program.component), "EACH", ())
    options = {
        name: tuple(value[i] for i in order) if name in each and isinstance(value, tuple) else value
        for name, value in program.options.items()
    }
    return dataclasses.replace(program, base_lrs=tuple(program.base_lrs[i] for i in order), options=options)


def rates_at(program: ScheduleProgram, t: int) -> tuple[float, ...]:
    """The rates of a closed form after t steps."""
    own = rule("schedulers", program.component)
    options = dict(defaults(own)) | plain(program.options)
    groups = range(len(program.base_lrs))
    return tuple(float(own.rate(t, program.base_lrs[i], **of_group(own, options, i))) for i in groups)


@st.composite
def resumed_programs(draw: Draw, component: str, reached: int) -> ScheduleProgram:
    """A closed form resumed with `last_epoch` = k, where the rates of t = k + `reached` are in force."""
    program: ScheduleProgram = draw(programs_of(component))
    program = with_groups(program, range(len(program.base_lrs[:2])))
    last = draw(st.integers(0, 10))
    resumed = {**program.options, "last_epoch": last}
    return dataclasses.replace(
        program, options=resumed, lrs=rates_at(program, last + reached), events=program.events[:6]
    )


@st.composite
def programs_with_bad(
    draw: Draw, programs: st.SearchStrategy[ScheduleProgram], bad: Mapping[str, Sequence[Any]]
) -> ScheduleProgram:
    """A scheduler's program in which one option has one of the values that `bad` lists for it."""
    name, value = draw(st.sampled_from([(name, value) for name, values in bad.items() for value in values]))
    program: ScheduleProgram = draw(programs)
    return having(program, **{name: value})


def each_bad(
    programs: st.SearchStrategy[ScheduleProgram], bad: Mapping[str, Sequence[Any]]
) -> st.SearchStrategy[tuple[ScheduleProgram, ...]]:
    """Programs of a scheduler that differ in one option: one for every value that `bad` lists for it, and where the
    option may list a number for each group, one of two groups whose second has this value."""
    values = [(name, value) for name, values in bad.items() for value in values]

    def each(program: ScheduleProgram) -> tuple[ScheduleProgram, ...]:
        two, lists = with_groups(program, (0, 0)), getattr(rule("schedulers", program.component), "EACH", ())
        listed = [having(two, **{name: (0.5, value)}) for name, value in values if name in lists]
        return (*(having(program, **{name: value}) for name, value in values), *listed)

    return programs.map(each)


# The functions that a program can have: all their values lie between 0 and 1, as a scale should.
SHARES = decimals(0.0, 1.0, 1.0, 0.5, 0.9, 0.0)
FUNCTIONS = st.one_of(
    st.lists(SHARES, min_size=1, max_size=5).map(lambda values: Function("table", tuple(values))),
    st.tuples(SHARES, SHARES).map(lambda numbers: Function("power", numbers)),
    st.tuples(SHARES, SHARES).map(lambda numbers: Function("inverse", numbers)),
)


# Factors that a schedule can be composed of, with options at which each of them alone is right everywhere.
PARTS = st.one_of(
    decimals(0.1, 1.5, 0.5, 0.9, 1.0).map(lambda gamma: Schedule("exponential", {"gamma": gamma})),
    st.builds(lambda size, gamma: Schedule("step", {"step_size": size, "gamma": gamma}), WHOLE, SHARES),
    st.builds(lambda at, gamma: Schedule("multi_step", {"milestones": (at, at + 2), "gamma": gamma}), WHOLE, SHARES),
    WHOLE.map(lambda total: Schedule("linear", {"start_factor": 0.5, "end_factor": 1.0, "total_iters": total})),
    st.sampled_from([0.5, 0.1]).map(lambda factor: Schedule("constant", {"factor": factor, "total_iters": 3})),
    st.builds(lambda total, power: Schedule("polynomial", {"total_iters": total, "power": power}), WHOLE, SHARES),
    FUNCTIONS.map(lambda function: Schedule("multiplicative", {"lr_lambda": function})),
)


SETTABLE: Mapping[str, OptionStrategies] = {
    "sgd": {"momentum": decimals(0.0, 1.0, 0.9), "weight_decay": decimals(0.0, 1.0, 0.1)},
    "adam": {"weight_decay": decimals(0.0, 1.0, 0.1)},
}


@cache
def _some(kinds: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(kinds), min_size=1, max_size=12)


@st.composite
def training_programs(
    draw: Draw,
    *schedules: st.SearchStrategy[ScheduleProgram],
    dtypes: st.SearchStrategy[str] = DTYPES,
    kinds: Sequence[str] = ("schedule", "step", "schedule", "step", "schedule", "reload", "set"),
) -> TrainingProgram:
    """An optimizer driven by one scheduler of each strategy, with their events in any interleaving.

    The groups are those of the first scheduler, whose metrics are used in their order and then again from the start.
    """
    pick = Choices(draw)
    drawn = [pick(programs) for programs in schedules]
    none = None if hasattr(rule("schedulers", drawn[0].component), "rate") else 1.0
    metrics = [event.metric for event in drawn[0].events if isinstance(event, ScheduleStep)] or [none]
    dtype = pick(dtypes)
    component = pick.choose(("sgd", "adam"))
    shapes = [(pick.choose((1, 2, 3)),) for _ in drawn[0].base_lrs]

    def grads() -> tuple[TensorData, ...]:
        return tuple(tensor(pick, dtype, shape, "near", layouts=False) for shape in shapes)

    groups = tuple(
        Group((param,), {"lr": lr, **options(pick, **SETTABLE[component])})
        for param, lr in zip(grads(), drawn[0].base_lrs, strict=True)
    )
    events: list[Event] = []
    taken = 0
    for kind in pick(_some(tuple(kinds))):
        match kind:
            case "schedule":
                index = pick.choose(range(len(drawn)))
                events.append(ScheduleStep(metrics[taken % len(metrics)] if index == 0 else None, index))
                taken += index == 0
            case "reload":
                events.append(SaveAndReload(pick.choose(("all", "optimizer", "schedulers"))))
            case "set":
                name = pick.choose(sorted(SETTABLE[component]))
                value = pick(SETTABLE[component][name])
                events.append(SetOption(pick.choose(range(len(groups))), name, value))
            case _:
                events.append(Step(grads()))
    chosen = tuple(Schedule(program.component, program.options) for program in drawn)
    return TrainingProgram(component, {}, groups, chosen, tuple(events))


def turned(program: TrainingProgram, by: int) -> TrainingProgram:
    """The same schedulers, the first `by` of them built last."""
    count = len(program.schedules)
    events = [
        dataclasses.replace(event, index=(event.index - by) % count) if isinstance(event, ScheduleStep) else event
        for event in program.events
    ]
    schedules = (*program.schedules[by:], *program.schedules[:by])
    return dataclasses.replace(program, schedules=schedules, events=tuple(events))


def by_hand(program: TrainingProgram, trace: Trace) -> OptimizerProgram:
    """The same steps of the optimizer without schedulers, with the rates and momenta of the trace set before them."""

    def settings(after: int) -> list[Event]:
        groups, own = range(len(program.groups)), defaults(rule("optimizers", program.component))
        found: list[Event] = [SetOption(i, "lr", trace.lr(after)[i].item()) for i in groups]
        if "momentum" in trace.entries[after].tensors:
            momenta = trace.momentum(after).tolist()
            for i in groups:
                betas = "betas" in own
                cycled = (momenta[i], *own["betas"][1:]) if betas else momenta[i]
                found.append(SetOption(i, "betas" if betas else "momentum", cycled))
        return found

    events = settings(0)
    for after, event in enumerate(program.events, 1):
        if isinstance(event, ScheduleStep):
            events += settings(after)
        elif not isinstance(event, SaveAndReload):
            events.append(event)
    return OptimizerProgram(program.component, program.options, program.groups, tuple(events))


def schedule_alone(program: TrainingProgram) -> ScheduleProgram:
    """The first scheduler of a training program with its own steps only, over the same base rates."""
    schedule = program.schedules[0]
    events = tuple(event for event in program.events if isinstance(event, ScheduleStep) and event.index == 0)
    return ScheduleProgram(
        schedule.component, schedule.options, tuple(group.options["lr"] for group in program.groups), None, events
    )
