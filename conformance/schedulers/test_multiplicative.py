"""multiplicative: the clauses of spec/schedulers/multiplicative.md as properties of a backend."""

import math
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Function

PROGRAMS = some.schedule_programs(
    "multiplicative", lambda draw: {"lr_lambda": draw(some.FUNCTIONS)}, each={"lr_lambda": some.FUNCTIONS}
)
VALUES = st.lists(some.decimals(0.0, 2.0, 1.0, 0.5, 0.0, 10.0), min_size=1, max_size=8)
BAD = {"lr_lambda": (None, 0.5, "power")}


def with_function(program, name, *numbers):
    return some.having(program, lr_lambda=Function(name, tuple(numbers)))


@given(PROGRAMS)
def test_multiplicative_1_rates_are_the_product_of_all_factors(play, program):
    assert play.conforms(program)


@given(PROGRAMS, VALUES)
def test_multiplicative_2_starts_at_the_base_rate(play, program, values):
    program = some.stepped(with_function(program, "table", *values), 1)

    assert play(program).lr(0).tolist() == list(program.base_lrs)
    assert play.agree(program, "lr", some.base(program) * values[min(1, len(values) - 1)])


@given(PROGRAMS, VALUES, st.integers(1, 9))
def test_multiplicative_3_multiplies_by_the_function_of_the_t_that_is_reached(play, program, values, t):
    program = some.stepped(with_function(program, "table", *values), t)
    factor = values[min(t, len(values) - 1)]

    assert play.agree(program, "lr", lambda own: own.lr(t - 1) * factor, program)


@given(PROGRAMS, st.lists(some.FUNCTIONS, min_size=3, max_size=3), st.integers(0, 6))
def test_multiplicative_4_every_group_has_its_own_function(play, program, functions, t):
    functions = functions[: len(program.base_lrs)]
    program = some.stepped(some.having(program, lr_lambda=tuple(functions)), t)
    products = some.base(program).new_tensor([math.prod(map(fn, range(1, t + 1))) for fn in functions])

    assert play.agree(program, "lr", lambda: products * some.base(program))


@given(PROGRAMS, some.GAMMAS, st.integers(0, 13))
def test_multiplicative_5_a_constant_is_exponential_decay(play, program, gamma, t):
    program = some.stepped(with_function(program, "table", gamma), t)
    exponential = replace(program, component="exponential", options={"gamma": gamma})

    assert play.agree(program, "lr", lambda other: other.lr(), exponential)


@given(PROGRAMS, st.lists(st.sampled_from([1.0, 0.5, 2.0, 0.25, 4.0]), max_size=8), st.integers(0, 9))
def test_multiplicative_6_quotients_are_the_function_itself(play, program, values, t):
    values = [1.0, *values]  # powers of two, whose quotients are exact
    quotients = [after / before for before, after in pairwise(values)]
    program = some.stepped(with_function(program, "table", 1.0, *quotients, 1.0), t)
    direct = replace(program, component="lambda_", options={"lr_lambda": Function("table", tuple(values))})

    assert play.agree(program, "lr", lambda other: other.lr(), direct)


@given(PROGRAMS, st.integers(1, 4), st.integers(0, 3))
def test_multiplicative_7_a_rate_of_zero_stays(play, program, t, beyond):
    program = some.stepped(with_function(program, "table", *(1.0,) * t, 0.0, 2.0), t + beyond)

    assert (play(program).lr() == 0).all()


@given(some.each_bad(PROGRAMS, BAD), st.booleans())
def test_multiplicative_8_lr_lambda_must_be_a_function(play, programs, listed):
    for program in programs:
        functions = (Function("table", (1.0,)),) * (len(program.base_lrs) - 1)
        bad = (*functions, program.options["lr_lambda"])

        assert play.refuses(some.having(program, lr_lambda=bad) if listed else program)
