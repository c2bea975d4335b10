"""one_cycle: the clauses of spec/schedulers/one_cycle.md as properties of a backend."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Group, Schedule, ScheduleStep, Step, TensorData, TrainingProgram

RATES = some.decimals(0.0, 2.0, 0.1, 1.0, 0.0, 1e-3)
MOMENTA = some.decimals(0.0, 0.99, 0.95, 0.85, 0.0, 0.5)
FACTORS = some.decimals(0.5, 100.0, 25.0, 2.0, 1.0, 1e4)
STARTS = some.decimals(0.0, 1.0, 0.5, 0.25, 0.3, 0.1)
STRATEGIES = some.one_of_these("cos", "linear")
CHOICES = {
    "pct_start": STARTS,
    "anneal_strategy": STRATEGIES,
    "cycle_momentum": st.booleans(),
    "base_momentum": MOMENTA,
    "max_momentum": MOMENTA,
    "div_factor": FACTORS,
    "final_div_factor": FACTORS,
    "three_phase": st.booleans(),
}
EACH = {"max_lr": RATES, "base_momentum": MOMENTA, "max_momentum": MOMENTA}
# The programs of all clauses take up to 46 steps, and none beyond the last.
COUNTS = st.sampled_from(
    [{"total_steps": 50}, {"total_steps": 64}, {"epochs": 8, "steps_per_epoch": 8}, {"total_steps": 100, "epochs": 3}]
)
PROGRAMS = some.schedule_programs(
    "one_cycle", lambda draw: {"max_lr": draw(RATES), **draw(COUNTS), **some.options(draw, **CHOICES)}, each=EACH
)
CYCLED = PROGRAMS.map(lambda p: some.having(p, cycle_momentum=True))
TOTALS = some.one_of_these(4, 8, 3, 2, 1, 5, 10, 12, 20)
COUNTED = {"total_steps": (0, -1, 2.5, math.nan, math.inf)}
MOMENTUM = (-0.5, 1.5, math.nan)
BAD = {
    "total_steps": COUNTED["total_steps"],
    "pct_start": (-0.5, 1.5, math.nan),
    "anneal_strategy": ("cosine", None),
    "max_lr": (-1.0, math.nan, math.inf),
    "div_factor": (0.0, -1.0, math.nan, math.inf),
    "final_div_factor": (0.0, -1.0, math.nan, math.inf),
    "base_momentum": MOMENTUM,
    "max_momentum": MOMENTUM,
}


def counting(program, total, **options):
    """The same scheduler with so many steps in all, taken to the last of its rates."""
    counted = {"total_steps": total, "epochs": None, "steps_per_epoch": None}
    return some.stepped(some.having(program, **counted, **options), total - 1)


def of_groups(program, name):
    return torch.tensor(some.option(program, name), dtype=torch.float64).expand(len(program.base_lrs))


def first(program):
    return of_groups(program, "max_lr") / some.option(program, "div_factor")


def last(program):
    return first(program) / some.option(program, "final_div_factor")


@st.composite
def risen(draw):
    """A program whose rate is largest at a whole t above 0, and that t."""
    total, share = draw(st.sampled_from([(8, 0.5), (4, 0.5), (8, 0.25), (16, 0.25), (8, 0.375), (8, 0.75), (4, 1.0)]))
    return counting(draw(PROGRAMS), total, pct_start=share), round(total * share) - 1


@given(PROGRAMS, TOTALS)
def test_one_cycle_1_rates_lie_on_half_cosines(play, program, total):
    assert play.conforms(counting(program, total, anneal_strategy="cos"))


@given(PROGRAMS, TOTALS)
def test_one_cycle_2_rates_lie_on_straight_lines(play, program, total):
    assert play.conforms(counting(program, total, anneal_strategy="linear"))


@given(risen())
def test_one_cycle_3_starts_at_a_part_of_the_largest_rate(play, risen):
    program, _ = risen
    high, parts = of_groups(program, "max_lr"), some.option(program, "div_factor")

    assert play.agree(program, "lr", lambda: high / parts, after=0)


@given(risen())
def test_one_cycle_4_is_largest_where_the_first_phase_ends(play, risen):
    program, top = risen

    assert play.agree(program, "lr", of_groups(program, "max_lr"), after=top)


@given(PROGRAMS, TOTALS, st.sampled_from([0.0, 0.1, 0.25, 0.3]))
def test_one_cycle_5_ends_at_the_smallest_rate(play, program, total, share):
    program = counting(program, total, pct_start=share)
    high = of_groups(program, "max_lr")
    div, final = (some.option(program, name) for name in ("div_factor", "final_div_factor"))

    assert play.agree(program, "lr", lambda: high / div / final)


@given(risen(), st.data())
def test_one_cycle_6_falls_as_it_rose_with_three_phases(play, risen, data):
    program, top = risen
    program = some.having(program, three_phase=True)
    k = data.draw(st.integers(0, min(top, len(program.events) - top)))

    assert play.agree(program, "lr", lambda own: own.lr(top - k), program, after=top + k)


@given(PROGRAMS, st.integers(1, 5), st.integers(1, 5))
def test_one_cycle_7_epochs_and_their_steps_give_the_total(play, program, epochs, steps):
    told = counting(program, epochs * steps)
    inferred = some.having(told, total_steps=None, epochs=epochs, steps_per_epoch=steps)

    assert some.same(some.rates(play(inferred)), some.rates(play(told)))
    assert play.conforms(inferred)


@given(PROGRAMS, TOTALS, st.sampled_from([None, 2, 7]), st.sampled_from([None, 3]))
def test_one_cycle_8_a_given_total_comes_first(play, program, total, epochs, steps):
    told = counting(program, total)
    both = some.having(told, epochs=epochs, steps_per_epoch=steps)

    assert some.same(some.rates(play(both)), some.rates(play(told)))


@given(PROGRAMS, st.sampled_from([2.0, 0.5, 4.0, 2.0**-20]))
def test_one_cycle_9_rates_scale_with_the_largest(play, program, by):
    scaled = some.having(program, max_lr=tuple((of_groups(program, "max_lr") * by).tolist()))

    assert play.agree(scaled, "lr", lambda plain: plain.lr() * by, program)


@given(CYCLED, TOTALS)
def test_one_cycle_10_stays_where_it_ended_for_one_more_step(play, program, total):
    program = some.stepped(counting(program, total), total)

    assert play.agree(program, "lr", lambda own: own.lr(total - 1), program)
    assert play.agree(program, "momentum", lambda own: own.momentum(total - 1), program)


@given(PROGRAMS, st.sampled_from([4, 8, 2, 20]), st.sampled_from([0.25, 0.3, 0.5]))
def test_one_cycle_11_a_step_beyond_the_total_is_refused(play, program, total, share):
    program = counting(program, total, pct_start=share)

    assert play.refuses(some.stepped(program, total + 1), after=total + 1)


@given(CYCLED, st.sampled_from([(2, 0.5), (1, 1.0), (4, 0.25), (8, 0.125), (16, 0.0625)]))
def test_one_cycle_12_a_first_phase_of_no_length_is_left_out(play, program, counted):
    program = counting(program, counted[0], pct_start=counted[1])
    three = some.option(program, "three_phase")

    assert play.agree(program, "lr", first(program) if three else of_groups(program, "max_lr"), after=0)
    assert play.conforms(program)


@given(PROGRAMS, TOTALS, st.sampled_from([0.0, 0.01, 0.04]), STRATEGIES)
def test_one_cycle_13_a_first_phase_before_the_start_is_left_out(play, program, total, share, strategy):
    program = counting(program, total, pct_start=share, anneal_strategy=strategy, three_phase=False)
    high, low, left = of_groups(program, "max_lr"), last(program), total - share * total
    x = torch.tensor((1 - share * total) / left, dtype=torch.float64)

    def expected():
        way = x if strategy == "linear" else (1 - torch.cos(math.pi * x)) / 2
        return high + (low - high) * way

    assert play.agree(program, "lr", expected, after=0)
    assert play.conforms(program)


@given(CYCLED, TOTALS)
def test_one_cycle_14_the_momentum_falls_where_the_rate_rises(play, program, total):
    program = counting(program, total, three_phase=False)
    high, low = of_groups(program, "max_momentum"), of_groups(program, "base_momentum")
    # The rates of the last phase go down to the last one, so this one must be as good as the first.
    mirrored = some.having(program, max_lr=1.0, div_factor=1e300, final_div_factor=1.0)

    assert play.agree(program, "momentum", lambda other: high - (high - low) * other.lr(), mirrored)
    assert play.conforms(program)


@given(CYCLED, st.sampled_from([(8, 0.25), (16, 0.25), (8, 0.375), (10, 0.2)]))
def test_one_cycle_15_the_momentum_rests_in_the_third_phase(play, program, counted):
    program = counting(program, counted[0], pct_start=counted[1], three_phase=True)
    rests = round(2 * counted[0] * counted[1]) - 2

    for t in range(rests, counted[0]):
        assert play.agree(program, "momentum", of_groups(program, "max_momentum"), after=t)


@given(some.training_programs(CYCLED))
def test_one_cycle_16_the_momentum_is_the_first_of_betas_or_the_option_momentum(play, program):
    assert play.conforms(program)


@given(PROGRAMS, st.integers(1, 4), MOMENTA)
def test_one_cycle_17_a_momentum_that_is_not_cycled_stays_as_it_is(play, program, count, momentum):
    program = some.having(some.stepped(program, count), cycle_momentum=False)
    one = TensorData("float64", (1,), (1.0,))
    groups = tuple(Group((one,), {"momentum": momentum}) for _ in program.base_lrs)
    events = [event for _ in range(count) for event in (Step((one,) * len(groups)), ScheduleStep())]
    schedule = (Schedule("one_cycle", program.options),)

    assert "momentum" not in play(program).entries[-1].tensors
    assert play.conforms(TrainingProgram("sgd", {}, groups, schedule, tuple(events)))


@given(PROGRAMS)
def test_one_cycle_18_the_momentum_changes_no_rate(play, program):
    with_it, without = (some.having(program, cycle_momentum=cycled) for cycled in (True, False))

    assert some.same(some.rates(play(with_it)), some.rates(play(without)))


@given(some.each_bad(PROGRAMS, COUNTED))
def test_one_cycle_19_total_steps_must_be_whole_and_positive(play, programs):
    assert all(map(play.refuses, programs))


@given(PROGRAMS, st.booleans(), st.sampled_from([None, 0, -1, 2.5, math.nan, math.inf]))
def test_one_cycle_20_without_a_total_both_counts_must_be_whole_and_positive(play, program, swapped, bad):
    epochs, steps = (bad, 8) if swapped else (8, bad)

    assert play.refuses(some.having(program, total_steps=None, epochs=epochs, steps_per_epoch=steps))


@given(some.each_bad(PROGRAMS, {"pct_start": BAD["pct_start"]}))
def test_one_cycle_21_pct_start_must_be_from_zero_to_one(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"anneal_strategy": BAD["anneal_strategy"]}))
def test_one_cycle_22_anneal_strategy_must_be_a_known_one(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"max_lr": BAD["max_lr"]}))
def test_one_cycle_23_max_lr_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"div_factor": BAD["div_factor"]}))
def test_one_cycle_24_div_factor_must_be_finite_and_positive(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"final_div_factor": BAD["final_div_factor"]}))
def test_one_cycle_25_final_div_factor_must_be_finite_and_positive(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"base_momentum": BAD["base_momentum"]}))
def test_one_cycle_26_base_momentum_must_be_from_zero_to_one(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"max_momentum": BAD["max_momentum"]}))
def test_one_cycle_27_max_momentum_must_be_from_zero_to_one(play, programs):
    assert all(map(play.refuses, programs))
