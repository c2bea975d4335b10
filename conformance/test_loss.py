"""What all losses share: the clauses of spec/loss.md, over every component."""

import dataclasses
import itertools
import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import clauses
from torchstone.conformance import strategies as some
from torchstone.conformance.program import LossProgram, TensorData, is_float

CLASSES = ("nll", "cross_entropy")
RELAID = st.sampled_from(["transposed", "strided", "contiguous"])


def parameter(component, name):
    """The row of the component's parameter table with this name; None if there is no such row."""
    return next((each for each in clauses.component(component).parameters if each.name == name), None)


def is_loss(component):
    """Whether the component has a reduction: softmax and its like have none."""
    return parameter(component, "reduction") is not None


def losses_only(component):
    if not is_loss(component):
        pytest.skip("no reduction")


def of(data, component):
    return data.draw(some.programs_of(component))


def batch_of(data, component):
    if not hasattr(some.tests_of(component), "BATCHES"):
        pytest.skip("its samples do not lie along the first axis of its tensors: a clause of its own says this")
    return data.draw(some.batches_of(component))


def reduced(program, reduction):
    """The program with this reduction, where the component has one."""
    return program.with_options(reduction=reduction) if is_loss(program.component) else program


def divisor(program):
    """What the mean divides by; None where it is no single number."""
    own = getattr(some.tests_of(program.component), "divisor", None)
    if own:
        return own(program)
    if program.component not in CLASSES or is_float(program.tensors["target"].dtype):
        return float(math.prod(some.value_shape(program)))
    target = program.exact("target")
    kept = target != program.options.get("ignore_index", -100)
    if "weight" not in program.options:
        return float(kept.sum())
    weight = program.options["weight"].torch(torch.float64)
    return float(torch.where(kept, weight[torch.where(kept, target, 0)], 0.0).sum())


def each_tensor(program, change, *, weights=True):
    """The program with its tensors, and those among its options, put through a function of the data."""
    options = {
        name: change(value) if weights and isinstance(value, TensorData) else value
        for name, value in program.options.items()
    }
    tensors = {name: change(value) for name, value in program.tensors.items()}
    return dataclasses.replace(program, options=options, tensors=tensors)


def taken(program, rows):
    """The samples with these numbers along the first axis, each with its own upstream gradient and weights."""
    index = torch.tensor(rows, dtype=torch.int64)
    shape = some.value_shape(program)
    u = torch.tensor(program.upstream_for(math.prod(shape)), dtype=torch.float64).reshape(shape)
    upstream = tuple(u[index].flatten().tolist()) or (1.0,)
    weight = parameter(program.component, "weight")
    of_classes = weight is not None and "shape $(C)$" in weight.domain
    rows = dataclasses.replace(program, tensors=program.arguments, upstream=upstream)
    chosen = each_tensor(rows, lambda data: some.reshaped(data, lambda t: t[index]), weights=not of_classes)
    return chosen.with_tensors(**program.parameters)


def everything(program):
    """All gradients asked for: of what the component's tests say, and otherwise of every floating tensor."""
    names = getattr(some.tests_of(program.component), "DIFFERENTIABLE", tuple(program.tensors))
    floating = [name for name in names if is_float(program.tensors[name].dtype)]
    return dataclasses.replace(program, differentiate=tuple(floating))


def everything_of_samples(program):
    """The same without the gradients of parameters, which all samples share."""
    program = everything(program)
    return dataclasses.replace(
        program, differentiate=tuple(name for name in program.differentiate if name in program.arguments)
    )


def same(play, program, other, change=lambda tensor: tensor):
    """Whether the program gives what the other gives, put through a function."""
    for name in play(other).entries[0].tensors:
        assert play.agree(program, name, lambda trace, name=name: change(trace.entries[0].tensors[name]), other)


@given(data=st.data())
def test_loss_1_none_leaves_the_loss_unreduced(play, component, data):
    losses_only(component)
    program = reduced(of(data, component), "none")

    assert play(program).value.shape == some.value_shape(program)


@given(data=st.data())
def test_loss_2_sum_adds_up_what_none_gives(play, component, data):
    losses_only(component)
    program = of(data, component)

    assert play.agree(reduced(program, "sum"), "value", lambda each: each.value.sum(), reduced(program, "none"))


@given(data=st.data())
def test_loss_3_mean_is_the_sum_over_the_count(play, component, data):
    losses_only(component)
    program = of(data, component)
    count = divisor(program)
    if count is None:
        pytest.skip("every number has a divisor of its own: a clause of its own says this")

    assert play.agree(reduced(program, "mean"), "value", lambda total: total.value / count, reduced(program, "sum"))


@given(data=st.data())
def test_loss_3_mean_of_nothing_is_nan(play, component, data):
    losses_only(component)
    program = reduced(taken(batch_of(data, component), []), "mean")

    assert play(dataclasses.replace(program, differentiate=())).value.isnan()


@given(data=st.data())
def test_loss_4_refuses_other_reductions(play, component, data):
    losses_only(component)
    program = of(data, component)
    reduction = data.draw(st.sampled_from([None, "Mean", "avg", "", "batchmean", "elementwise_mean", "NONE", 0, True]))
    assume(reduction not in parameter(component, "reduction").domain.split(", "))

    assert play.refuses(dataclasses.replace(reduced(program, reduction), differentiate=()))


@given(data=st.data())
def test_loss_5_deprecated_flags_override_the_reduction(play, component, data):
    if "`size_average`" not in clauses.component(component).text:
        pytest.skip("younger than the flags")
    program = of(data, component)
    for average, reduce in itertools.product((None, True, False), repeat=2):
        flagged = program.with_options(size_average=average, reduce=reduce)
        if average is not None or reduce is not None:
            named = reduced(program, "none" if reduce is False else "sum" if average is False else "mean")

            assert play.agree(flagged, "value", lambda named: named.value, named)


@given(data=st.data())
def test_loss_6_the_default_is_mean(play, component, data):
    losses_only(component)
    named = reduced(of(data, component), "mean")
    options = {name: value for name, value in named.options.items() if name != "reduction"}

    assert play.agree(dataclasses.replace(named, options=options), "value", lambda named: named.value, named)


@given(data=st.data())
def test_loss_7_mean_and_sum_have_no_dimensions(play, component, data):
    losses_only(component)
    program = reduced(of(data, component), data.draw(st.sampled_from(["mean", "sum"])))

    assert play(program).value.shape == ()


@given(data=st.data())
def test_loss_8_dtype_is_that_of_the_tensors(play, component, data):
    program = everything(of(data, component))
    dtype = getattr(torch, program.dtype)

    assert all(tensor.dtype == dtype for tensor in play(program).entries[0].tensors.values())


@given(data=st.data())
def test_loss_9_gradients_have_the_shapes_of_their_tensors(play, component, data):
    program = everything(of(data, component))
    trace = play(program)

    assert all(trace.grad(name).shape == program.tensors[name].shape for name in program.differentiate)


@given(data=st.data())
def test_loss_10_layout_does_not_matter(play, component, data):
    program = everything(of(data, component))
    contiguous = each_tensor(program, some.separate)
    relaid = each_tensor(contiguous, lambda tensor: dataclasses.replace(tensor, layout=data.draw(RELAID)))

    same(play, relaid, contiguous)


@given(data=st.data())
def test_loss_10_broadcast_tensors_are_those_that_hold_the_same_numbers(play, component, data):
    program = everything(of(data, component))

    def repeated(tensor):
        if not tensor.shape or not tensor.data:
            return tensor
        first = tensor.data[: math.prod(tensor.shape[1:])]
        return TensorData(tensor.dtype, tensor.shape, tuple(first) * tensor.shape[0], "broadcast")

    broadcast = each_tensor(program, repeated)
    assume(not play.exact(broadcast).refusal)

    same(play, broadcast, each_tensor(broadcast, some.separate))


@given(data=st.data())
def test_loss_11_tensors_are_not_changed(play, component, data):
    # A backend looks at its own tensors after the call and raises `Broken` where one has changed.
    assert play(everything(of(data, component))).entries


@given(data=st.data())
def test_loss_12_gradient_is_odd_in_the_upstream_gradient(play, component, data):
    program = everything(of(data, component))
    opposite = dataclasses.replace(program, upstream=tuple(-u for u in program.upstream))
    trace, other = play(program), play(opposite)

    for name in program.differentiate:
        assert ((trace.grad(name) == -other.grad(name)) | trace.grad(name).isnan()).all()


@given(data=st.data())
def test_loss_12_gradient_is_additive_in_the_upstream_gradient(play, component, data):
    program = everything(reduced(of(data, component), "none"))
    count = math.prod(some.value_shape(program))
    u = program.upstream_for(count)
    parts = [tuple(v if i % 2 == half else 0.0 for i, v in enumerate(u)) or (1.0,) for half in (0, 1)]
    unit = dataclasses.replace(program, upstream=(1.0,))
    # What overflows is not known, nor what is divided by an option that underflows in the dtype.
    assume(not any(tensor.isinf().any() for tensor in play(unit).entries[0].tensors.values()))
    assume(all(tensor.isfinite().all() for tensor in play.exact(unit, None).entries[0].tensors.values()))
    one, two = (dataclasses.replace(program, upstream=part) for part in parts)
    traces = play(one), play(two)

    for name in program.differentiate:
        assert not any(trace.grad(name).isnan().any() for trace in traces)
        assert play.agree(
            program, f"grad {name}", lambda one, two, name=name: one.grad(name) + two.grad(name), one, two
        )


@given(data=st.data())
def test_loss_12_gradient_is_the_limit_of_central_differences(play, component, data):
    if hasattr(some.tests_of(component), "BEHIND"):
        pytest.skip("its gradient is that behind another component: a clause of its own says this")
    program = everything(of(data, component))
    assume(program.dtype == "float64" and program.differentiate)
    name = data.draw(st.sampled_from(program.differentiate))
    tensor = some.separate(program.tensors[name])
    assume(tensor.data)
    place = data.draw(st.integers(0, 9)) % len(tensor.data)
    x = tensor.data[place]
    assume(math.isfinite(x))
    h = 2.0**-17 * (abs(x) if abs(x) > 1e-300 else 1.0)
    moved = (x - h, x + h)
    around = [program.with_tensors(**{name: some.planted(tensor, place, each)}) for each in moved]
    exact = [play.exact(each) for each in (program, *around)]
    # Beyond the edge of a domain and beyond infinity there is nothing to compare.
    assume(not any(trace.refusal for trace in exact))
    assume(all(tensor.isfinite().all() for trace in exact for tensor in trace.entries[0].tensors.values()))
    u = torch.tensor(program.upstream_for(exact[0].value.numel()), dtype=torch.float64)

    def slope(left, right):
        return ((right.value - left.value).flatten() * u).sum() / (moved[1] - moved[0])

    # How far the difference is off for the size of its step, and for what the page says where it has a kink.
    off = exact[0].grad(name).flatten()[place] - slope(*exact[1:])

    def law(here, left, right):
        others = torch.arange(len(tensor.data)) != place
        return torch.where(others, here.grad(name).flatten(), slope(left, right) + off).view(tensor.shape)

    assert play.agree(program, f"grad {name}", law, program, *around)


@given(data=st.data())
def test_loss_13_gradient_of_sum_and_mean(play, component, data):
    losses_only(component)
    u = data.draw(st.sampled_from([1.0, -2.0, 0.5, 3.0]))
    program = dataclasses.replace(everything(of(data, component)), upstream=(u,))
    each, total, mean = (reduced(program, reduction) for reduction in ("none", "sum", "mean"))
    trace, count = play(each), divisor(program)
    # What overflows before it is divided is not known.
    assume(all(trace.grad(name).isfinite().all() for name in program.differentiate))

    for name in program.differentiate:
        assert play.agree(total, f"grad {name}", lambda each, name=name: each.grad(name), each)
        if count:
            assert play.agree(mean, f"grad {name}", lambda each, name=name: each.grad(name) / count, each)


@given(data=st.data())
def test_loss_14_order_of_the_samples_does_not_matter(play, component, data):
    program = everything_of_samples(batch_of(data, component))
    count = some.first(program).shape[0]
    turn = data.draw(st.integers(0, 5))
    rows = [(row + turn) % count for row in reversed(range(count))]
    permuted = taken(program, rows)

    same(play, permuted, program, lambda tensor: tensor[rows])
    if is_loss(component):
        for reduction in ("sum", "mean"):
            one, two = reduced(program, reduction), reduced(permuted, reduction)
            one, two = (dataclasses.replace(p, differentiate=()) for p in (one, two))

            assert play.agree(two, "value", lambda one: one.value, one)


@given(data=st.data())
def test_loss_15_a_batch_gives_the_values_of_its_parts(play, component, data):
    program = everything_of_samples(batch_of(data, component))
    count = some.first(program).shape[0]
    start = data.draw(st.integers(0, 3)) % count if count else 0
    rows = list(range(count))[start : start + data.draw(st.sampled_from([1, 2, 3]))]

    same(play, taken(program, rows), program, lambda tensor: tensor[rows])


@given(data=st.data())
def test_loss_15_large_batches_are_batches(play, component, data):
    program = everything_of_samples(batch_of(data, component))
    count = some.first(program).shape[0]
    assume(count)
    each = max(1, len(some.first(program).data) // count)
    rows = [row % count for row in range(1 + some.LARGE // each)]
    if data.draw(some.BOOLEANS):  # like beside like, so that no part has the mean of the whole
        rows.sort()
    large = taken(program, rows)

    same(play, large, program, lambda tensor: tensor[rows])
    if is_loss(component):
        large = dataclasses.replace(large, differentiate=())

        total, mean = (reduced(large, reduction) for reduction in ("sum", "mean"))
        count = play.exact(total).value / play.exact(mean).value

        assert play.agree(total, "value", lambda large: large.value.sum(), large)
        if count.isfinite():
            assert play.agree(mean, "value", lambda total: total.value / count, total)


@given(data=st.data())
def test_loss_15_nan_and_infinity_stay_in_their_sample(play, component, data):
    program = everything_of_samples(batch_of(data, component))
    count = some.first(program).shape[0]
    assume(count > 1 and some.first(program).data)
    each = len(some.first(program).data) // count
    row, value = data.draw(st.integers(0, count - 1)), data.draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    if component == "bce":
        assume("weight" in program.options)
        weight = some.planted(program.options["weight"], row * each, value)
        spoiled = program.with_options(weight=weight)
    else:
        name = next(iter(program.tensors))
        spoiled = program.with_tensors(**{name: some.planted(program.tensors[name], row * each, value)})

    for name in play(program).entries[0].tensors:

        def law(clean, spoiled, name=name):
            clean, spoiled = clean.entries[0].tensors[name], spoiled.entries[0].tensors[name]
            return torch.cat([clean[:row], spoiled[row : row + 1], clean[row + 1 :]])

        assert play.agree(spoiled, name, law, program, spoiled)


@given(data=st.data())
def test_loss_16_refuses_integers_alone(play, component, data):
    program = of(data, component)
    dtype = data.draw(st.sampled_from(["int64", "int32"]))

    def whole(tensor):
        if not is_float(tensor.dtype):
            return tensor
        return some.rounded(dtype, tensor.shape, [int(abs(v) >= 1) for v in tensor.data])

    options = {name: value for name, value in program.options.items() if not isinstance(value, TensorData)}
    tensors = {name: whole(tensor) for name, tensor in program.tensors.items()}

    assert play.refuses(LossProgram(component, options, tensors))


@given(data=st.data())
def test_loss_17_an_empty_batch_is_accepted(play, component, data):
    program = everything(taken(batch_of(data, component), []))
    trace = play(program)

    assert trace.value.shape == some.value_shape(program)
    assert all(trace.grad(name).shape == program.tensors[name].shape for name in program.differentiate)
