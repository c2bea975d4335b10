"""adaptive_log_softmax_with_loss: the clauses of its page as properties of a backend."""

import dataclasses
import itertools
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import LossProgram

COMPONENT = "adaptive_log_softmax_with_loss"
HEAD, BIAS = "head.weight", "head.bias"
FEATURES = some.one_of_these(2, 4, 1, 3, 2, 0)
CUTOFFS = some.one_of_these((1, 3), (2, 5), (1, 2), (2, 4, 6), (1, 2, 5, 9), (3, 20, 36), (1, 2, 3, 4))  # the last: n
DIVISORS = some.one_of_these(None, 2.0, 1.0, 4.0, 0.5, 1.5, 3.0, math.inf)
SPREADS = some.one_of_these("near", "spread")  # sums of larger numbers overflow, or not, in the order of their terms


@st.composite
def adaptive_programs(draw, /, *, batch=False, samples=some.SAMPLES, features=FEATURES, **fixed):
    """Features, classes that lie in few or in many of the clusters, and the matrices of head and clusters."""
    draw = some.Choices(draw)
    dtype, count, edges, divisor = draw(some.DTYPES), draw(features), draw(CUTOFFS), draw(DIVISORS)
    rows = (draw(samples),) if batch or not draw(some.RARELY) else ()
    options = {"in_features": count, "n_classes": edges[-1], "cutoffs": edges[:-1]}
    options |= {} if divisor is None else {"div_value": divisor}
    options |= {"head_bias": True} if draw(some.BOOLEANS) else {}
    classes = draw(some.one_of_these(edges[-1], edges[0], edges[1]))
    options |= fixed
    tensors = {"input": some.tensor(draw, dtype, (*rows, count), draw(SPREADS))}
    tensors["target"] = some.indices(draw, rows, classes)
    for name, shape in shapes(options).items():
        tensors[name] = some.tensor(draw, dtype, shape, draw(SPREADS))
    return LossProgram(COMPONENT, options, tensors, ("input", HEAD)[: draw(some.GRADIENTS)], some.upstream(draw))


def shapes(options):
    """The shape of every parameter."""
    cutoffs, count = [*options["cutoffs"], options["n_classes"]], options["in_features"]
    head = cutoffs[0] + len(cutoffs) - 1
    found = {HEAD: (head, count)} | ({BIAS: (head,)} if options.get("head_bias") else {})
    for i, (low, high) in enumerate(itertools.pairwise(cutoffs)):
        width = math.floor(count / options.get("div_value", 4.0) ** (i + 1))
        found |= {f"tail.{i}.0.weight": (width, count), f"tail.{i}.1.weight": (high - low, width)}
    return found


PROGRAMS = adaptive_programs()
BATCH = adaptive_programs(batch=True)
WIDE = adaptive_programs(batch=True, samples=some.one_of_these(3, 2, 17, 4, 1), features=some.one_of_these(4, 2, 8))


def value_shape(program):
    return ()


def said(trace, name):
    """What the loss gives beside its value."""
    return trace.entries[0].tensors[name]


def log_probabilities(program):
    """The log probability of every class, in float64, for a batch of all samples."""
    x, cutoffs = torch.atleast_2d(program.exact("input")), program.options["cutoffs"]
    head = x @ program.exact(HEAD).T + (program.exact(BIAS) if BIAS in program.tensors else 0)
    s0, parts = torch.log_softmax(head, 1), []
    for i in range(len(cutoffs)):
        z = x @ program.exact(f"tail.{i}.0.weight").T @ program.exact(f"tail.{i}.1.weight").T
        parts.append(torch.log_softmax(z, 1) + s0[:, cutoffs[0] + i].unsqueeze(1))
    return torch.cat([s0[:, : cutoffs[0]], *parts], 1)


def targets(program):
    return program.exact("target").reshape(-1, 1)


def everything(program):
    """All gradients asked for."""
    return dataclasses.replace(program, differentiate=tuple(name for name in program.tensors if name != "target"))


def rows(program, select):
    """The program with this selection of the samples."""
    return program.with_tensors(
        **{name: some.reshaped(data, select) for name, data in program.arguments.items()}, **program.parameters
    )


def small(target=(0, 4), input=(2, 2), shape=None, kind="int64", **options):
    """Two samples of two features in five classes, with cutoffs at 1 and 3 unless the options say otherwise."""
    options = {"in_features": 2, "n_classes": 5, "cutoffs": (1, 3), "div_value": 1.0, **options}
    shape = input[:-1] if shape is None else shape
    tensors = {
        "input": some.rounded("float64", input, [0.5] * math.prod(input)),
        "target": some.rounded(kind, shape, (list(target) * math.prod(shape))[: math.prod(shape)]),
    }
    parameters = shapes({**options, "cutoffs": (1, 3), "div_value": 1.0})
    tensors |= {name: some.rounded("float64", own, [1.0] * math.prod(own)) for name, own in parameters.items()}
    return LossProgram(COMPONENT, options, tensors, ("input",))


@given(PROGRAMS)
def test_adaptive_log_softmax_with_loss_1_output_is_the_log_probability_of_the_target(play, program):
    shape = program.tensors["target"].shape

    assert play.agree(program, "output", lambda: log_probabilities(program).gather(1, targets(program)).reshape(shape))


@given(PROGRAMS)
def test_adaptive_log_softmax_with_loss_1_agrees_with_the_reference(play, program):
    assert play.conforms(everything(program))


@given(PROGRAMS)
def test_adaptive_log_softmax_with_loss_2_loss_is_minus_the_mean_output(play, program):
    assert play(program).value.shape == ()
    assert play.agree(program, "value", lambda own: -said(own, "output").mean(), program)


@given(PROGRAMS)
def test_adaptive_log_softmax_with_loss_3_log_prob_is_that_of_every_class(play, program):
    assert play.agree(program, "log_prob", lambda: log_probabilities(program))


@given(PROGRAMS)
def test_adaptive_log_softmax_with_loss_4_probabilities_add_up_to_one(play, program):
    # One class is what the others leave: the law is judged where rounding can be judged, on log_prob itself.
    def law(own):
        total = torch.logsumexp(said(own, "log_prob"), 1, keepdim=True)
        return said(own, "log_prob") - total

    assert play.agree(program, "log_prob", law, program)


@given(PROGRAMS)
def test_adaptive_log_softmax_with_loss_5_output_is_read_off_log_prob(play, program):
    index, shape = targets(program), program.tensors["target"].shape

    assert play.agree(program, "output", lambda own: said(own, "log_prob").gather(1, index).reshape(shape), program)


@given(PROGRAMS)
def test_adaptive_log_softmax_with_loss_6_predicts_the_likeliest_class(play, program):
    assert play.agree(program, "predicted", lambda own: said(own, "log_prob").amax(1), program)


@given(BATCH, st.integers(0, 4))
def test_adaptive_log_softmax_with_loss_7_samples_do_not_know_of_each_other(play, program, turn):
    program = dataclasses.replace(program, differentiate=())
    count = program.tensors["input"].shape[0]
    order = [(row + turn) % count for row in reversed(range(count))][: 1 + count // 2]
    chosen = rows(program, lambda t: t[order])

    for name in ("output", "log_prob", "predicted"):
        assert play.agree(chosen, name, lambda whole, name=name: said(whole, name)[order], program)


@given(BATCH)
def test_adaptive_log_softmax_with_loss_8_one_sample_is_a_batch_of_one(play, program):
    assume(program.tensors["input"].shape[0])
    one, alone = rows(program, lambda t: t[0]), rows(program, lambda t: t[:1])

    assert play(one).entries[0].tensors["output"].shape == ()
    assert play.agree(one, "output", lambda alone: said(alone, "output").reshape(()), alone)
    for name in ("value", *(f"grad {name}" for name in one.differentiate)):
        shape = play(one).entries[0].tensors[name].shape

        assert play.agree(one, name, lambda alone, name=name, shape=shape: said(alone, name).reshape(shape), alone)


@given(adaptive_programs(batch=True, samples=some.one_of_these(0)))
def test_adaptive_log_softmax_with_loss_9_an_empty_batch(play, program):
    trace = play(everything(program))

    assert trace.value.isnan()
    assert said(trace, "output").shape == (0,)
    assert all((said(trace, name) == 0).all() for name in trace.entries[0].tensors if name.startswith("grad"))


@given(PROGRAMS)
def test_adaptive_log_softmax_with_loss_10_has_these_parameters(play, program):
    # A backend that puts the program's parameters in place raises `Broken` where it has others.
    assert play(program).entries


@given(adaptive_programs(div_value=math.inf))
def test_adaptive_log_softmax_with_loss_11_clusters_without_features_are_uniform(play, program):
    first, edges = program.options["cutoffs"][0], [*program.options["cutoffs"], program.options["n_classes"]]

    def law(own):
        found = said(own, "log_prob")
        means = [found[:, a:b].mean(1, keepdim=True).expand(-1, b - a) for a, b in itertools.pairwise(edges)]
        return torch.cat([found[:, :first], *means], 1)

    assert play.agree(program, "log_prob", law, program)


@given(adaptive_programs(div_value=1.0), st.sampled_from([1.0, -2.0, 4.0]), st.integers(0, 2))
def test_adaptive_log_softmax_with_loss_12_shifting_all_rows_changes_nothing(play, program, shift, which):
    def quarters(data):
        return some.changed(some.separate(data), lambda x: max(-3.0, min(3.0, round(4 * x) / 4)))

    name = [HEAD, "tail.0.1.weight", f"tail.{len(program.options['cutoffs']) - 1}.1.weight"][which]
    exact = {own: quarters(program.tensors[own]) for own in ("input", *program.parameters)}
    here = program.with_tensors(**exact)
    there = here.with_tensors(**{name: some.changed(here.tensors[name], lambda w: w + shift)})

    assert play.agree(there, "log_prob", lambda here: said(here, "log_prob"), here)


@given(adaptive_programs(batch=True, features=some.one_of_these(1), div_value=1.0, head_bias=False))
def test_adaptive_log_softmax_with_loss_13_large_logits(play, program):
    # Nothing overflows here but an exponential that is taken of a logit as it is.
    largest = torch.finfo(getattr(torch, program.dtype)).max / 64

    def of(name, data):
        large = name == HEAD or name.endswith(".1.weight")
        numbers = [largest * (-1) ** i if large else 1.0 for i in range(len(data.data))]
        return some.rounded(data.dtype, data.shape, numbers)

    changed = {name: of(name, data) for name, data in program.tensors.items() if name != "target"}
    trace = play(dataclasses.replace(program.with_tensors(**changed), differentiate=()))

    assert said(trace, "log_prob").isfinite().all()
    assert said(trace, "output").isfinite().all()


@given(WIDE)
def test_adaptive_log_softmax_with_loss_14_gradients(play, program):
    unit, cutoffs = everything(program), [*program.options["cutoffs"], program.options["n_classes"]]
    x, y = unit.exact("input"), unit.exact("target")
    matrices = [(unit.exact(f"tail.{i}.0.weight"), unit.exact(f"tail.{i}.1.weight")) for i in range(len(cutoffs) - 1)]
    clusters = [(y >= low) & (y < high) for low, high in itertools.pairwise(cutoffs)]
    place = y.clone()
    for i, there in enumerate(clusters):
        place[there] = cutoffs[0] + i

    def slope(z, index, there):
        """The gradient of minus the mean log probability of these rows, in the logits of one softmax."""
        one_hot = torch.arange(z.shape[1]) == index.unsqueeze(1)
        delta = (torch.softmax(z, 1) - one_hot.double()) * some.exact_upstream(unit, ()) / max(1, len(y))
        return torch.where(there.unsqueeze(1), delta, 0.0)

    def head():
        bias = unit.exact(BIAS) if BIAS in unit.tensors else 0
        return slope(x @ unit.exact(HEAD).T + bias, place, torch.ones_like(y, dtype=torch.bool))

    def cluster(i):
        (a, b), there = matrices[i], clusters[i]
        return slope(x @ a.T @ b.T, y - cutoffs[i], there)

    def of_input():
        found = head() @ unit.exact(HEAD)
        for i, (a, b) in enumerate(matrices):
            found = found + cluster(i) @ b @ a
        return found

    assert play.agree(unit, f"grad {HEAD}", lambda: head().T @ x)
    assert play.agree(unit, "grad input", of_input)
    if BIAS in unit.tensors:
        assert play.agree(unit, f"grad {BIAS}", lambda: head().sum(0))
    for i, (a, b) in enumerate(matrices):
        assert play.agree(unit, f"grad tail.{i}.1.weight", lambda i=i, a=a: cluster(i).T @ (x @ a.T))
        assert play.agree(unit, f"grad tail.{i}.0.weight", lambda i=i, b=b: (cluster(i) @ b).T @ x)


@given(BATCH, st.integers(0, 3))
def test_adaptive_log_softmax_with_loss_15_clusters_without_a_target_have_no_gradient(play, program, which):
    edges = [*program.options["cutoffs"], program.options["n_classes"]]
    i = which % (len(edges) - 1)
    elsewhere = some.changed(program.tensors["target"], lambda y: 0 if edges[i] <= y < edges[i + 1] else y)
    trace = play(everything(program.with_tensors(target=elsewhere)))
    assume(elsewhere.data)

    assert (trace.grad(f"tail.{i}.0.weight") == 0).all()
    assert (trace.grad(f"tail.{i}.1.weight") == 0).all()


@given(adaptive_programs(batch=True, features=some.one_of_these(2, 4)), st.integers(0, 40))
def test_adaptive_log_softmax_with_loss_16_nan_stays_in_its_sample(play, program, place):
    assume(program.tensors["input"].data)
    program = dataclasses.replace(program, differentiate=())
    input = some.separate(program.tensors["input"])
    spoiled = program.with_tensors(input=some.planted(input, place, math.nan))
    there = torch.arange(input.shape[0]) == place % len(input.data) // input.shape[1]

    assert play(spoiled).value.isnan()
    assert play.agree(spoiled, "output", lambda plain: torch.where(there, math.nan, said(plain, "output")), program)


@some.every
@given(
    st.sampled_from(
        [(), (0, 3), (3, 1), (1, 1), (1, 5), (1, 6), (-1, 3), (1, 2.5), (0,), (5,), (math.nan, 3), (1, 3, 3)]
    )
)
def test_adaptive_log_softmax_with_loss_17_refuses_cutoffs_that_do_not_increase(play, cutoffs):
    assert play.refuses(small(cutoffs=cutoffs))


@given(st.sampled_from([5, -1, 6, -100, 2**40]), st.booleans())
def test_adaptive_log_softmax_with_loss_18_refuses_targets_that_are_no_class(play, index, alone):
    assert play.refuses(small([index], (2,)) if alone else small([0, index]))


@some.every
@given(
    st.sampled_from(
        [
            ((2, 2), (3,)),
            ((2, 2), ()),
            ((2, 2), (2, 1)),
            ((2,), (1,)),
            ((1, 2), ()),
            ((2, 3), (2,)),
            ((2, 2, 2), (2, 2)),
        ]
    )
)
def test_adaptive_log_softmax_with_loss_19_refuses_other_shapes(play, shapes):
    input, shape = shapes

    assert play.refuses(small(input=input, shape=shape))


@given(st.sampled_from([-1.0, -4.0, math.nan, -math.inf]))
def test_adaptive_log_softmax_with_loss_20_refuses_a_div_value_below_zero(play, divisor):
    assert play.refuses(small(div_value=divisor))


@given(st.sampled_from([0.0, -0.0]))
def test_adaptive_log_softmax_with_loss_20_refuses_a_div_value_of_zero(play, divisor):
    assert play.refuses(small(div_value=divisor))
