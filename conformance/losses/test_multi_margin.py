"""multi_margin: the clauses of spec/losses/multi_margin.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_nll import NO_CLASSES, NO_WEIGHTS, misshapen, small, weights
from torchstone.conformance.program import LossProgram

POWERS = some.one_of_these({}, {"p": 2}, {"p": 1}, {"p": 2})
MARGINS = some.one_of_these({}, {"margin": 0.5}, {}, {"margin": 2.0}, {"margin": 0.0}, {"margin": -1.0})
SCALES = some.one_of_these(2.0, 0.5, 4.0, 0.125)
NO_POWERS = some.one_of_these(0, 3, -1, 1.5, math.nan, 2.5)
SHAPES_APART = st.sampled_from(
    [((2, 3), (3,)), ((2, 3), (2, 1)), ((2, 3), ()), ((2, 3, 4), (2, 4)), ((2, 3, 4), (2,)), ((3,), (3,)), ((), ())]
)


@st.composite
def programs(draw, *, reduction=None, batch=False, spread=None, plain=some.PLAIN, powers=POWERS):
    """Scores that are often at the margin, class indices, class weights."""
    draw = some.Choices(draw)
    dtype, count, samples = draw(some.DTYPES), draw(some.CLASSES), draw(some.SAMPLES)
    shape = (samples if samples * count <= 600 else 2, count)
    if not batch and draw(some.RARELY):
        shape = (count,)
    options = {**draw(powers), **draw(MARGINS)}
    if draw(some.BOOLEANS):
        options["weight"] = some.positive(draw, dtype, (count,))
    tensors = {
        "input": some.tensor(draw, dtype, shape, spread, plain),
        "target": some.class_targets(draw, shape, None),
    }
    return some.loss_program(draw, "multi_margin", tensors, options, reduction=reduction)


PROGRAMS = programs()
BATCHES = programs(reduction="none", batch=True)


def value_shape(program):
    return program.tensors["target"].shape


def without(program, *names):
    return dataclasses.replace(program, options={k: v for k, v in program.options.items() if k not in names})


def lead(program):
    """z of each class, 0 for the true one, and where a class is not the true one."""
    x, y = program.exact("input"), program.exact("target").unsqueeze(-1)
    others = torch.arange(classes(program)) != y
    return torch.where(others, program.options.get("margin", 1.0) - x.gather(-1, y) + x, 0.0), others


def classes(program):
    return program.tensors["input"].shape[-1]


def power(program):
    return program.options.get("p", 1)


def weights_of_targets(program):
    return weights(program)[program.exact("target")]


def shared(program):
    """The program as one sample, if it is one, and as a batch of one."""
    input, target = program.tensors["input"], program.tensors["target"]
    one = program.with_tensors(
        input=some.reshaped(input, lambda t: t.reshape(-1, classes(program))[0]),
        target=some.reshaped(target, lambda t: t.reshape(-1)[0]),
    )
    alone = program.with_tensors(
        input=some.reshaped(input, lambda t: t.reshape(-1, classes(program))[:1]),
        target=some.reshaped(target, lambda t: t.reshape(-1)[:1]),
    )
    return one, alone


@given(programs(reduction="none"))
def test_multi_margin_1_loss_of_a_sample(play, program):
    def law():
        z, _ = lead(program)
        return weights_of_targets(program) * (z.clamp(min=0.0) ** power(program)).sum(-1) / classes(program)

    assert play.agree(program, "value", law)


@given(PROGRAMS)
def test_multi_margin_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(PROGRAMS)
def test_multi_margin_2_no_weights_are_weights_of_one(play, program):
    unweighted, count = without(program, "weight"), classes(program)
    ones = unweighted.with_options(weight=some.rounded(program.dtype, (count,), [1.0] * count))

    assert play.agree(unweighted, "value", lambda ones: ones.value, ones)


@given(programs(spread="near"), SCALES)
def test_multi_margin_3_a_common_factor_of_the_weights(play, program, scale):
    assume("weight" in program.options and program.tensors["target"].data)
    scaled = program.with_options(weight=some.changed(program.options["weight"], lambda w: scale * w))

    assert play.agree(scaled, "value", lambda plain: scale * plain.value, program)


@given(programs(reduction="mean"))
def test_multi_margin_4_mean_divides_by_the_number_of_samples(play, program):
    each, count = program.with_options(reduction="none"), math.prod(value_shape(program))

    assert play.agree(program, "value", lambda each: each.value.sum() / count if count else math.nan, each)


@given(PROGRAMS)
def test_multi_margin_5_one_sample_is_a_batch_of_one(play, program):
    assume(program.tensors["target"].data)
    one, alone = shared(program)

    assert play.agree(one, "value", lambda alone: alone.value.reshape(()), alone)
    if one.differentiate:
        assert play.agree(one, "grad input", lambda alone: alone.grad("input")[0], alone)


@given(programs(reduction="none", spread="near"), SCALES)
def test_multi_margin_6_scales_with_the_scores_and_the_margin(play, program, scale):
    margin = scale * program.options.get("margin", 1.0)
    input = some.changed(program.tensors["input"], lambda v: scale * v)
    scaled = program.with_tensors(input=input).with_options(margin=margin)

    assert play.agree(scaled, "value", lambda plain: scale ** power(program) * plain.value, program)


@given(PROGRAMS, st.integers(1, 5))
def test_multi_margin_7_names_of_classes_do_not_matter(play, program, turn):
    assume(program.tensors["target"].data)
    other = program.with_tensors(
        input=some.reshaped(program.tensors["input"], lambda x: x.roll(turn, -1)),
        target=some.reshaped(program.tensors["target"], lambda y: (y + turn) % classes(program)),
    )
    if "weight" in program.options:
        other = other.with_options(weight=some.reshaped(program.options["weight"], lambda w: w.roll(turn)))

    assert play.agree(other, "value", lambda plain: plain.value, program)


@given(programs(reduction="none"))
def test_multi_margin_8_gradient(play, program):
    program = dataclasses.replace(program, differentiate=("input",))

    def law():
        z, others = lead(program)
        slope = torch.where(z > 0, power(program) * z ** (power(program) - 1), 0.0)
        share = some.exact_upstream(program, value_shape(program)) * weights_of_targets(program) / classes(program)
        slope = share.unsqueeze(-1) * slope
        return torch.where(others, slope, -slope.sum(-1, keepdim=True))

    assert play.agree(program, "grad input", law)


@given(programs(reduction="none"))
def test_multi_margin_9_gradient_at_the_margin_is_zero(play, program):
    input = some.changed(some.separate(program.tensors["input"]), lambda _: 0.5)
    tied = dataclasses.replace(
        program.with_tensors(input=input).with_options(margin=0.0, p=1), differentiate=("input",)
    )
    trace = play(tied)

    assert (trace.value == 0).all()
    assert (trace.grad("input") == 0).all()


@given(programs(reduction="none", spread="near"), st.integers(0, 300))
def test_multi_margin_10_nan_gives_nan(play, program, place):
    assume(program.tensors["target"].data and classes(program) > 1)
    spoiled = program.with_tensors(input=some.planted(program.tensors["input"], place, math.nan))

    assert play(spoiled).value[spoiled.exact("input").isnan().any(-1)].isnan().all()


@given(programs(reduction="none", spread="near"), st.sampled_from([math.inf, -math.inf]), st.booleans())
def test_multi_margin_11_infinite_scores(play, program, number, of_the_target):
    assume(program.tensors["target"].data)
    program = dataclasses.replace(without(program, "weight"), differentiate=())
    _, others = lead(program)
    x = torch.where(others != of_the_target, number, program.exact("input"))
    infinite = program.with_tensors(input=some.from_torch(x, program.dtype))
    alone = classes(program) == 1
    beyond = not alone and (number < 0) == of_the_target

    assert (play(infinite).value == (math.inf if beyond else 0.0)).all() or alone


@given(programs(reduction="none", spread="near"), st.sampled_from([math.inf, -math.inf]))
def test_multi_margin_11_equal_infinities_give_nan(play, program, number):
    assume(program.tensors["target"].data and classes(program) > 1)
    input = some.changed(some.separate(program.tensors["input"]), lambda _: number)

    assert play(without(program, "weight").with_tensors(input=input)).value.isnan().all()


@some.every
@given(NO_CLASSES, st.booleans())
def test_multi_margin_12_refuses_targets_that_are_no_class(play, index, alone):
    assert play.refuses(
        small(index, shape=(3,), component="multi_margin") if alone else small([0, index], component="multi_margin")
    )


@given(SHAPES_APART)
def test_multi_margin_13_refuses_targets_of_another_shape(play, shapes):
    assert play.refuses(misshapen("multi_margin", shapes))


@given(st.sampled_from([((2, 3, 4), (2, 3)), ((2, 2, 3), (2, 2)), ((1, 1, 1), (1, 1))]))
def test_multi_margin_13_refuses_inputs_of_three_dimensions(play, shapes):
    assert play.refuses(misshapen("multi_margin", shapes))


@given(st.sampled_from([((3,), (1,)), ((1, 3), ())]))
def test_multi_margin_13_refuses_a_batch_for_one_sample(play, shapes):
    assert play.refuses(misshapen("multi_margin", shapes))


@given(st.sampled_from(["float64", "float32", "bool"]), st.sampled_from([(2, 3), (3,)]))
def test_multi_margin_14_refuses_targets_that_are_no_integers(play, dtype, shape):
    assert play.refuses(small(False if dtype == "bool" else 0.0, dtype, shape, "multi_margin"))


@given(some.DTYPES)
def test_multi_margin_15_refuses_weights_of_another_shape(play, dtype):
    for shape in NO_WEIGHTS:
        weight = some.rounded(dtype, shape, [1.0] * math.prod(shape))
        program = small([0, 1], component="multi_margin", weight=weight)

        assert play.refuses(program.with_tensors(input=dataclasses.replace(program.tensors["input"], dtype=dtype)))


@given(NO_POWERS)
def test_multi_margin_16_refuses_other_powers(play, p):
    program = small([0, 1], component="multi_margin", p=p)

    assert play.refuses(LossProgram(program.component, program.options, program.tensors))
