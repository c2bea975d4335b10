"""ctc: the clauses of spec/losses/ctc.md as properties of a backend."""

import dataclasses
import itertools
import math

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import LossProgram, TensorData

FRAMES = some.one_of_these(3, 2, 4, 1, 5, 2)
LONGER = some.one_of_these(3, 2, 4, 1, 5, 2, 20)
COUNTS = some.one_of_these(2, 3, 1, 2, 0)
CLASSES = some.one_of_these(3, 2, 4, 3)
LENGTHS = some.one_of_these(1, 2, 0, 3, 2)
SHORTER = some.one_of_these(0, 0, 1, 2, 0)
BLANKS = some.one_of_these(None, 0, 1, 2, None)
FORMS = some.one_of_these("padded", "concatenated", "padded")
ZEROED = some.one_of_these({}, {"zero_infinity": True}, {"zero_infinity": False})
PADDING = some.one_of_these(0, -1, 99)


@st.composite
def programs(draw, *, reduction=None, form=None, alone=False, options=True, normal=True, frames=FRAMES):
    """Frames of log probabilities, or of any numbers, labels that often do not fit, padding of any kind."""
    draw = some.Choices(draw)
    dtype, frames, classes = draw(some.DTYPES), draw(frames), draw(CLASSES)
    samples = 1 if alone else draw(COUNTS)
    found = draw(ZEROED) if options else {}
    blank = draw(BLANKS) if options else None
    if blank is not None and blank < classes:
        found = {**found, "blank": blank}
    among = [c for c in range(classes) if c != found.get("blank", 0)]
    input_lengths = [max(0, frames - draw(SHORTER)) for _ in range(samples)]
    target_lengths = [draw(LENGTHS) for _ in range(samples)]
    width, filling = max(target_lengths, default=0) + draw(some.BOOLEANS), draw(PADDING)
    rows = [some.picks(draw, n, among) for n in target_lengths]
    if (form or draw(FORMS)) == "padded":
        padded = [label for row in rows for label in [*row, *[filling] * (width - len(row))]]
        target = TensorData("int64", (samples, width), tuple(padded))
    else:
        target = TensorData("int64", (sum(target_lengths),), tuple(itertools.chain(*rows)))
    x = some.tensor(draw, dtype, (frames, samples, classes), "near")
    tensors = {
        "input": normalised(x) if normal else x,
        "target": target,
        "input_lengths": TensorData("int64", (samples,), tuple(input_lengths)),
        "target_lengths": TensorData("int64", (samples,), tuple(target_lengths)),
    }
    program = some.loss_program(draw, "ctc", tensors, found, reduction=reduction)
    return sample(program, 0) if alone or (samples and options and draw(some.RARELY)) else program


def normalised(logits):
    """The log_softmax of logits, in their dtype and layout."""
    x = some.from_torch(logits.torch(torch.float64).log_softmax(-1), logits.dtype)
    return dataclasses.replace(x, layout=logits.layout)


BEHIND = "log_softmax"  # whose input is what the gradient is specified for (ctc.11)
PROGRAMS = programs(frames=LONGER)  # too long for alignments to be enumerated


def value_shape(program):
    shape = program.tensors["input"].shape
    return shape[1:2] if len(shape) == 3 else ()


def divisor(program):
    """Nothing that the sum could be divided by: every loss has a divisor of its own."""


def lengths(program, name):
    return list(program.tensors[name].data)


def rows(program):
    """The labels of each sample."""
    target, counts = program.tensors["target"], lengths(program, "target_lengths")
    if len(target.shape) == 2:
        width = target.shape[1]
        return [list(target.data[n * width : n * width + count]) for n, count in enumerate(counts)]
    ends = list(itertools.accumulate(counts))
    return [list(target.data[end - count : end]) for end, count in zip(ends, counts, strict=True)]


def fits(program):
    """Whether there is an alignment, for each sample."""
    counts = [len(row) + sum(a == b for a, b in itertools.pairwise(row)) for row in rows(program)]
    return torch.tensor(
        [need <= n for need, n in zip(counts, lengths(program, "input_lengths"), strict=True)], dtype=torch.bool
    )


def batch(program):
    """The input with an axis of the samples, in float64."""
    x = program.exact("input")
    return x if x.dim() == 3 else x.unsqueeze(1)


def sample(program, n):
    """One sample of the program, without an axis of the samples and without padding."""
    row = rows(program)[n]
    u = program.upstream_for(len(rows(program)))[n]
    tensors = {
        "input": some.reshaped(program.tensors["input"], lambda t: t[:, n]),
        "target": TensorData("int64", (len(row),), tuple(row)),
        "input_lengths": TensorData("int64", (), (program.tensors["input_lengths"].data[n],)),
        "target_lengths": TensorData("int64", (), (len(row),)),
    }
    return dataclasses.replace(program, tensors=tensors, upstream=(u,))


def read(alignment, blank):
    """What an alignment reads as: equal neighbours merged, then blanks removed."""
    return [label for label, _ in itertools.groupby(alignment) if label != blank]


def alignments(program, n):
    """All alignments of a sample, as indices of classes: one row each."""
    classes, blank = batch(program).shape[2], program.options.get("blank", 0)
    frames = lengths(program, "input_lengths")[n]
    found = [a for a in itertools.product(range(classes), repeat=frames) if read(a, blank) == rows(program)[n]]
    return torch.tensor(found, dtype=torch.int64).reshape(len(found), frames)


def enumerated(program):
    """The loss of every sample, over its alignments one by one."""
    x, found = batch(program), []
    for n in range(x.shape[1]):
        paths = alignments(program, n)
        logs = x[: paths.shape[1], n].T[paths, torch.arange(paths.shape[1])].sum(-1)
        found.append(-torch.logsumexp(logs, 0) if len(paths) else torch.tensor(math.inf, dtype=torch.float64))
    return torch.stack(found).reshape(value_shape(program)) if found else torch.zeros(0, dtype=torch.float64)


def through(program, frame):
    """Each sample once for every class, which is the only one that this frame can have."""
    x = batch(program)
    frames, samples, classes = x.shape
    only = torch.eye(classes, dtype=torch.bool).repeat(samples, 1)
    at = torch.arange(frames).reshape(-1, 1, 1) == frame
    forced = torch.where(~at | only, x.repeat_interleave(classes, 1), -math.inf)
    found = [row for row in rows(program) for _ in range(classes)]
    tensors = {
        "input": some.from_torch(forced, program.dtype),
        "target": whole(*itertools.chain(*found)),
        "input_lengths": whole(*(n for n in lengths(program, "input_lengths") for _ in range(classes))),
        "target_lengths": whole(*map(len, found)),
    }
    return without(dataclasses.replace(program, tensors=tensors, differentiate=()), "zero_infinity")


def sloped(program):
    return dataclasses.replace(program, differentiate=("input",))


def valued(program):
    return dataclasses.replace(program, differentiate=())


def without(program, *names):
    return dataclasses.replace(program, options={k: v for k, v in program.options.items() if k not in names})


def small(**changed):
    """Three frames, two samples, three classes."""
    tensors = {
        "input": some.rounded("float64", (3, 2, 3), [-1.0] * 18),
        "target": TensorData("int64", (2, 2), (1, 2, 2, 1)),
        "input_lengths": TensorData("int64", (2,), (3, 3)),
        "target_lengths": TensorData("int64", (2,), (2, 1)),
    }
    return LossProgram("ctc", {}, {**tensors, **changed})


def whole(*numbers, shape=None):
    return TensorData("int64", (len(numbers),) if shape is None else shape, numbers)


ONE = {"target": whole(1, 2, shape=(1, 2)), "input_lengths": whole(3), "target_lengths": whole(2)}


@given(programs(reduction="none", normal=False))
def test_ctc_1_sum_over_the_alignments(play, program):
    assert play.agree(valued(without(program, "zero_infinity")), "value", lambda: enumerated(program))


@given(PROGRAMS, st.sampled_from([500.0, 100.0, 20.0]))
def test_ctc_1_improbable_frames_have_a_finite_loss(play, program, less):
    moved = some.from_torch(program.exact("input") - less, program.dtype)
    assert play.conforms(valued(program.with_tensors(input=moved)))


@given(PROGRAMS)
def test_ctc_1_agrees_with_the_reference(play, program):
    assert play.conforms(valued(program))


@given(programs(reduction="none", alone=True, options=False, normal=False))
def test_ctc_2_probabilities_of_all_sequences_add_up(play, program):
    frames, classes = min(program.tensors["input_lengths"].data[0], 3), program.tensors["input"].shape[-1]
    sequences = sorted({tuple(read(a, 0)) for a in itertools.product(range(classes), repeat=frames)})
    count, width = len(sequences), frames
    padded = [label for row in sequences for label in [*row, *[0] * (width - len(row))]]
    x = some.reshaped(program.tensors["input"], lambda t: t[:frames].unsqueeze(1).expand(frames, count, classes))
    assume(frames)
    every = LossProgram(
        "ctc",
        {"reduction": "none"},
        {
            "input": x,
            "target": whole(*padded, shape=(count, width)),
            "input_lengths": whole(*[frames] * count),
            "target_lengths": whole(*map(len, sequences)),
        },
    )

    def law(every):
        p = torch.exp(-every.value)
        total = torch.exp(torch.tensor(x.data, dtype=torch.float64).reshape(x.shape)[:, 0]).sum(-1).prod()
        return -torch.log(total - (p.sum() - p))

    assert play.agree(every, "value", law, every)


@given(programs(reduction="none"), st.integers(1, 3))
def test_ctc_3_names_of_classes_do_not_matter(play, program, turn):
    classes = program.tensors["input"].shape[-1]
    blank = (program.options.get("blank", 0) + turn) % classes
    other = program.with_options(blank=blank).with_tensors(
        input=some.reshaped(program.tensors["input"], lambda x: x.roll(turn, -1)),
        target=some.reshaped(
            program.tensors["target"],
            lambda y: (
                torch.where((y >= 0) & (y < classes) & (y != program.options.get("blank", 0)), (y + turn), y) % classes
            ),
        ),
    )

    assert play.agree(valued(other), "value", lambda plain: plain.value, valued(program))


@given(
    programs(reduction="none", form="padded"), st.sampled_from([math.nan, 5.0, -math.inf]), st.sampled_from([-1, 77])
)
def test_ctc_4_what_lies_behind_does_not_matter(play, program, number, label):
    assume(len(program.tensors["input"].shape) == 3)
    ends = torch.tensor(lengths(program, "input_lengths"))
    frames, samples, classes = program.tensors["input"].shape
    behind = (torch.arange(frames).unsqueeze(1) >= ends).unsqueeze(-1)
    x = some.from_torch(torch.where(behind, number, program.exact("input")), program.dtype)
    y = program.exact("target")
    beyond = torch.arange(y.shape[1]) >= torch.tensor(lengths(program, "target_lengths")).unsqueeze(1)
    other = program.with_tensors(input=x, target=some.from_torch(torch.where(beyond, label, y)))

    assert play.agree(other, "value", lambda plain: plain.value, program)
    trace = play(sloped(other.with_options(zero_infinity=True)))
    assert (trace.grad("input")[behind.expand(frames, samples, classes)] == 0).all()


@given(programs(form="padded"))
def test_ctc_5_concatenated_targets_are_padded_ones(play, program):
    assume(len(program.tensors["input"].shape) == 3)
    joined = program.with_tensors(target=whole(*itertools.chain(*rows(program))))

    assert play.agree(valued(joined), "value", lambda padded: padded.value, valued(program))


@given(programs(reduction="mean"))
def test_ctc_6_mean_divides_by_the_numbers_of_labels(play, program):
    each = valued(program.with_options(reduction="none"))
    counts = torch.tensor(lengths(program, "target_lengths")).clamp(min=1).reshape(value_shape(program))

    assert play.agree(valued(program), "value", lambda each: (each.value / counts).mean(), each)


@given(programs(reduction="none"), st.integers(0, 2))
def test_ctc_7_a_batch_gives_what_its_samples_give(play, program, n):
    program = sloped(program)
    shape = program.tensors["input"].shape
    assume(len(shape) == 3 and n < shape[1] and fits(program)[n])
    u = some.exact_upstream(program, value_shape(program))[n].item()
    one = dataclasses.replace(sample(program, n), upstream=(u,))

    assert play.agree(one, "value", lambda batch: batch.value[n], program)
    assert play.agree(one, "grad input", lambda batch: batch.grad("input")[:, n], program)


@given(programs(reduction="none", form="padded"), st.integers(0, 2))
def test_ctc_7_nan_stays_in_its_sample(play, program, n):
    shape = program.tensors["input"].shape
    assume(len(shape) == 3 and n < shape[1])
    x = program.exact("input").clone()
    x[:, n] = math.nan
    spoiled = valued(program.with_tensors(input=some.from_torch(x, program.dtype)))
    others = torch.arange(shape[1]) != n

    assert play.agree(
        spoiled, "value", lambda plain, spoiled: torch.where(others, plain.value, spoiled.value), program, spoiled
    )


@given(programs(reduction="none"))
def test_ctc_8_the_empty_sequence(play, program):
    samples = len(rows(program))
    shape = program.tensors["target_lengths"].shape
    empty = program.with_tensors(
        target=whole(shape=(0,)) if shape == () else whole(shape=(samples, 0)),
        target_lengths=whole(*[0] * samples, shape=shape),
    )
    x, blank = batch(program), program.options.get("blank", 0)

    def law():
        losses = [-x[:end, n, blank].sum() for n, end in enumerate(lengths(program, "input_lengths"))]
        return torch.stack(losses).reshape(shape) if losses else torch.zeros(0)

    assert play.agree(valued(empty), "value", law)


@given(programs(reduction="none"), st.booleans())
def test_ctc_9_labels_that_do_not_fit(play, program, zeroed):
    program = program.with_options(zero_infinity=zeroed)
    trace, never = play(sloped(program)), ~fits(program)

    assert (trace.value.reshape(-1)[never] == (0.0 if zeroed else math.inf)).all()
    if zeroed:
        shape = batch(program).shape
        assert (trace.grad("input").reshape(shape).movedim(1, 0)[never] == 0).all()
        for reduction in ("mean", "sum"):
            trace = play(sloped(program).with_options(reduction=reduction))
            assert (trace.grad("input").reshape(shape).movedim(1, 0)[never] == 0).all()


@given(programs())
def test_ctc_10_finite_losses_stay_what_they_are(play, program):
    assume(fits(program).all())
    program = sloped(program)
    plain, zeroed = (program.with_options(zero_infinity=zero) for zero in (False, True))

    assert play.agree(zeroed, "value", lambda plain: plain.value, plain)
    assert play.agree(zeroed, "grad input", lambda plain: plain.grad("input"), plain)


@given(programs(reduction="mean"))
def test_ctc_10_zeros_count_in_the_mean(play, program):
    zeroed = valued(program.with_options(zero_infinity=True))
    counts = torch.tensor(lengths(program, "target_lengths")).clamp(min=1).reshape(value_shape(program))

    def law():
        each = enumerated(program)
        return (torch.where(each == math.inf, 0.0, each) / counts).mean()

    assert play.agree(zeroed, "value", law)


@given(programs(reduction="none"), st.integers(0, 4))
def test_ctc_11_gradient_of_the_logits(play, program, frame):
    x = batch(program)
    assume(x.numel() and fits(program).all())
    program, frame = sloped(program), frame % x.shape[0]
    p, at = x[frame].exp(), torch.arange(x.shape[0]).reshape(-1, 1, 1) == frame
    reached = torch.tensor(lengths(program, "input_lengths")).unsqueeze(-1) > frame
    u = some.exact_upstream(program, x.shape[1:2]).unsqueeze(-1)

    def law(trace, through):
        share = torch.exp(trace.value.reshape(-1, 1) - through.value.reshape(x.shape[1:]))
        g = trace.grad("input").reshape(x.shape)
        lost = p * g[frame].sum(-1, keepdim=True)  # what log_softmax takes away
        return torch.where(at, lost + u * torch.where(reached, p - share, 0.0), g).reshape(program.exact("input").shape)

    assert play.agree(program, "grad input", law, program, through(program, frame))


@given(programs(reduction="none"), st.integers(0, 4), st.integers(0, 3))
def test_ctc_12_classes_that_cannot_be(play, program, frame, label):
    x = program.exact("input").clone()
    x[frame % x.shape[0], ..., label % x.shape[-1]] = -math.inf
    other = valued(without(program.with_tensors(input=some.from_torch(x, program.dtype)), "zero_infinity"))

    assert play.agree(other, "value", lambda: enumerated(other))


@given(programs(reduction="none"), st.integers(0, 4))
def test_ctc_13_nan_gives_nan(play, program, frame):
    x = program.exact("input").clone()
    frame = frame % x.shape[0]
    x[frame] = math.nan
    reached = fits(program) & (torch.tensor(lengths(program, "input_lengths")) > frame)

    value = play(valued(program.with_tensors(input=some.from_torch(x, program.dtype)))).value
    assert value.reshape(-1)[reached].isnan().all()


@some.every
@given(st.sampled_from([0, 3, -1, 4]), st.integers(0, 2))
def test_ctc_14_refuses_what_is_no_label(play, label, place):
    target = [1, 2, 2]
    target[place] = label

    assert play.refuses(small(target=whole(*target)))


@some.every
@given(
    st.sampled_from(
        [
            {"input_lengths": whole(4, 3)},
            {"input_lengths": whole(3, -1)},
            {"target_lengths": whole(3, 1)},
            {"target_lengths": whole(-1, 2)},
            {"target": whole(1, 2)},
            {"target": whole(1, 2, 1, 2)},
            {"target": whole(1, 2, 2, 1, shape=(2, 2, 1))},
            {"target": whole(1, shape=()), "target_lengths": whole(1, 0)},
        ]
    )
)
def test_ctc_15_refuses_lengths_that_do_not_fit(play, changed):
    assert play.refuses(small(**changed))


@some.every
@given(
    st.sampled_from(
        [
            {"input_lengths": whole(3)},
            {"input_lengths": whole(3, 3, 3)},
            {"target_lengths": whole(2)},
            {"input": some.rounded("float64", (3,), [-1.0] * 3)},
            {"input": some.rounded("float64", (3, 2, 3, 1), [-1.0] * 18)},
            {**ONE, "input": some.rounded("float64", (3, 1, 3), [-1.0] * 9), "input_lengths": whole(3, shape=())},
            {**ONE, "input": some.rounded("float64", (3, 1, 3), [-1.0] * 9), "target_lengths": whole(2, shape=())},
            {**ONE, "input": some.rounded("float64", (3, 3), [-1.0] * 9), "input_lengths": whole(3, shape=(1, 1))},
            {**ONE, "input": some.rounded("float64", (3, 3), [-1.0] * 9), "target_lengths": whole(2, shape=(1, 1))},
        ]
    )
)
def test_ctc_16_refuses_other_shapes(play, changed):
    assert play.refuses(small(**changed))


@given(st.sampled_from([3, -3, -1, 100]))  # -3 would be 0, which is no label here
def test_ctc_17_refuses_a_blank_that_is_no_class(play, blank):
    assert play.refuses(small().with_options(blank=blank))


@given(st.sampled_from(["target", "input_lengths", "target_lengths"]), st.sampled_from(["float64", "float32"]))
def test_ctc_18_refuses_lengths_and_labels_that_are_no_integers(play, name, dtype):
    tensor = small().tensors[name]

    assert play.refuses(small(**{name: dataclasses.replace(tensor, dtype=dtype, data=tuple(map(float, tensor.data)))}))
