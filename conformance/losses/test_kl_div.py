"""kl_div: the clauses of spec/losses/kl_div.md as properties of a backend."""

import dataclasses
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.losses.test_l1 import SHAPES_APART, repeats
from torchstone.conformance.program import LossProgram

LOGARITHMS = (0.0, -1.0, -0.5, -math.inf, -2.0, 0.5, -30.0, 3.0)
MODES = some.one_of_these({}, {"log_target": True}, {"log_target": False}, {"log_target": True})
NO_SHARE = some.one_of_these(math.nan, math.inf, -math.inf, 0.5)


@st.composite
def programs(draw, *, modes=MODES, reduction=None, batch=False, apart=some.RARELY, spread=None):
    """Any input, and for the target probabilities or logarithms, the zeros among them; at times a mean over rows."""
    draw = some.Choices(draw)
    dtype, whole, options = draw(some.DTYPES), some.shape(draw, min_dims=int(batch)), draw(modes)
    left, right = whole, whole
    if apart is not False and not batch and draw(apart):
        left, right = some.repeatable_pair(draw, whole)
    elif reduction is None and draw(some.RARELY):
        reduction = "batchmean"
    input = some.tensor(draw, dtype, left, spread)
    if options.get("log_target"):
        target = some.tensor(draw, dtype, right, "near", LOGARITHMS)
    else:
        target = some.unit_interval(draw, dtype, right)
    tensors = {"input": input, "target": target}
    return some.loss_program(draw, "kl_div", tensors, options, reduction=reduction, gradients=("input", "target"))


PLAIN = some.one_of_these({}, {"log_target": False})
LOG = some.one_of_these({"log_target": True})
PROGRAMS = programs()
BATCHES = programs(reduction="none", batch=True)


def is_log(program):
    return program.options.get("log_target", False)


def share(program):
    """The true probabilities, in float64."""
    y = program.exact("target")
    return y.exp() if is_log(program) else y


def everything(program):
    return dataclasses.replace(program, differentiate=("input", "target"))


def slopes(program, name, of):
    """The gradient of one tensor, where `of` are the slopes of the elements: added up where it was repeated."""
    u = some.exact_upstream(program, some.value_shape(program))
    return (u * of).sum_to_size(program.tensors[name].shape)


def one_hot(program):
    """The program as a batch of rows, with targets that are 1 for the class 0, 1, 2 ... of each row in turn."""
    x = program.exact("input")
    rows, count = x.shape[0], math.prod(x.shape[1:])
    index = torch.arange(rows) % max(1, count)
    target = torch.nn.functional.one_hot(index, max(1, count)).double()[:, :count]
    return index, program.with_tensors(
        input=some.reshaped(program.tensors["input"], lambda t: t.reshape(rows, count)),
        target=some.from_torch(target, program.dtype),
    )


@given(programs(modes=PLAIN, reduction="none"))
def test_kl_div_1_loss_of_probabilities(play, program):
    x, y = program.exact("input"), program.exact("target")

    assert play.agree(program, "value", lambda: torch.where(y == 0, 0.0, y * (torch.where(y == 0, 1, y).log() - x)))


@given(PROGRAMS)
def test_kl_div_1_agrees_with_the_reference(play, program):
    assert play.conforms(program)


@given(programs(modes=LOG, reduction="none"))
def test_kl_div_2_loss_of_logarithms(play, program):
    x, y = program.exact("input"), program.exact("target")

    assert play.agree(program, "value", lambda: torch.where(y == -math.inf, 0.0, y.exp() * (y - x)))


@given(programs(reduction="mean", apart=some.one_of_these(True)), some.one_of_these("mean", "mean", "sum"))
def test_kl_div_3_shapes_are_repeated_to_their_common_shape(play, program, reduction):
    assert repeats(play, program.with_options(reduction=reduction))


@given(programs(reduction="batchmean", apart=False))
def test_kl_div_4_batchmean_of_one_number_is_the_number(play, program):
    assume(program.tensors["input"].data)
    one = program.with_tensors(
        **{name: some.reshaped(data, lambda t: t.flatten()[0]) for name, data in program.tensors.items()}
    )

    assert play.agree(one, "value", lambda total: total.value, one.with_options(reduction="sum"))


@given(programs(reduction="batchmean", apart=False), st.sampled_from([False, False, True]))
def test_kl_div_4_batchmean_divides_by_the_length_of_the_first_axis(play, program, empty):
    if empty and program.tensors["input"].shape:
        program = program.with_tensors(
            **{n: some.reshaped(data, lambda t: t[:0]) for n, data in program.tensors.items()}
        )
    shape, total = program.tensors["input"].shape, program.with_options(reduction="sum")
    count = shape[0] if shape else 1

    assert play.agree(program, "value", lambda total: total.value / count, total)
    for name in program.differentiate if count else ():
        assert play.agree(program, f"grad {name}", lambda total, name=name: total.grad(name) / count, total)


@given(programs(modes=LOG, reduction="none", apart=False), st.sampled_from([0, 5, 6, 20]))
def test_kl_div_5_logarithms_near_each_other_lose_no_digits(play, program, shift):
    target = some.changed(some.separate(program.tensors["target"]), lambda v: v if abs(v) < 8 else 8.0)
    input = some.changed(target, lambda v: v * (1 + 2.0**-shift) if shift else v)
    near = dataclasses.replace(program.with_tensors(input=input, target=target), differentiate=())
    x, y = near.exact("input"), near.exact("target")

    assert play.agree(near, "value", lambda: y.exp() * (y - x))
    assert (play(near).value[x == y] == 0).all()


@given(programs(modes=PLAIN, reduction="none", batch=True), st.sampled_from(["batchmean", "sum"]))
def test_kl_div_6_one_hot_targets_give_nll(play, program, reduction):
    index, batch = one_hot(program)
    if not batch.tensors["input"].data:
        return
    nll = LossProgram(
        "nll",
        {"reduction": "mean" if reduction == "batchmean" else "sum"},
        {"input": batch.tensors["input"], "target": some.from_torch(index)},
    )

    assert play.agree(batch.with_options(reduction=reduction), "value", lambda nll: nll.value, nll)


@given(programs(reduction="none"))
def test_kl_div_7_gradient_is_minus_the_probability(play, program):
    program = everything(program)

    assert play.agree(program, "grad input", lambda: slopes(program, "input", -share(program)))


@given(programs(reduction="none", spread="near"))
def test_kl_div_8_gradient_of_the_target(play, program):
    program = everything(program)
    x, y = program.exact("input"), program.exact("target")

    def law():
        if is_log(program):
            return slopes(program, "target", torch.where(y == -math.inf, 0.0, y.exp() * (1 + y - x)))
        return slopes(program, "target", torch.where(y == 0, 0.0, torch.where(y == 0, 1.0, y).log() + 1 - x))

    assert play.agree(program, "grad target", law)


@given(programs(reduction="none", apart=False), NO_SHARE)
def test_kl_div_9_what_never_is_adds_nothing(play, program, number):
    program = everything(program)
    never = program.exact("target") == (-math.inf if is_log(program) else 0.0)
    input = [number if zero else x for zero, x in zip(never.flatten(), program.tensors["input"].data, strict=True)]
    program = program.with_tensors(input=some.rounded(program.dtype, never.shape, input))
    trace = play(program)

    assert (trace.value[never] == 0).all()
    assert all((trace.grad(name)[never] == 0).all() for name in program.differentiate)


@given(programs(reduction="none", apart=False), st.sampled_from([-math.inf, math.nan]))
def test_kl_div_10_an_impossible_event_that_happens(play, program, number):
    input = some.changed(some.separate(program.tensors["input"]), lambda _: number)
    impossible = dataclasses.replace(program.with_tensors(input=input), differentiate=())
    never = program.exact("target") == (-math.inf if is_log(program) else 0.0)

    assert play.agree(impossible, "value", torch.where(never, 0.0, abs(number)).double())


@given(PROGRAMS, st.sampled_from([-0.5, -1.0, math.nan]), st.integers(0, 300))
def test_kl_div_10_negative_probabilities_and_nan(play, program, number, place):
    if not program.tensors["target"].data or not math.prod(some.value_shape(program)):
        return
    spoiled = program.with_tensors(target=some.planted(program.tensors["target"], place, number))
    wrong = not is_log(program) or math.isnan(number)

    assert play(spoiled).value.isnan().any() if wrong else play.conforms(spoiled)


@some.every
@given(SHAPES_APART, st.booleans(), some.DTYPES)
def test_kl_div_11_refuses_shapes_that_do_not_broadcast(play, shapes, swapped, dtype):
    left, right = (some.rounded(dtype, shape, [1.0] * math.prod(shape)) for shape in shapes[:: -1 if swapped else 1])

    assert play.refuses(LossProgram("kl_div", {}, {"input": left, "target": right}))


@some.every
@given(st.sampled_from(["int64", "int32", "bool"]), st.sampled_from([(2, 2), (3,), ()]), st.booleans())
def test_kl_div_12_refuses_targets_of_integers(play, dtype, shape, log):
    count = math.prod(shape)
    tensors = {
        "input": some.rounded("float64", shape, [-1.0] * count),
        "target": some.rounded(dtype, shape, [1] * count),
    }

    assert play.refuses(LossProgram("kl_div", {"log_target": log}, tensors))
