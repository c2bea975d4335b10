"""swa: the clauses of spec/averages/swa.md as properties of a backend."""

import dataclasses

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Average

PROGRAMS = some.average_programs("swa", lambda draw: {})
LONG = some.average_programs("swa", lambda draw: {}, some.MANY_UPDATES)


def models(program):
    """The updates, each with the model it is given."""
    return [event for event in program.events if isinstance(event, Average)]


def of_parameter(program, i):
    """A parameter at every update, in float64."""
    return [event.params[i].torch(torch.float64) for event in models(program)]


@given(PROGRAMS)
def test_swa_1_moves_by_a_part_of_the_difference(play, program):
    assert play.conforms(program)


@given(LONG)
def test_swa_2_is_the_mean_of_the_models(play, program):
    for i in range(len(program.params)):
        values = of_parameter(program, i)

        assert play.agree(program, f"average {i}", lambda values=values: torch.stack(values).mean(0))


@given(PROGRAMS, st.integers(1, 6))
def test_swa_3_order_does_not_matter(play, program, turn):
    given = models(program)
    assume(len(given) > 1)
    turned = given[turn % len(given) :] + given[: turn % len(given)]
    one, two = (dataclasses.replace(program, events=tuple(events)) for events in (given, turned[::-1]))
    for i in range(len(program.params)):
        assert play.agree(two, f"average {i}", lambda one, i=i: one.average(i), one)


def constant(program):
    """The program with the first of its models at every update."""
    given = models(program)
    events = tuple(given[0] if isinstance(event, Average) else event for event in program.events)
    return dataclasses.replace(program, events=events)


@given(PROGRAMS)
def test_swa_4_equal_models_are_their_own_average(play, program):
    assume(models(program))
    program = constant(program)
    for i, param in enumerate(models(program)[0].params):
        assert play.agree(program, f"average {i}", param.torch(torch.float64))
