"""lambda_: the clauses of spec/schedulers/lambda_.md as properties of a backend."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Function

PROGRAMS = some.schedule_programs(
    "lambda_", lambda draw: {"lr_lambda": draw(some.FUNCTIONS)}, each={"lr_lambda": some.FUNCTIONS}
)
VALUES = st.lists(some.decimals(0.0, 2.0, 1.0, 0.5, 0.0, 10.0), min_size=1, max_size=8)
BAD = {"lr_lambda": (None, 0.5, "power")}


def with_function(program, name, *numbers):
    return some.having(program, lr_lambda=Function(name, tuple(numbers)))


@given(PROGRAMS)
def test_lambda__1_rates_are_the_function_times_the_base_rate(play, program):
    assert play.conforms(program)


@given(PROGRAMS, VALUES, st.integers(0, 9))
def test_lambda__2_the_function_is_given_t(play, program, values, t):
    program = some.stepped(with_function(program, "table", *values), t)

    assert play.agree(program, "lr", some.base(program) * values[0], after=0)
    assert play.agree(program, "lr", some.base(program) * values[min(t, len(values) - 1)])


@given(PROGRAMS, VALUES, VALUES)
def test_lambda__3_earlier_values_are_of_no_account(play, program, earlier, others):
    count = min(len(earlier), len(others))
    one, other = (
        some.stepped(with_function(program, "table", *values[:count], 0.75), count) for values in (earlier, others)
    )

    assert play.agree(one, "lr", lambda same: same.lr(), other)


@given(PROGRAMS, st.lists(some.FUNCTIONS, min_size=3, max_size=3), st.integers(0, 6))
def test_lambda__4_every_group_has_its_own_function(play, program, functions, t):
    functions = functions[: len(program.base_lrs)]
    program = some.stepped(some.having(program, lr_lambda=tuple(functions)), t)
    expected = some.base(program).new_tensor([function(t) for function in functions]) * some.base(program)

    assert play.agree(program, "lr", expected)


@given(PROGRAMS, some.GAMMAS, st.integers(0, 13))
def test_lambda__5_powers_are_exponential_decay(play, program, gamma, t):
    program = some.stepped(with_function(program, "power", 1.0, gamma), t)
    exponential = replace(program, component="exponential", options={"gamma": gamma})

    assert play.agree(program, "lr", lambda other: other.lr(), exponential)


@given(PROGRAMS, VALUES, st.sampled_from([2.0, 0.5, 3.0]), st.integers(0, 9))
def test_lambda__6_rates_scale_with_the_function(play, program, values, by, t):
    plain = some.stepped(with_function(program, "table", *values), t)
    scaled = with_function(plain, "table", *(by * value for value in values))

    assert play.agree(scaled, "lr", lambda other: by * other.lr(), plain)


@given(PROGRAMS, st.integers(0, 4), st.sampled_from([1.0, 0.5]))
def test_lambda__7_a_rate_of_zero_is_no_end(play, program, t, after):
    program = some.stepped(with_function(program, "table", *(1.0,) * t, 0.0, after), t + 1)

    assert (play(program).lr(t) == 0).all()
    assert play.agree(program, "lr", some.base(program) * after)


@given(PROGRAMS, st.sampled_from([1.0, 0.5, 2.0, 0.0]))
def test_lambda__8_a_constant_keeps_the_rate(play, program, number):
    program = with_function(program, "table", number)
    found = some.rates(play(program))

    assert some.same(found, (number * some.base(program)).expand(found.shape))


@given(some.each_bad(PROGRAMS, BAD), st.booleans())
def test_lambda__9_lr_lambda_must_be_a_function(play, programs, listed):
    for program in programs:
        functions = (Function("table", (1.0,)),) * (len(program.base_lrs) - 1)
        bad = (*functions, program.options["lr_lambda"])

        assert play.refuses(some.having(program, lr_lambda=bad) if listed else program)
