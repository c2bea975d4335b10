"""gaussian_nll: the clauses of spec/losses/gaussian_nll.md as properties of a backend."""

import dataclasses
import math

from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import LossProgram

KINDS = some.one_of_these("whole", "axis", "whole", "last")
REPEATED = some.one_of_these("last", "axis", "last")
FULL = some.one_of_these({}, {"full": True}, {"full": False})
EPSILONS = some.one_of_these({}, {"eps": 0.5}, {"eps": 1e-3}, {}, {"eps": 1e-12}, {"eps": 2.0}, {"eps": 0.0})
AXES = some.one_of_these(0, 1, 2)
SCALES = some.one_of_these(2.0, 0.5, 4.0, 0.25)
NO_EPS = some.one_of_these(math.nan, -1e-6, -1.0, math.nan, -math.inf)
# Shapes of an input and of a variance that does not fit it.
VARIANCES_APART = st.sampled_from(
    [
        ((2, 3), (3,)),
        ((2, 3), (1,)),
        ((2, 3), (1, 1)),
        ((2, 3), (3, 2)),
        ((2, 3), (1, 2, 3)),
        ((2, 3), (2, 4)),
        ((2, 3, 4), (2,)),
        ((2, 3, 4), (3, 4)),
        ((2, 3, 4), (2, 1, 1)),
        ((), (1,)),
        ((3,), (2,)),
        ((1, 3), (2, 3)),
    ]
)
# Shapes of an input and of a target that does not fit into it.
TARGETS_APART = st.sampled_from(
    [((2, 3), (2,)), ((2, 3), (3, 2)), ((2, 3), (4, 3)), ((1, 3), (2, 3)), ((3,), (2, 3)), ((), (1,)), ((1,), (3,))]
)


def single(shape, axis):
    """The shape with an axis of length 1."""
    return tuple(1 if place == axis else n for place, n in enumerate(shape))


@st.composite
def programs(draw, *, reduction=None, batch=False, spread=None, plain=some.PLAIN, apart=True, kinds=KINDS, min_dims=0):
    """Means, numbers that are often equal to them, and variances of which some are 0, for each element or for many."""
    draw = some.Choices(draw)
    dtype, whole = draw(some.DTYPES), some.shape(draw, min_dims=max(min_dims, int(batch)))
    options = {**draw(FULL), **draw(EPSILONS)}
    axis = max(int(batch), draw(AXES))
    kind = draw(kinds) if apart and len(whole) > int(batch) else "whole"
    if kind == "last" and len(whole) > 1 and whole[-2] < 6 and draw(some.BOOLEANS):
        whole = (*whole[:-1], whole[-2])  # a row of variances could be taken for a column
    input = some.tensor(draw, dtype, whole, spread, plain)
    of = {"whole": whole, "axis": single(whole, axis), "last": whole[:-1]}[kind]
    var = some.changed(some.tensor(draw, dtype, of, spread, (0.0, 1.0, 2.0, 0.5)), abs)
    if options.get("eps") == 0:
        var = some.changed(var, lambda s: s or 1.0)
    if apart and draw(some.RARELY):
        target = some.tensor(draw, dtype, single(whole, axis), spread, plain)
    else:
        target = some.near(draw, input) if draw(some.BOOLEANS) else some.tensor(draw, dtype, whole, spread, plain)
    tensors = {"input": input, "target": target, "var": var}
    return some.loss_program(draw, "gaussian_nll", tensors, options, reduction=reduction, gradients=tuple(tensors))


PROGRAMS = programs()
BATCHES = programs(reduction="none", batch=True)


def value_shape(program):
    return program.tensors["input"].shape


def variance(program):
    """The variances that count, in float64, for each element."""
    shape, s = program.tensors["input"].shape, program.exact("var")
    s = s.unsqueeze(-1) if s.shape == shape[:-1] and s.shape != shape else s
    return s.clamp(min=program.options.get("eps", 1e-6)).expand(shape)


def error(program):
    return program.exact("input") - program.exact("target")


def everything(program):
    return dataclasses.replace(program, differentiate=("input", "target", "var"))


def slopes(program, name, of):
    """The gradient of one tensor, where `of` are the slopes of the elements."""
    shape = program.tensors[name].shape
    whole = value_shape(program)
    given = (some.exact_upstream(program, whole) * of).expand(whole)
    missing = name == "var" and shape == whole[:-1] and shape != whole
    return given.sum(-1) if missing else given.sum_to_size(shape)


def constant(data, value):
    return some.changed(some.separate(data), lambda _: value)


def small(shapes, **options):
    """Zeros and variances of one, in tensors of these shapes."""
    tensors = {
        name: some.rounded("float64", shape, [float(name == "var")] * math.prod(shape))
        for name, shape in zip(("input", "target", "var"), shapes, strict=True)
    }
    return LossProgram("gaussian_nll", options, tensors)


@given(programs(reduction="none"))
def test_gaussian_nll_1_loss_of_each_element(play, program):
    plain = program.with_options(full=False)

    assert play.agree(plain, "value", lambda: 0.5 * (variance(program).log() + error(program) ** 2 / variance(program)))


@given(PROGRAMS)
def test_gaussian_nll_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(programs(reduction="none"))
def test_gaussian_nll_2_full_adds_the_constant(play, program):
    plain, full = (program.with_options(full=full) for full in (False, True))

    assert play.agree(full, "value", lambda plain: plain.value + 0.5 * math.log(2 * math.pi), plain)


@given(programs(apart=False))
def test_gaussian_nll_3_a_variance_of_one_is_half_the_squared_error(play, program):
    options = {name: value for name, value in program.options.items() if name == "reduction"}
    tensors = {name: program.tensors[name] for name in ("input", "target")}
    one = dataclasses.replace(
        program, options=options, tensors={**tensors, "var": constant(program.tensors["var"], 1.0)}
    )
    mse = LossProgram("mse", options, tensors)

    assert play.agree(one, "value", lambda mse: 0.5 * mse.value, mse)


@given(programs(reduction="none", kinds=REPEATED, min_dims=2))
def test_gaussian_nll_4_variances_are_repeated_along_one_axis(play, program):
    shape, var = program.tensors["input"].shape, program.tensors["var"]
    rows = var.shape == shape[:-1] and var.shape != shape

    def whole(s):
        return (s.unsqueeze(-1) if rows else s).expand(shape)

    other = dataclasses.replace(program.with_tensors(var=some.reshaped(var, whole)), differentiate=())

    assert play.agree(program, "value", lambda other: other.value, other)


@given(programs(), st.integers(0, 2))
def test_gaussian_nll_5_targets_are_repeated_along_one_axis(play, program, axis):
    shape = program.tensors["input"].shape
    assume(len(shape) > axis and math.prod(shape))
    target = some.reshaped(program.tensors["target"], lambda t: t.expand(shape).narrow(axis, 0, 1))
    single = program.with_tensors(target=target)
    whole = dataclasses.replace(
        program.with_tensors(target=some.reshaped(target, lambda t: t.expand(shape))), differentiate=()
    )

    assert play.agree(single, "value", lambda whole: whole.value, whole)


@given(programs(apart=False))
def test_gaussian_nll_6_is_symmetric(play, program):
    swapped = program.with_tensors(input=program.tensors["target"], target=program.tensors["input"])

    assert play.agree(swapped, "value", lambda plain: plain.value, program)


@given(programs(reduction="none", spread="near"), SCALES)
def test_gaussian_nll_7_a_change_of_the_unit(play, program, scale):
    program = dataclasses.replace(program, differentiate=()).with_options(eps=program.options.get("eps", 0.125))
    factors = {"input": scale, "target": scale, "var": scale**2}
    tensors = {n: some.changed(data, lambda v, n=n: factors[n] * v) for n, data in program.tensors.items()}
    scaled = program.with_tensors(**tensors).with_options(eps=scale**2 * program.options["eps"])

    assert play.agree(scaled, "value", lambda plain: plain.value + math.log(scale), program)


@given(programs(reduction="none"))
def test_gaussian_nll_8_gradient_is_the_error_over_the_variance(play, program):
    program = everything(program)

    for name, sign in (("input", 1), ("target", -1)):
        assert play.agree(
            program,
            f"grad {name}",
            lambda name=name, sign=sign: slopes(program, name, sign * error(program) / variance(program)),
        )


@given(st.one_of(programs(reduction="none", spread="near", kinds=REPEATED), programs(reduction="none", spread="near")))
def test_gaussian_nll_9_gradient_of_the_variance(play, program):
    program = everything(program)

    def law():
        v = variance(program)
        return slopes(program, "var", 0.5 * (1 / v - error(program) ** 2 / v**2))

    assert play.agree(program, "grad var", law)


@given(
    programs(reduction="none", apart=False, spread="near", plain=some.SPECIAL),
    st.sampled_from(["input", "target"]),
    st.sampled_from([math.inf, -math.inf, math.nan]),
    st.integers(0, 300),
)
def test_gaussian_nll_10_special_values(play, program, name, number, place):
    assume(program.tensors[name].data)
    spoiled = some.planted(program.tensors[name], place, number)
    program = dataclasses.replace(program.with_tensors(**{name: spoiled}), differentiate=())

    assert play.agree(program, "value", lambda: _loss(program))


@given(programs(reduction="none", spread="near"), st.sampled_from([math.inf, math.nan]), st.integers(0, 300))
def test_gaussian_nll_10_special_variances(play, program, number, place):
    assume(program.tensors["var"].data)
    var = some.planted(program.tensors["var"], place, number)
    program = dataclasses.replace(program.with_tensors(var=var), differentiate=())

    assert play.agree(program, "value", lambda: _loss(program))


def _loss(program):
    loss = 0.5 * (variance(program).log() + error(program) ** 2 / variance(program))
    return loss + 0.5 * math.log(2 * math.pi) if program.options.get("full") else loss


@given(PROGRAMS, st.sampled_from([-1.0, -1e-3, -math.inf]), st.integers(0, 300))
def test_gaussian_nll_11_refuses_negative_variances(play, program, number, place):
    assume(program.tensors["var"].data)

    assert play.refuses(program.with_tensors(var=some.planted(program.tensors["var"], place, number)))


@given(VARIANCES_APART)
def test_gaussian_nll_12_refuses_variances_of_other_shapes(play, shapes):
    input, var = shapes

    assert play.refuses(small((input, input, var)))


@given(TARGETS_APART)
def test_gaussian_nll_13_refuses_targets_that_do_not_fit(play, shapes):
    input, target = shapes

    assert play.refuses(small((input, target, input)))


@given(programs(), NO_EPS)
def test_gaussian_nll_14_refuses_a_negative_eps(play, program, number):
    assert play.refuses(dataclasses.replace(program.with_options(eps=number), differentiate=()))
