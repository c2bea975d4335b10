"""ema: the clauses of spec/averages/ema.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given

from torchstone.conformance import strategies as some
from torchstone.conformance.averages.test_swa import constant, models, of_parameter

DECAYS = some.decimals(0.0, 1.0, 0.999, 0.9, 0.5, 0.0, 1.0, 0.99)
PROGRAMS = some.average_programs("ema", lambda draw: some.options(draw, decay=DECAYS))
LONG = some.average_programs("ema", lambda draw: some.options(draw, decay=DECAYS), some.MANY_UPDATES)


def decaying(program, decay):
    return dataclasses.replace(program, options={**program.options, "decay": decay})


@given(PROGRAMS)
def test_ema_1_keeps_a_part_and_takes_a_part(play, program):
    assert play.conforms(program)


@given(LONG)
def test_ema_2_older_models_count_less_and_less(play, program):
    d, k = program.options.get("decay", 0.999), len(models(program))
    shares = [d ** (k - 1), *((1 - d) * d ** (k - j) for j in range(2, k + 1))]
    for i in range(len(program.params)):
        values = of_parameter(program, i)

        def law(values=values):
            return torch.stack([share * value for share, value in zip(shares, values, strict=True)]).sum(0)

        assert play.agree(program, f"average {i}", law)


@given(PROGRAMS)
def test_ema_3_without_decay_it_is_the_last_model(play, program):
    assume(models(program))
    trace = play(decaying(program, 0.0))

    for i in range(len(program.params)):
        assert (trace.average(i).double() == of_parameter(program, i)[-1]).all()


@given(PROGRAMS)
def test_ema_4_with_decay_one_it_stays_the_first_model(play, program):
    assume(models(program))
    trace = play(decaying(program, 1.0))

    for i in range(len(program.params)):
        assert (trace.average(i).double() == of_parameter(program, i)[0]).all()


@given(PROGRAMS)
def test_ema_5_equal_models_are_their_own_average(play, program):
    assume(models(program))
    program = constant(program)
    for i, param in enumerate(models(program)[0].params):
        assert play.agree(program, f"average {i}", param.torch(torch.float64))


@given(PROGRAMS)
def test_ema_6_default_decay(play, program):
    named = decaying(program, 0.999)
    bare = dataclasses.replace(program, options={k: v for k, v in program.options.items() if k != "decay"})
    for i in range(len(program.params)):
        assert play.agree(bare, f"average {i}", lambda named, i=i: named.average(i), named)


@given(PROGRAMS)
def test_ema_7_refuses_decays_outside_of_the_interval(play, program):
    for decay in (-0.1, 1.1, -1.0, math.inf, -math.inf, 2.0):
        assert play.refuses(decaying(program, decay))


@given(PROGRAMS)
def test_ema_7_refuses_a_decay_that_is_nan(play, program):
    assert play.refuses(decaying(program, math.nan))
