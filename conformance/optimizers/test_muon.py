"""muon: the clauses of spec/optimizers/muon.md as properties of a backend."""

import dataclasses
import math
from typing import Any

import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import AddGroup, Group, SetOption, TensorData

SHAPES = ((1, 1), (2, 2), (1, 4), (4, 1), (2, 3), (3, 2), (3, 3), (8, 2), (0, 3), (3, 25))
SPREADS = some.TAME  # a norm that overflows in bfloat16 is permitted
WITHIN: dict[str, Any] = {"shapes": SHAPES, "spreads": SPREADS}
SQUARE: dict[str, Any] = {**WITHIN, "shapes": ((1, 1), (2, 2), (3, 3), (9, 9))}

MOMENTA = some.decimals(0.0, 0.99, 0.95, 0.0, 0.5, 0.9)
COEFFICIENTS = some.one_of_these((3.4445, -4.775, 2.0315), (1.5, -0.5, 0.0), (2.0, -1.5, 0.5), (1.0, 0.0, 0.0))
EPSILONS = some.one_of_these(1e-7, 1e-3, 1.0, 1e-7, 0.0)
ITERATIONS = some.one_of_these(5, 1, 2, 0, 3)
ADJUSTMENTS = some.one_of_these(None, "original", "match_rms_adamw")

SETTABLE = {
    "lr": some.TENSOR_RATES,
    "weight_decay": some.ANY_DECAYS,
    "momentum": MOMENTA,
    "nesterov": some.BOOLEANS,
    "ns_coefficients": COEFFICIENTS,
    "eps": EPSILONS,
    "ns_steps": ITERATIONS,
    "adjust_lr_fn": ADJUSTMENTS,
}
STEADY = SETTABLE


def options(draw: some.Draw) -> dict[str, Any]:
    """Every option."""
    return some.options(draw, **SETTABLE)


def numbers(draw: some.Draw) -> dict[str, Any]:
    """What the laws below compute with: plain numbers, no decay, a norm that is seldom below epsilon."""
    return {
        "lr": draw(some.LEARNING_RATES),
        "weight_decay": 0.0,
        "momentum": draw(MOMENTA),
        "nesterov": draw(some.BOOLEANS),
        "ns_steps": draw(ITERATIONS),
        "adjust_lr_fn": draw(ADJUSTMENTS),
    }


PROGRAMS = some.optimizer_programs("muon", options, settable=STEADY, **WITHIN)

# Without iterations, and with an epsilon above every norm, a step is linear in the gradients.
linear = some.using(numbers, ns_steps=0, eps=100.0)


def norms(program):
    """The norms of the gradients, in float64."""
    return [grad.torch(torch.float64).norm() for grad in some.gradients(program)]


@given(
    some.optimizer_programs(
        "muon",
        linear,
        settable={"momentum": MOMENTA},
        kinds=("step", "step", "set"),
        groups=1,
        steps=(2, 12),
        starts=some.ZEROS,
        **WITHIN,
    )
)
def test_muon_1_the_buffer_is_an_exponential_average(play, program):
    assert play.conforms(program)


@given(some.one_parameter("muon", some.using(linear, momentum=st.sampled_from([0.5, 0.9])), **WITHIN))
def test_muon_2_nesterov_looks_one_step_ahead(play, program):
    assert play.conforms(some.switching(program, "nesterov", (True, False)))


@given(some.one_parameter("muon", some.using(numbers, eps=EPSILONS.filter(bool)), starts=some.ZEROS, **WITHIN))
def test_muon_3_the_norm_is_at_least_epsilon(play, program):
    assert play.conforms(program)


@given(some.one_parameter("muon", some.using(numbers, ns_coefficients=COEFFICIENTS), starts=some.ZEROS, **SQUARE))
def test_muon_4_an_iteration_is_a_polynomial(play, program):
    assert play.conforms(program)


@given(some.one_parameter("muon", some.using(options, weight_decay=some.DECAYS), **WITHIN), some.TENSOR_RATES)
def test_muon_6_the_decay_has_the_rate_of_this_step(play, program, rate):
    *before, last = program.events

    assert play.conforms(some.with_events(program, [*before, SetOption(0, "lr", rate), last]))


@given(some.optimizer_programs("muon", options, kinds=("step", "reload"), spreads=SPREADS, shapes=((2, 0), (1, 1))))
def test_muon_7_a_matrix_without_columns_is_one_of_no_elements(play, program):
    assert play.conforms(program)


@given(some.one_parameter("muon", some.using(numbers, adjust_lr_fn=None), **WITHIN))
def test_muon_7_no_name_is_the_original(play, program):
    named = play(some.having(program, adjust_lr_fn="original"))

    assert some.same(play(program).param(0), named.param(0))


@given(
    some.one_parameter(
        "muon",
        some.using(numbers, adjust_lr_fn="original"),
        starts=some.ZEROS,
        spreads=SPREADS,
        shapes=((4, 1), (8, 2)),
    )
)
def test_muon_7_a_tall_matrix_moves_more_than_a_wide_one(play, program):
    wide = some.reworked(program, param=turned, grad=turned)

    assert play.agree(program, "param 0", lambda other: 2 * other.param(0).T, wide)


@given(
    some.one_parameter(
        "muon",
        some.using(numbers, adjust_lr_fn="match_rms_adamw"),
        spreads=SPREADS,
        shapes=((3, 25), (1, 25), (25, 25)),
    )
)
def test_muon_8_the_side_of_25_has_the_rate_of_a_wide_original(play, program):
    original = play(some.having(program, adjust_lr_fn="original"))

    assert torch.equal(play(program).param(0), original.param(0))  # 0.2 times the root of 25 is one, exactly


@given(some.one_parameter("muon", some.using(numbers, adjust_lr_fn="match_rms_adamw"), starts=some.ZEROS, **WITHIN))
def test_muon_8_the_rate_grows_with_the_longer_side(play, program):
    rows, columns = program.groups[0].params[0].shape
    original = some.having(program, adjust_lr_fn="original")
    ratio = 0.2 * max(rows, columns) ** 0.5 / max(1, rows / columns) ** 0.5

    assert play.agree(program, "param 0", lambda other: ratio * other.param(0), original)


@given(
    some.one_parameter(
        "muon",
        some.using(numbers, lr=1.0, ns_steps=5, adjust_lr_fn=None),
        steps=(1, 1),
        starts=some.ZEROS,
        spreads=st.just("near"),
        dtypes=some.WIDE_DTYPES,
        shapes=((1, 1), (2, 2), (1, 4), (2, 3), (3, 3)),
    )
)
def test_muon_9_the_singular_values_are_near_one(play, program):
    grad = some.gradients(program)[0].torch(torch.float64)
    assume(grad.any() and (torch.linalg.svdvals(grad / grad.norm()) >= 0.1).all())
    found = torch.linalg.svdvals(play(program).param(0).double())

    assert ((found >= 0.5) & (found <= 1.5)).all()


@given(
    some.one_parameter("muon", numbers, spreads=st.just("near"), shapes=SHAPES, dtypes=some.WIDE_DTYPES),
    some.SCALES,
)
def test_muon_10_the_size_of_gradients_makes_no_difference(play, program, scale):
    assume(all(grad.any() for grad in map(torch.tensor, (grad.data for grad in some.gradients(program)))))
    scaled = some.reworked(program, grad=some.times(scale))

    assert play.agree(scaled, "param 0", lambda plain: plain.param(0), program)


def turned(data: TensorData) -> TensorData:
    """A matrix transposed."""
    return some.reshaped(data, lambda matrix: matrix.T)


def mixed(matrix: torch.Tensor) -> torch.Tensor:
    """A square matrix with its rows reversed, its columns moved by one, and every second row of the other sign."""
    signs = (-1.0) ** torch.arange(len(matrix), dtype=torch.float64).unsqueeze(1)
    return signs * matrix.flip(0).roll(1, 1)


@given(some.one_parameter("muon", numbers, **SQUARE))
def test_muon_11_rows_and_columns_have_no_order_and_no_sign(play, program):
    other = some.reworked(
        program, param=lambda data: some.reshaped(data, mixed), grad=lambda data: some.reshaped(data, mixed)
    )

    assert play.agree(other, "param 0", lambda plain: mixed(plain.param(0)), program)


@given(some.one_parameter("muon", some.using(numbers, adjust_lr_fn="match_rms_adamw"), **WITHIN))
def test_muon_12_transposing_transposes(play, program):
    other = some.reworked(program, param=turned, grad=turned)

    assert play.agree(other, "param 0", lambda plain: plain.param(0).T, program)


@given(
    some.one_parameter(
        "muon",
        some.using(numbers, momentum=0.0, ns_coefficients=(1.0, 0.0, 0.0)),
        steps=(1, 1),
        starts=some.ZEROS,
        spreads=st.just("near"),
        shapes=((2, 2), (1, 4), (2, 3)),
    )
)
def test_muon_13_without_a_polynomial_it_is_normalised_descent(play, program):
    grad, size = some.gradients(program)[0].torch(torch.float64), norms(program)[0]
    ratio = 0.2 * max(grad.shape) ** 0.5 if program.options["adjust_lr_fn"] == "match_rms_adamw" else 1.0

    assert play.agree(program, "param 0", -program.options["lr"] * ratio * grad / size.clamp(min=1e-7))


@given(some.one_parameter("muon", some.using(numbers, weight_decay=some.DECAYS), starts=some.AWAY, **WITHIN))
def test_muon_14_decay_alone_shrinks_the_parameter(play, program):
    def shrunk():
        part = 1 - some.number(program, "lr") * some.number(program, "weight_decay")
        return part ** len(program.events) * some.origin(program)

    assert play.agree(some.still(program), "param 0", shrunk)


@given(some.one_parameter("muon", numbers, **WITHIN))
def test_muon_15_zero_gradients_keep_the_parameter(play, program):
    assert (play(some.still(program)).param(0) == some.origin(program)).all()


@given(some.one_parameter("muon", some.using(numbers, eps=0.0), **WITHIN))
def test_muon_16_zero_gradients_without_epsilon_give_nan(play, program):
    assert play(some.still(program)).param(0).isnan().all()


@given(
    some.one_parameter("muon", some.using(numbers, ns_steps=st.sampled_from([5, 1, 2])), **WITHIN),
    some.PLACES,
    st.sampled_from([math.inf, -math.inf, math.nan]),
)
def test_muon_17_an_infinite_gradient_makes_everything_nan(play, program, place, value):
    first, *others = some.gradients(program)

    assert play(some.with_grads(program, [some.planted(first, place, value), *others])).param(0).isnan().all()


@given(
    some.one_parameter("muon", some.using(numbers, weight_decay=st.sampled_from([0.0, 0.1, 0.4])), **WITHIN),
    some.PLACES,
    some.SIGNS,
)
def test_muon_18_an_infinite_element_stays(play, program, place, sign):
    trace = play(some.with_infinite_start(program, place, sign))

    assert some.element(trace.param(0), place) == sign * math.inf


@given(some.NEGATIVE)
def test_muon_19_refuses_a_learning_rate_below_zero(play, lr):
    assert play.refuses(some.building("muon", lr=lr))


@given(some.NEGATIVE)
def test_muon_20_refuses_a_weight_decay_below_zero(play, weight_decay):
    assert play.refuses(some.building("muon", weight_decay=weight_decay))


@given(some.NEGATIVE)
def test_muon_21_refuses_a_momentum_below_zero(play, momentum):
    assert play.refuses(some.building("muon", momentum=momentum))


@given(some.NEGATIVE)
def test_muon_22_refuses_an_epsilon_below_zero(play, eps):
    assert play.refuses(some.building("muon", eps=eps))


@given(st.sampled_from([-1, 100, 1000]))
def test_muon_23_refuses_a_number_of_iterations_out_of_range(play, ns_steps):
    assert play.refuses(some.building("muon", ns_steps=ns_steps))


@given(st.sampled_from([(1.5, -0.5), (1.0,), (3.4445, -4.775, 2.0315, 0.0)]))
def test_muon_24_refuses_more_or_fewer_than_three_coefficients(play, ns_coefficients):
    assert play.refuses(some.building("muon", ns_coefficients=ns_coefficients))


@given(st.sampled_from(["", "adamw", "Original", "match_rms"]))
def test_muon_25_refuses_an_adjustment_without_that_name(play, adjust_lr_fn):
    assert play.refuses(some.building("muon", adjust_lr_fn=adjust_lr_fn))


@given(st.sampled_from([(), (2,), (1, 2, 3), (0,)]), some.BOOLEANS)
def test_muon_26_refuses_a_parameter_that_is_no_matrix(play, shape, late):
    added = Group((TensorData("float64", shape, (1.0,) * math.prod(shape)),))
    program = some.building("muon")
    if late:
        assert play.refuses(some.with_events(program, [AddGroup(added)]), after=1)
    else:
        assert play.refuses(dataclasses.replace(program, groups=(*program.groups, added)))
