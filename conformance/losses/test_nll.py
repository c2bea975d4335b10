"""nll: the clauses of spec/losses/nll.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import LossProgram, TensorData

SCALES = some.one_of_these(2.0, 0.5, 4.0, 0.125)
# Shapes of an input and of a target that does not fit it.
SHAPES_APART = st.sampled_from(
    [
        ((2, 3), (3,)),
        ((2, 3), (2, 1)),
        ((2, 3), ()),
        ((2, 3, 4), (2,)),
        ((2, 3, 4), (2, 3)),
        ((2, 3, 4), (2, 4, 1)),
        ((2, 3, 2), (2, 3, 2)),
        ((3,), (3,)),
        ((1, 3), ()),
        ((0, 3), (2,)),
        ((), ()),
    ]
)
NO_WEIGHTS = ((2,), (4,), (), (1,), (3, 1), (1, 3), (0,))
NO_CLASSES = some.one_of_these(-1, 3, 4, -2, 255, -101, 2**40)
NO_INTEGERS = some.one_of_these(None, 1.5, math.nan, "none", 1.0)


@st.composite
def programs(draw, component="nll", *, reduction=None, batch=False, spread=None, plain=some.PLAIN):
    """Class numbers, targets of which some may be ignored, class weights."""
    draw = some.Choices(draw)
    dtype, shape = draw(some.DTYPES), some.class_shape(draw, batch)
    options, ignored = some.class_options(draw, dtype, shape[some.class_axis(shape)])
    # How inputs with four axes may lie in memory is left to loss.10.
    input = some.tensor(draw, dtype, shape, spread, plain, layouts=len(shape) < 4)
    target = some.class_targets(draw, shape, ignored)
    return some.loss_program(draw, component, {"input": input, "target": target}, options, reduction=reduction)


PROGRAMS = programs()
BATCHES = programs(reduction="none", batch=True)
UNREDUCED = programs(reduction="none")


def classes(program):
    return program.tensors["input"].shape[some.class_axis(program.tensors["input"].shape)]


def kept(program):
    """Where a target is not ignored."""
    return program.exact("target") != program.options.get("ignore_index", -100)


def weights(program):
    """The class weights in float64."""
    given = program.options.get("weight")
    return torch.ones(classes(program), dtype=torch.float64) if given is None else given.torch(torch.float64)


def weights_of_targets(program):
    """The weight of each target's class, 0 where it is ignored."""
    keep = kept(program)
    return torch.where(keep, weights(program)[torch.where(keep, program.exact("target"), 0)], 0.0)


def at_targets(program):
    """Where the input has the number of a target that is kept."""
    input, target = program.exact("input"), program.exact("target")
    axis = some.class_axis(input.shape)
    each = torch.arange(classes(program)).reshape(-1, *[1] * (input.dim() - axis - 1))
    return (target.unsqueeze(axis) == each) & kept(program).unsqueeze(axis)


def numbers_of_targets(program):
    """The input's number for each target, 0 where it is ignored."""
    return torch.where(at_targets(program), program.exact("input"), 0.0).sum(
        some.class_axis(program.exact("input").shape)
    )


def flat(program):
    """The samples of the program as a batch of shape (N, C)."""
    count = classes(program)

    def rows(tensor):
        tensor = tensor.movedim(some.class_axis(tensor.shape), -1)
        return tensor.reshape(math.prod(tensor.shape[:-1]), count)

    target = program.tensors["target"]
    flattened = rows if target.shape == program.tensors["input"].shape else torch.flatten
    return program.with_tensors(
        input=some.reshaped(program.tensors["input"], rows), target=some.reshaped(target, flattened)
    )


def poisoned(program, place, values):
    """The program with numbers of the input, where `place` is true, replaced by special values in turn."""
    counter = iter(range(10**6))
    numbers = [
        values[next(counter) % len(values)] if at else value
        for at, value in zip(place.flatten().tolist(), program.tensors["input"].data, strict=True)
    ]
    input = program.tensors["input"]
    return program.with_tensors(input=TensorData(input.dtype, input.shape, tuple(numbers)))


def small(target, dtype="int64", shape=(2, 3), component="nll", **options):
    """Two samples of three classes with these targets."""
    input = some.rounded("float64", shape, [0.5] * math.prod(shape))
    count = shape[:1] + shape[2:] if len(shape) > 1 else ()
    data = tuple(target) if isinstance(target, list) else (target,) * math.prod(count)
    return LossProgram(component, options, {"input": input, "target": TensorData(dtype, count, data)}, ("input",))


@given(UNREDUCED)
def test_nll_1_loss_is_minus_the_weighted_number_of_the_target(play, program):
    assert play.agree(program, "value", -weights_of_targets(program) * numbers_of_targets(program))


@given(PROGRAMS)
def test_nll_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(UNREDUCED)
def test_nll_2_classes_lie_along_the_second_axis(play, program):
    input = program.tensors["input"]
    axis = some.class_axis(input.shape)
    each = torch.arange(classes(program)).reshape(-1, *[1] * (len(input.shape) - axis - 1)).expand(input.shape)
    counting = LossProgram(
        "nll",
        {name: value for name, value in program.options.items() if name != "weight"},
        program.tensors | {"input": some.from_torch(each, program.dtype)},
    )
    value = play(counting).value

    assert (value == torch.where(kept(program), -program.exact("target"), 0)).all()
    assert value.shape == program.tensors["target"].shape


@given(PROGRAMS)
def test_nll_3_no_weights_are_weights_of_one(play, program):
    unweighted = dataclasses.replace(program, options={k: v for k, v in program.options.items() if k != "weight"})
    count = classes(program)
    ones = unweighted.with_options(weight=some.rounded(program.dtype, (count,), [1.0] * count))

    assert play.agree(unweighted, "value", lambda ones: ones.value, ones)


@given(programs(reduction="mean"))
def test_nll_4_mean_divides_by_the_weights_of_the_kept_targets(play, program):
    w, x = weights_of_targets(program), numbers_of_targets(program)

    assert play.agree(program, "value", lambda: -(w * x).sum() / w.sum())


@given(programs(batch=True))
def test_nll_5_ignored_samples_do_not_count(play, program):
    batch = flat(program)
    keep = kept(batch)
    if program.options.get("reduction") == "none":
        assert (play(batch).value[~keep] == 0).all()
        return
    rest = batch.with_tensors(**{name: some.reshaped(data, lambda t: t[keep]) for name, data in batch.tensors.items()})

    assert play.agree(batch, "value", lambda rest: rest.value, rest)


@given(programs(spread="near"), SCALES)
def test_nll_6_a_common_factor_of_the_weights(play, program, scale):
    assume("weight" in program.options)
    scaled = program.with_options(weight=some.changed(program.options["weight"], lambda w: scale * w))
    factor = 1 if program.options.get("reduction", "mean") == "mean" else scale

    assert play.agree(scaled, "value", lambda plain: factor * plain.value, program)


@given(PROGRAMS)
def test_nll_7_other_classes_do_not_matter(play, program):
    other = poisoned(program, ~at_targets(program), (math.nan, math.inf, -math.inf, 0.0))

    assert play.agree(other, "value", lambda plain: plain.value, program)


@given(PROGRAMS, st.integers(0, 5))
def test_nll_8_names_of_classes_do_not_matter(play, program, turn):
    count = classes(program)
    axis = some.class_axis(program.tensors["input"].shape)
    ignored = program.options.get("ignore_index", -100)

    def renamed(target):
        return torch.where((target >= 0) & (target < count), (target + turn) % count, target)

    options = {**program.options, "ignore_index": int(renamed(torch.tensor(ignored)))}
    if "weight" in options:
        options["weight"] = some.reshaped(options["weight"], lambda w: w.roll(turn))
    other = dataclasses.replace(
        program.with_tensors(
            input=some.reshaped(program.tensors["input"], lambda x: x.roll(turn, axis)),
            target=some.reshaped(program.tensors["target"], renamed),
        ),
        options=options,
    )

    assert play.agree(other, "value", lambda plain: plain.value, program)


@given(programs(batch=True))
def test_nll_9_more_axes_are_more_samples(play, program):
    batch = flat(program)
    shape = program.tensors["target"].shape if program.options.get("reduction") == "none" else ()

    assert play.agree(program, "value", lambda batch: batch.value.reshape(shape), batch)


@given(PROGRAMS)
def test_nll_10_one_sample_is_a_batch_of_one(play, program):
    batch = flat(program)
    assume(batch.tensors["target"].data)
    one = batch.with_tensors(
        input=some.reshaped(batch.tensors["input"], lambda t: t[0]),
        target=some.reshaped(batch.tensors["target"], lambda t: t[0]),
    )
    alone = batch.with_tensors(**{name: some.reshaped(data, lambda t: t[:1]) for name, data in batch.tensors.items()})

    assert play.agree(one, "value", lambda alone: alone.value.reshape(()), alone)
    if one.differentiate:
        assert play.agree(one, "grad input", lambda alone: alone.grad("input")[0], alone)


@given(programs(reduction="none", plain=(*some.SPECIAL, 1.0)))
def test_nll_11_gradient_is_minus_the_weight_at_the_target(play, program):
    unit = dataclasses.replace(program, differentiate=("input",))
    slope = -weights_of_targets(unit) * some.exact_upstream(unit, some.value_shape(unit))
    axis = some.class_axis(unit.tensors["input"].shape)

    assert play.agree(unit, "grad input", torch.where(at_targets(unit), slope.unsqueeze(axis), 0.0))


@given(programs(plain=(*some.SPECIAL, 1.0)), st.booleans())
def test_nll_12_gradient_of_ignored_samples_is_zero(play, program, every):
    unit = dataclasses.replace(program, differentiate=("input",))
    if every:
        ignored = program.options.get("ignore_index", -100)
        unit = unit.with_tensors(target=some.changed(unit.tensors["target"], lambda _: ignored))
    ignored = (~kept(unit)).unsqueeze(some.class_axis(unit.tensors["input"].shape)).expand(unit.tensors["input"].shape)

    assert (play(unit).grad("input")[ignored] == 0).all()


@given(programs(reduction="none"), st.booleans())
def test_nll_13_special_numbers_of_the_target(play, program, weightless):
    special = poisoned(program, at_targets(program), (math.nan, math.inf, -math.inf))
    if weightless:
        count = classes(program)
        special = special.with_options(weight=some.rounded(program.dtype, (count,), [c % 2 for c in range(count)]))
    w = weights_of_targets(special)

    assert play.agree(special, "value", torch.where(kept(special), -w * numbers_of_targets(special), 0.0))


@given(PROGRAMS, st.sampled_from(["mean", "sum"]), st.booleans())
def test_nll_14_nothing_is_kept(play, program, reduction, empty):
    ignored = program.options.get("ignore_index", -100)
    target = some.changed(program.tensors["target"], lambda _: ignored)
    nothing = program.with_tensors(target=target).with_options(reduction=reduction)
    if empty and len(program.tensors["input"].shape) > 1:
        nothing = nothing.with_tensors(
            **{name: some.reshaped(data, lambda t: t[:0]) for name, data in nothing.tensors.items()}
        )
    value = play(nothing).value

    assert value.isnan() if reduction == "mean" else value == 0


@given(PROGRAMS, st.sampled_from(["mean", "sum"]))
def test_nll_15_all_weights_are_zero(play, program, reduction):
    count = classes(program)
    weight = some.rounded(program.dtype, (count,), [0.0] * count)
    value = play(program.with_options(reduction=reduction, weight=weight)).value

    assert value.isnan() if reduction == "mean" else value == 0


@some.every
@given(NO_CLASSES, some.DTYPES, st.booleans())
def test_nll_16_refuses_targets_that_are_no_class(play, index, dtype, alone):
    program = small(index, shape=(3,)) if alone else small([0, index])

    assert play.refuses(program.with_tensors(input=dataclasses.replace(program.tensors["input"], dtype=dtype)))


@given(SHAPES_APART)
def test_nll_17_refuses_targets_of_another_shape(play, shapes):
    program = misshapen("nll", shapes)

    assert play.refuses(program)


@given(st.sampled_from([1, 5]))
def test_nll_17_refuses_a_batch_of_targets_for_one_sample(play, count):
    assert play.refuses(misshapen("nll", ((count,), (1,))))


def misshapen(component, shapes, target="int64"):
    input, index = shapes
    return LossProgram(
        component,
        {},
        {
            "input": TensorData("float64", input, (0.5,) * math.prod(input)),
            "target": some.rounded(target, index, [0] * math.prod(index)),
        },
    )


@some.every
@given(st.sampled_from(["float64", "float32", "bool"]), st.sampled_from([(2, 3), (3,), (2, 3, 2)]))
def test_nll_18_refuses_targets_that_are_no_integers(play, dtype, shape):
    value = False if dtype == "bool" else 0.0

    assert play.refuses(small(value, dtype, shape))


@given(some.DTYPES)
def test_nll_19_refuses_weights_of_another_shape(play, dtype):
    for shape in NO_WEIGHTS:
        program = small([0, 1], weight=some.rounded(dtype, shape, [1.0] * math.prod(shape)))

        assert play.refuses(program.with_tensors(input=dataclasses.replace(program.tensors["input"], dtype=dtype)))


@given(NO_INTEGERS)
def test_nll_20_refuses_an_ignore_index_that_is_no_integer(play, index):
    assert play.refuses(small([0, 1], ignore_index=index))
