"""poisson_nll: the clauses of spec/losses/poisson_nll.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_kl_div import everything, slopes
from torchstone.conformance.losses.test_l1 import SHAPES_APART, repeats
from torchstone.conformance.program import LossProgram

MODES = some.one_of_these({}, {"log_input": False}, {"log_input": True}, {"log_input": False})
LOG = some.one_of_these({}, {"log_input": True})
RATES = some.one_of_these({"log_input": False})
FULL = some.one_of_these({}, {"full": True}, {"full": False}, {"full": True})
MOSTLY_FULL = some.one_of_these({"full": True}, {}, {"full": True})
EPSILONS = some.one_of_these({}, {"eps": 0.5}, {"eps": 0.0}, {}, {"eps": 1e-3}, {"eps": 0.0}, {"eps": 2.0})
COUNTS = (0.0, 1.0, 2.0, 0.0, 3.0, 1.0, 0.5, 7.0, 1.5)
NO_EPS = some.one_of_these(-1e-8, -1.0, math.nan, -math.inf)


@st.composite
def programs(draw, *, modes=MODES, full=FULL, reduction=None, batch=False, apart=some.RARELY, spread=None):
    """Log rates or rates of which some are 0, counts, fractions and at times negative numbers."""
    draw = some.Choices(draw)
    dtype, whole = draw(some.DTYPES), some.shape(draw, min_dims=int(batch))
    options = {**draw(modes), **draw(full), **draw(EPSILONS)}
    left, right = whole, whole
    if not batch and draw(apart):
        left, right = some.repeatable_pair(draw, whole)
    if options.get("log_input", True):
        input = some.tensor(draw, dtype, left, spread)
    else:
        input = some.changed(some.tensor(draw, dtype, left, spread, (0.0, 1.0, 0.5, 2.0)), abs)
    sign = 1.0 if draw(some.BOOLEANS) else -1.0
    numbers = some.numbers(draw, math.prod(right), dtype, "near", COUNTS)
    if left == right:  # half of the rates of 0 meet a count of 0
        numbers = [0.0 if x == 0 and i % 2 else y for i, (x, y) in enumerate(zip(input.data, numbers, strict=True))]
    target = some.data(draw, dtype, right, [sign * v if v < 0 else v for v in numbers])
    tensors = {"input": input, "target": target}
    return some.loss_program(draw, "poisson_nll", tensors, options, reduction=reduction, gradients=("input", "target"))


PROGRAMS = programs()
BATCHES = programs(reduction="none", batch=True)


def is_log(program):
    return program.options.get("log_input", True)


def product(y, log):
    """y times a logarithm, 0 where y is 0 and the logarithm infinite."""
    return torch.where((y == 0) & log.isinf(), 0.0, y * log)


def eps(program):
    return program.options.get("eps", 1e-8)


def sloping(program):
    """The program with every gradient asked for, and no rate of 0 where no eps is added to it."""
    if not is_log(program) and not eps(program):
        program = program.with_tensors(input=some.changed(program.tensors["input"], lambda x: x or 2.0))
    return everything(program)


def without(program, *names):
    return dataclasses.replace(program, options={k: v for k, v in program.options.items() if k not in names})


@given(programs(modes=LOG, reduction="none"))
def test_poisson_nll_1_loss_of_log_rates(play, program):
    x, y = program.exact("input"), program.exact("target")

    assert play.agree(without(program, "full"), "value", lambda: x.exp() - product(y, x))


@given(PROGRAMS)
def test_poisson_nll_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(programs(modes=RATES, reduction="none"))
def test_poisson_nll_2_loss_of_rates(play, program):
    x, y = program.exact("input"), program.exact("target")

    assert play.agree(without(program, "full"), "value", lambda: x - product(y, (x + eps(program)).log()))


@given(programs(modes=LOG), st.sampled_from([0.0, 1e-3, 0.5, 7.0]))
def test_poisson_nll_3_eps_does_not_matter_with_log_rates(play, program, number):
    other = program.with_options(eps=number)

    assert play.agree(other, "value", lambda plain: plain.value, program)


@given(programs(reduction="none", apart=some.one_of_these(True)))
def test_poisson_nll_4_shapes_are_repeated_to_their_common_shape(play, program):
    for reduction in ("none", "mean", "sum"):
        assert repeats(play, sloping(program.with_options(reduction=reduction)))


@given(programs(reduction="none", spread="near"))
def test_poisson_nll_5_full_adds_the_approximation_of_stirling(play, program):
    program = dataclasses.replace(program, differentiate=())
    plain, y = without(program, "full"), program.exact("target").clamp(min=1.0)

    def law(plain):
        return plain.value + torch.where(y > 1, y * y.log() - y + 0.5 * (2 * math.pi * y).log(), 0.0)

    assert play.agree(program.with_options(full=True), "value", law, plain)


@given(st.data())
def test_poisson_nll_6_integer_counts_are_numbers(play, data):
    draw = some.Choices(data.draw)
    dtype, shape = draw(some.DTYPES), some.shape(draw)
    input, target = some.tensor(draw, dtype, shape, "near"), some.indices(draw, shape, 7)
    program = some.loss_program(draw, "poisson_nll", {"input": input, "target": target}, draw(MOSTLY_FULL))
    floating = program.with_tensors(target=some.rounded(dtype, shape, target.data))

    assert play.agree(program, "value", lambda floating: floating.value, floating)


@given(programs(reduction="none", spread="near"))
def test_poisson_nll_7_gradient(play, program):
    program = sloping(program)
    x, y = program.exact("input"), program.exact("target")

    def law():
        return slopes(program, "input", x.exp() - y if is_log(program) else 1 - y / (x + eps(program)))

    assert play.agree(program, "grad input", law)


@given(
    st.one_of(programs(reduction="none", spread="near"), programs(modes=RATES, reduction="none", spread="near")),
    st.integers(0, 300),
)
def test_poisson_nll_8_gradient_of_the_target(play, program, place):
    program = sloping(program)
    if program.tensors["target"].data:
        program = program.with_tensors(target=some.planted(program.tensors["target"], place, 0.0))
    x, y = program.exact("input"), program.exact("target")

    def law():
        slope = -x if is_log(program) else -(x + eps(program)).log()
        large = y > 1
        if program.options.get("full"):
            above = torch.where(large, y, 1.0)
            slope = slope + torch.where(large, above.log() + 1 / (2 * above), 0.0)
        return slopes(program, "target", slope)

    assert play.agree(program, "grad target", law)


@given(programs(reduction="none"))
def test_poisson_nll_9_a_certain_count_of_zero(play, program):
    rate = some.changed(some.separate(program.tensors["input"]), lambda _: -math.inf if is_log(program) else 0.0)
    count = some.changed(some.separate(program.tensors["target"]), lambda _: 0.0)
    certain = program.with_tensors(input=rate, target=count).with_options(eps=0.0)
    certain = dataclasses.replace(certain, differentiate=("input",))

    assert (play(certain).value == 0).all()
    assert play.agree(certain, "grad input", slopes(certain, "input", torch.tensor(0.0 if is_log(program) else 1.0)))


@given(programs(reduction="none"), st.sampled_from(["input", "target"]), st.integers(0, 300))
def test_poisson_nll_10_nan_gives_nan(play, program, name, place):
    assume(program.tensors[name].data)
    spoiled = program.with_tensors(**{name: some.planted(program.tensors[name], place, math.nan)})
    nan = spoiled.exact(name).isnan().broadcast_to(some.value_shape(spoiled))

    assert play(spoiled).value[nan].isnan().all()


@given(programs(modes=RATES, reduction="none"), st.sampled_from([-3.0, -math.inf, -16.0]), st.integers(0, 300))
def test_poisson_nll_10_negative_rates_give_nan(play, program, rate, place):
    assume(program.tensors["input"].data)
    spoiled = program.with_tensors(input=some.planted(program.tensors["input"], place, rate))
    negative = (spoiled.exact("input") == rate).broadcast_to(some.value_shape(spoiled))

    assert play(spoiled).value[negative].isnan().all()


@some.every
@given(SHAPES_APART, st.booleans(), some.DTYPES)
def test_poisson_nll_11_refuses_shapes_that_do_not_broadcast(play, shapes, swapped, dtype):
    left, right = (some.rounded(dtype, shape, [1.0] * math.prod(shape)) for shape in shapes[:: -1 if swapped else 1])

    assert play.refuses(LossProgram("poisson_nll", {}, {"input": left, "target": right}))


@given(programs(), NO_EPS)
def test_poisson_nll_12_refuses_a_negative_eps(play, program, number):
    assert play.refuses(dataclasses.replace(program.with_options(eps=number), differentiate=()))
