"""Averages of weights: the clauses of spec/average.md, over every component."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.oracle import plain, rule
from torchstone.conformance.program import Average, SaveAndReload
from torchstone.reference.optimizer import defaults


def of(data, component):
    return data.draw(some.programs_of(component))


def updates(program):
    return [event for event in program.events if isinstance(event, Average)]


def updated(program, events):
    """The same average with these updates and nothing else."""
    return dataclasses.replace(program, events=tuple(events))


def same(found, data):
    """Whether a tensor holds exactly these numbers."""
    return some.same(found.double(), data.torch(torch.float64))


@given(data=st.data())
def test_average_1_starts_as_the_model(play, component, data):
    program = of(data, component)
    trace = play(program)

    assert all(same(trace.average(i, after=0), param) for i, param in enumerate(program.params))
    assert all(same(trace.buffer(i, after=0), buffer) for i, buffer in enumerate(program.buffers))


@given(data=st.data())
def test_average_2_first_update_copies(play, component, data):
    program = of(data, component)
    assume(updates(program))
    model = updates(program)[0]
    trace = play(updated(program, [model]))

    assert all(same(trace.average(i), param) for i, param in enumerate(model.params))
    assert all(same(trace.buffer(i), buffer) for i, buffer in enumerate(model.buffers))


@given(data=st.data())
def test_average_3_every_later_update_is_the_function_of_the_component(play, component, data):
    program = of(data, component)
    models = updates(program)
    assume(len(models) > 1)
    program, n, own = updated(program, models), len(models) - 1, rule("averages", component)
    options = {**defaults(own), **plain(program.options)}

    for i, param in enumerate(models[-1].params):

        def law(before, i=i, param=param):
            return own.average(before.average(i), param.torch(torch.float64), n, **options)

        assert play.agree(program, f"average {i}", law, updated(program, models[:-1]))


@given(data=st.data())
def test_average_3_agrees_with_the_reference(play, component, data):
    assert play.conforms(of(data, component))


@given(data=st.data())
def test_average_4_parameters_do_not_know_of_each_other(play, component, data):
    program = of(data, component)
    i = data.draw(st.integers(0, len(program.params) - 1))
    events = [Average((event.params[i],)) if isinstance(event, Average) else event for event in program.events]
    alone = dataclasses.replace(program, params=(program.params[i],), buffers=(), events=tuple(events))

    assert some.same(play(program).average(i).double(), play(alone).average(0).double())


@given(data=st.data())
def test_average_5_buffers_are_those_of_the_last_model(play, component, data):
    program, named = of(data, component), data.draw(st.booleans())
    options = {name: value for name, value in program.options.items() if name != "use_buffers"}
    program = dataclasses.replace(program, options={**options, "use_buffers": False} if named else options)
    assume(updates(program) and program.buffers)
    trace = play(program)

    assert all(same(trace.buffer(i), buffer) for i, buffer in enumerate(updates(program)[-1].buffers))


@given(data=st.data())
def test_average_6_buffers_are_averaged_as_parameters_are(play, component, data):
    program = of(data, component)
    buffered = dataclasses.replace(program, options={**program.options, "use_buffers": True})
    assume(program.buffers)

    def parameters(of):
        return dataclasses.replace(of, params=(*of.params, *of.buffers), buffers=())

    events = [parameters(event) if isinstance(event, Average) else event for event in program.events]
    as_parameters = dataclasses.replace(parameters(buffered), events=tuple(events))

    for i in range(len(program.buffers)):

        def law(other, i=i):
            return other.average(len(program.params) + i)

        assert play.agree(buffered, f"buffer {i}", law, as_parameters)


@given(data=st.data())
def test_average_7_the_model_is_not_changed(play, component, data):
    # A backend looks at its own model after every update and raises `Broken` where it has changed.
    assert play(of(data, component)).entries


@given(data=st.data())
def test_average_8_dtypes_stay(play, component, data):
    program = of(data, component)

    for entry in play(program).entries:
        assert all(tensor.dtype == getattr(torch, program.dtype) for tensor in entry.tensors.values())


@given(data=st.data())
def test_average_9_saving_and_loading_changes_nothing(play, component, data):
    program = of(data, component)
    models = updates(program)
    at = data.draw(st.integers(0, len(models)))
    reloaded = play(updated(program, [*models[:at], SaveAndReload(), *models[at:]])).entries
    entries = play(updated(program, models)).entries

    for one, two in zip([*reloaded[: at + 1], *reloaded[at + 2 :]], entries, strict=True):
        assert all(some.same(one.tensors[name].double(), two.tensors[name].double()) for name in two.tensors)
    kept = reloaded[at].tensors
    assert all(some.same(reloaded[at + 1].tensors[name].double(), kept[name].double()) for name in kept)


@given(data=st.data())
def test_average_10_nan_stays_where_it_is(play, component, data):
    program = of(data, component)
    models = updates(program)
    assume(models and models[0].params[0].data)
    at, place = data.draw(st.integers(0, len(models) - 1)), data.draw(st.integers(0, 99))
    spoiled = some.planted(models[at].params[0], place, math.nan)
    model = dataclasses.replace(models[at], params=(spoiled, *models[at].params[1:]))
    trace = play(updated(program, [*models[:at], model, *models[at + 1 :]]))
    there = spoiled.torch(torch.float64).isnan()

    assert (trace.average(0, after=at).isnan() == torch.zeros_like(there)).all()
    assert all((trace.average(0, after=k).isnan() == there).all() for k in range(at + 1, len(models) + 1))
