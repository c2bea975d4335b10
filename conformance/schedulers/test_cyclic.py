"""cyclic: the clauses of spec/schedulers/cyclic.md as properties of a backend."""

import math
from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Function, Group, Schedule, ScheduleStep, Step, TensorData, TrainingProgram

RATES = some.decimals(0.0, 2.0, 0.1, 0.0, 1.0, 1e-3)
SIZES = some.one_of_these(2, 1, 3, 5, 4, 8)
MODES = some.one_of_these("triangular", "triangular2", "exp_range")
MOMENTA = some.decimals(0.0, 0.99, 0.9, 0.8, 0.0, 0.5)
SCALES = some.one_of_these("cycle", "iterations")
CHOICES = {
    "step_size_down": st.one_of(SIZES, st.none()),
    "mode": MODES,
    "gamma": some.decimals(0.0, 1.1, 0.5, 0.9, 1.0, 0.0),
    "scale_fn": some.FUNCTIONS,
    "scale_mode": SCALES,
    "cycle_momentum": st.booleans(),
    "base_momentum": MOMENTA,
    "max_momentum": MOMENTA,
}
EACH = {"base_lr": RATES, "max_lr": RATES, "base_momentum": MOMENTA, "max_momentum": MOMENTA}


def drawn(draw, *without):
    required = {"base_lr": draw(RATES), "max_lr": draw(RATES), "step_size_up": draw(SIZES)}
    return required | some.options(draw, **{name: choice for name, choice in CHOICES.items() if name not in without})


PROGRAMS = some.schedule_programs("cyclic", drawn, each=EACH)
MODAL = some.schedule_programs("cyclic", lambda draw: drawn(draw, "scale_fn"), each=EACH)
CYCLED = PROGRAMS.map(lambda p: some.having(p, cycle_momentum=True))
BAD_RATES = (-1.0, math.nan, math.inf)
BAD_SIZES = (0, -1, 2.5, math.nan, math.inf)
BAD_MOMENTA = (-0.5, 1.5, math.nan)
BAD = {
    "base_lr": BAD_RATES,
    "max_lr": BAD_RATES,
    "step_size_up": BAD_SIZES,
    "step_size_down": BAD_SIZES,
    "gamma": BAD_RATES,
    "scale_mode": ("cycles", None),
    "base_momentum": BAD_MOMENTA,
    "max_momentum": BAD_MOMENTA,
}


def down(program):
    given = some.option(program, "step_size_down")
    return some.option(program, "step_size_up") if given is None else given


def total(program):
    return some.option(program, "step_size_up") + down(program)


def of_groups(program, name):
    return torch.tensor(some.option(program, name), dtype=torch.float64).expand(len(program.base_lrs))


def triangular(program):
    return some.having(program, mode="triangular", scale_fn=None)


@given(PROGRAMS)
def test_cyclic_1_rates_are_the_closed_form(play, program):
    assert play.conforms(program)


@given(PROGRAMS)
def test_cyclic_1_a_whole_cycle_is_the_closed_form(play, program):
    assert play.conforms(some.stepped(program, total(program) + 1))


@given(PROGRAMS)
def test_cyclic_1_goes_up_in_two_thousand_steps_by_default(play, program):
    options = {name: value for name, value in program.options.items() if name != "step_size_up"}

    assert play.conforms(some.stepped(replace(program, options=options), 3))


@given(MODAL, st.integers(0, 3))
def test_cyclic_2_every_cycle_starts_at_base_lr(play, program, cycles):
    program = some.stepped(program, cycles * total(program))

    assert play.agree(program, "lr", of_groups(program, "base_lr"), after=0)
    assert play.agree(program, "lr", of_groups(program, "base_lr"))


@given(PROGRAMS.map(triangular), st.integers(0, 2))
def test_cyclic_3_reaches_max_lr_with_the_last_step_up(play, program, cycles):
    program = some.stepped(program, cycles * total(program) + some.option(program, "step_size_up"))

    assert play.agree(program, "lr", of_groups(program, "max_lr"))


@given(PROGRAMS.map(triangular), st.data())
def test_cyclic_4_goes_up_and_down_in_straight_lines(play, program, data):
    rise = of_groups(program, "max_lr") - of_groups(program, "base_lr")
    up = some.option(program, "step_size_up")
    t = data.draw(st.one_of(st.integers(up + 1, total(program)), st.integers(1, up)))
    step = rise / up if t <= up else -rise / down(program)
    program = some.stepped(program, t)

    assert play.agree(program, "lr", lambda own: own.lr(t - 1) + step, program)


@given(PROGRAMS)
def test_cyclic_5_goes_down_in_as_many_steps_as_up_by_default(play, program):
    up = some.option(program, "step_size_up")
    program = some.stepped(some.having(program, step_size_down=None), 3 * up)
    told = some.having(program, step_size_down=up)

    assert play.agree(program, "lr", lambda symmetric: symmetric.lr(), told)
    assert play.agree(triangular(program), "lr", lambda own: own.lr(up), triangular(program))


@given(PROGRAMS.map(triangular), st.integers(0, 9), st.integers(1, 2))
def test_cyclic_6_is_periodic_where_the_scale_is_one(play, program, t, cycles):
    program = some.stepped(program, t + cycles * total(program))

    assert play.agree(program, "lr", lambda own: own.lr(t), program)


@given(MODAL, st.integers(0, 9), st.integers(0, 3))
def test_cyclic_7_triangular2_halves_the_height_with_every_cycle(play, program, t, cycles):
    t = cycles * total(program) + t % total(program)
    program = some.stepped(some.having(program, mode="triangular2"), t)
    low = of_groups(program, "base_lr")

    assert play.agree(program, "lr", lambda plain: low + (plain.lr() - low) / 2**cycles, triangular(program))


@given(MODAL, st.integers(0, 20), st.one_of(st.none(), CHOICES["gamma"]))
def test_cyclic_8_exp_range_shrinks_the_height_with_every_step(play, program, t, given):
    options = {name: value for name, value in program.options.items() if name != "gamma"}
    options |= {"mode": "exp_range"} if given is None else {"mode": "exp_range", "gamma": given}
    program, gamma = some.stepped(replace(program, options=options), t), 1.0 if given is None else given
    low = of_groups(program, "base_lr")

    assert play.agree(program, "lr", lambda plain: low + (plain.lr() - low) * gamma**t, triangular(program))


@given(
    MODAL, MODES, SCALES, st.integers(0, 20), st.lists(st.sampled_from([1.0, 0.5, 0.25, 0.0]), min_size=1, max_size=9)
)
def test_cyclic_9_a_scale_fn_is_the_scale(play, program, mode, scale_mode, t, table):
    fn = Function("table", tuple(table))
    program = some.stepped(some.having(program, scale_fn=fn, mode=mode, scale_mode=scale_mode), t)
    low, scale = of_groups(program, "base_lr"), fn(t if scale_mode == "iterations" else 1 + t // total(program))

    assert play.agree(program, "lr", lambda plain: low + (plain.lr() - low) * scale, triangular(program))


@given(MODAL, st.sampled_from(["exp_range", "triangular2", "exp_range", "triangular"]), CHOICES["gamma"])
def test_cyclic_10_without_a_scale_fn_the_mode_says_what_it_counts(play, program, mode, gamma):
    program = some.having(program, mode=mode, gamma=gamma)
    by_cycle, by_step = (some.having(program, scale_mode=mode) for mode in ("cycle", "iterations"))

    assert some.same(some.rates(play(by_cycle)), some.rates(play(by_step)))
    assert play.conforms(by_step)


@given(CYCLED, st.sampled_from([None, 1.0]), st.sampled_from([None, 0.0, 1.0]))
def test_cyclic_11_the_momentum_is_highest_where_the_rate_is_lowest(play, program, highest, lowest):
    given = {"max_momentum": highest, "base_momentum": lowest}
    program = some.having(program, **{name: value for name, value in given.items() if value is not None})
    high, low = of_groups(program, "max_momentum"), of_groups(program, "base_momentum")
    mirrored = some.having(program, base_lr=0.0, max_lr=1.0)

    assert play.agree(program, "momentum", high, after=0)
    assert play.agree(program, "momentum", lambda other: high - (high - low) * other.lr(), mirrored)


@given(some.training_programs(CYCLED))
def test_cyclic_12_the_momentum_is_the_first_of_betas_or_the_option_momentum(play, program):
    assert play.conforms(program)


@given(PROGRAMS, st.integers(1, 4), MOMENTA)
def test_cyclic_13_a_momentum_that_is_not_cycled_stays_as_it_is(play, program, count, momentum):
    program = some.having(some.stepped(program, count), cycle_momentum=False)
    one = TensorData("float64", (1,), (1.0,))
    groups = tuple(Group((one,), {"momentum": momentum}) for _ in program.base_lrs)
    events = [event for _ in range(count) for event in (Step((one,) * len(groups)), ScheduleStep())]
    schedule = (Schedule("cyclic", program.options),)

    assert "momentum" not in play(program).entries[-1].tensors
    assert play.conforms(TrainingProgram("sgd", {}, groups, schedule, tuple(events)))


@given(PROGRAMS)
def test_cyclic_14_the_momentum_changes_no_rate(play, program):
    with_it, without = (some.having(program, cycle_momentum=cycled) for cycled in (True, False))

    assert some.same(some.rates(play(with_it)), some.rates(play(without)))


@given(PROGRAMS.map(triangular), RATES, st.sampled_from([0.0, 0.5, 3.0]))
def test_cyclic_15_falls_to_a_max_lr_below_base_lr(play, program, low, above):
    program = some.having(program, base_lr=low + above, max_lr=low)
    program = some.stepped(program, some.option(program, "step_size_up"))
    trace = play(program)

    assert play.conforms(program)
    assert not above or all((trace.lr(t) < trace.lr(t - 1)).all() for t in range(1, len(program.events) + 1))
    assert above or play.agree(program, "lr", of_groups(program, "base_lr"))


@given(MODAL)
def test_cyclic_16_gamma_zero_stays_at_base_lr(play, program):
    program = some.having(program, mode="exp_range", gamma=0.0)

    assert play.agree(program, "lr", of_groups(program, "base_lr"))


@given(some.each_bad(PROGRAMS, {"base_lr": BAD["base_lr"]}))
def test_cyclic_17_base_lr_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"max_lr": BAD["max_lr"]}))
def test_cyclic_18_max_lr_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"step_size_up": BAD["step_size_up"]}))
def test_cyclic_19_step_size_up_must_be_whole_and_positive(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"step_size_down": BAD["step_size_down"]}))
def test_cyclic_20_step_size_down_must_be_whole_and_positive(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(MODAL, {"mode": ("cosine", "Triangular", None)}))
def test_cyclic_21_mode_must_be_a_known_one_unless_there_is_a_scale_fn(play, programs):
    for program in programs:
        assert play.refuses(program)
        assert play.conforms(some.having(program, scale_fn=Function("power", (1.0, 0.5))))


@given(some.each_bad(PROGRAMS, {"gamma": BAD["gamma"]}))
def test_cyclic_22_gamma_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"scale_mode": BAD["scale_mode"]}))
def test_cyclic_23_scale_mode_must_be_a_known_one(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"base_momentum": BAD["base_momentum"]}))
def test_cyclic_24_base_momentum_must_be_from_zero_to_one(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"max_momentum": BAD["max_momentum"]}))
def test_cyclic_25_max_momentum_must_be_from_zero_to_one(play, programs):
    assert all(map(play.refuses, programs))
