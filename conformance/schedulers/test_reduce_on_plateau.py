"""reduce_on_plateau: the clauses of spec/schedulers/reduce_on_plateau.md as properties of a backend.

What a step decides hangs on comparisons that a rounding error can tip, and then the judge must let both decisions pass.
So metrics and thresholds are sums of powers of two here, whose bars no rounding can move, and `HALVING` makes every
reduction a halving: the rates then say exactly how many reductions there were.
"""

import math
from dataclasses import replace

import torch
from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Group, Schedule, ScheduleProgram, ScheduleStep, SetOption, TrainingProgram

QUARTERS = [quarter / 4 for quarter in (4, 4, 3, 2, 8, 5, 1, 0, -4, -8, 16)]
METRICS = [*QUARTERS, *QUARTERS, math.nan, math.inf, -math.inf]
SMALL = some.one_of_these(0, 1, 2, 3)
THRESHOLDS = some.one_of_these(0.0, 0.5, 0.25, 1.0, 2.0)
BESTS = some.one_of_these(1.0, -1.0, 2.0, -0.25, 0.0)  # of either sign
MODES = some.one_of_these("min", "max")
SCALES = some.one_of_these("rel", "abs")
PROGRAMS = some.schedule_programs(
    "reduce_on_plateau",
    lambda draw: {
        **draw(st.sampled_from([{"patience": patience} for patience in (0, 1, 0, 2, 3, 0)] + [{}])),
        **some.options(
            draw,
            mode=MODES,
            factor=some.decimals(0.0, 0.99, 0.5, 0.1, 0.0, 0.25),
            threshold=st.one_of(THRESHOLDS, st.just(1e-4)),
            threshold_mode=SCALES,
            cooldown=SMALL,
            min_lr=some.decimals(0.0, 0.1, 0.0, 1.0),
            eps=st.sampled_from([0.0, 1e-3, 0.25, 0.5]),
        ),
    },
    each={"min_lr": some.decimals(0.0, 0.1, 0.0, 1.0)},
    metrics=lambda draw, count: some.picks(draw, count, METRICS),
    steps=(5, 3, 8, 13, 1, 2, 0, 30),
)
BAD = {
    "mode": ("Min", "", "less"),
    "factor": (1.0, 1.5, -0.5, math.nan, math.inf),
    "patience": (-1, 0.5, math.nan),
    "threshold": (-0.5, math.nan, math.inf),
    "threshold_mode": ("relative", "", "ABS"),
    "cooldown": (-1, 0.5, math.nan),
    "min_lr": (-0.5, math.nan, math.inf),
    "eps": (-1e-8, math.nan, math.inf),
}
HALVING = {"factor": 0.5, "eps": 0.0, "patience": 0, "threshold": 0.0, "threshold_mode": "abs"}


def watching(*metrics, base_lrs=(1.0,), **options):
    """A scheduler that is given these metrics."""
    steps = tuple(ScheduleStep(metric) for metric in metrics)
    return ScheduleProgram("reduce_on_plateau", options, base_lrs, None, steps)


def reductions(trace):
    """The numbers of the steps that reduced the rate, which each of them halves exactly."""
    rates = [entry.tensors["lr"].tolist() for entry in trace.entries]
    found = [t for t in range(1, len(rates)) if rates[t] != rates[t - 1]]
    assert all(rates[t] == [rate / 2 for rate in rates[t - 1]] for t in found), "a reduction must halve the rate"
    return found


def better(mode, metric, amount):
    """A metric that is better than another by this amount."""
    return metric - amount if mode == "min" else metric + amount


def bar(options, best):
    """The bar that a metric must pass."""
    delta = options["threshold"] if options["mode"] == "max" else -options["threshold"]
    return best * (1 + delta) if options["threshold_mode"] == "rel" else best + delta


@given(PROGRAMS)
def test_reduce_on_plateau_1_starts_at_the_rates_in_force(play, program):
    assert play(program).lr(0).tolist() == list(program.base_lrs)


@given(MODES, SCALES, THRESHOLDS, st.sampled_from([1.0, 0.0, -2.0, math.inf, -math.inf]))
def test_reduce_on_plateau_2_the_first_metric_is_better(play, mode, scale, threshold, first):
    options = {**HALVING, "mode": mode, "threshold": threshold, "threshold_mode": scale}

    assert reductions(play(watching(math.nan, first, math.nan, **options))) == [1, 3]
    assert reductions(play(watching(first, first, **{**HALVING, "mode": mode}))) == [2]


def passes_the_bar(play, options, best):
    """Whether the metrics on the bar are bad, and the nearest ones beyond it better."""
    limit = bar(options, best)
    beyond = math.nextafter(limit, -math.inf if options["mode"] == "min" else math.inf)
    short = math.nextafter(limit, math.inf if options["mode"] == "min" else -math.inf)
    found = [reductions(play(watching(best, metric, **options))) for metric in (limit, short, beyond)]
    return found == [[2], [2], []]


@given(MODES, THRESHOLDS, BESTS)
def test_reduce_on_plateau_3_a_relative_bar_is_a_share_of_the_best(play, mode, threshold, best):
    assert passes_the_bar(play, {**HALVING, "mode": mode, "threshold": threshold, "threshold_mode": "rel"}, best)


@given(MODES)
def test_reduce_on_plateau_3_the_default_is_a_ten_thousandth_of_the_best(play, mode):
    options = {"mode": mode, "factor": 0.5, "eps": 0.0, "patience": 0}

    assert reductions(play(watching(1.0, better(mode, 1.0, 0.5e-4), **options))) == [2]
    assert reductions(play(watching(1.0, better(mode, 1.0, 1.5e-4), **options))) == []


@given(MODES, THRESHOLDS, BESTS)
def test_reduce_on_plateau_4_an_absolute_bar_is_an_amount_away(play, mode, threshold, best):
    assert passes_the_bar(play, {**HALVING, "mode": mode, "threshold": threshold}, best)


@given(MODES, SCALES, st.sampled_from([0.0, 0.25, 0.5]), BESTS)
def test_reduce_on_plateau_5_a_metric_on_the_bar_is_not_better(play, mode, scale, threshold, best):
    options = {**HALVING, "mode": mode, "threshold": threshold, "threshold_mode": scale}

    assert reductions(play(watching(best, bar(options, best), **options))) == [2]


@given(PROGRAMS)
def test_reduce_on_plateau_6_the_modes_mirror_each_other(play, program):
    low, high = (some.having(eager(program), mode=mode, threshold_mode="abs") for mode in ("min", "max"))
    mirrored = replace(high, events=scaled(program.events, -1.0))

    assert some.rates(play(low)).equal(some.rates(play(mirrored)))
    assert reductions(play(watching(1.0, 0.5, mode="min", **HALVING))) == []
    assert reductions(play(watching(1.0, 0.5, mode="max", **HALVING))) == [2]


def eager(program):
    """The same program with every bad epoch a reduction, so that nothing that is decided stays unseen."""
    return some.having(program, patience=0, cooldown=0, factor=0.5, eps=0.0, min_lr=0.0)


def scaled(events, by):
    """The same events with every metric multiplied."""
    return tuple(ScheduleStep(e.metric * by) if isinstance(e, ScheduleStep) else e for e in events)


@given(MODES, st.sampled_from([1.0, 0.5, 2.0]), st.integers(1, 14))
def test_reduce_on_plateau_7_the_best_is_the_last_that_was_better(play, mode, threshold, count):
    creeping = [better(mode, 8.0, i * threshold / 4) for i in range(count)]  # every fifth passes the bar
    program = watching(*creeping, mode=mode, **{**HALVING, "threshold": threshold})

    assert reductions(play(program)) == [i + 1 for i in range(count) if i % 5]


@given(MODES, st.sampled_from([1, 2, 0, 3]), st.lists(st.booleans(), min_size=4, max_size=12))
def test_reduce_on_plateau_8_only_bad_epochs_in_a_row_count(play, mode, patience, improves):
    metrics, bad, expected = [8.0], 0, []
    for t, improved in enumerate(improves, 2):
        best = min(metrics) if mode == "min" else max(metrics)
        metrics.append(better(mode, best, 1.0 if improved else 0.0))
        bad = 0 if improved else bad + 1
        if bad > patience:
            bad = 0
            expected.append(t)

    assert reductions(play(watching(*metrics, mode=mode, **{**HALVING, "patience": patience}))) == expected


@given(MODES, st.one_of(st.none(), st.integers(0, 10)))
def test_reduce_on_plateau_9_the_bad_epoch_after_the_patience_reduces(play, mode, given):
    patience = 10 if given is None else given  # 10 is the default
    options = {name: value for name, value in {**HALVING, "patience": given}.items() if value is not None}
    first, *bad = [1.0] * (patience + 2)

    assert reductions(play(watching(first, *bad[1:], mode=mode, **options))) == []
    assert reductions(play(watching(first, *bad, mode=mode, **options))) == [patience + 2]


@given(MODES, SMALL, st.integers(0, 20))
def test_reduce_on_plateau_10_a_reduction_starts_the_count_again(play, mode, patience, count):
    program = watching(*[1.0] * count, mode=mode, **{**HALVING, "patience": patience})

    assert reductions(play(program)) == list(range(patience + 2, count + 1, patience + 1))


@given(MODES, SMALL, SMALL, st.integers(0, 20))
def test_reduce_on_plateau_11_a_cooldown_counts_no_bad_epochs(play, mode, patience, cooldown, count):
    program = watching(*[1.0] * count, mode=mode, cooldown=cooldown, **{**HALVING, "patience": patience})

    assert reductions(play(program)) == list(range(patience + 2, count + 1, cooldown + patience + 1))


@given(MODES, st.integers(1, 4), st.data())
def test_reduce_on_plateau_12_a_better_metric_during_a_cooldown_is_the_best(play, mode, cooldown, data):
    during = [better(mode, 4.0, 1.0)] * cooldown
    during[data.draw(st.integers(0, cooldown - 1))] = better(mode, 4.0, 2.0)
    program = watching(4.0, 4.0, *during, better(mode, 4.0, 1.0), mode=mode, cooldown=cooldown, **HALVING)

    assert reductions(play(program)) == [2, cooldown + 3]


@given(PROGRAMS)
def test_reduce_on_plateau_13_a_reduction_multiplies_down_to_the_floor(play, program):
    program = some.having(program, patience=0, eps=0.0)
    program = replace(program, events=(ScheduleStep(math.nan),))
    base, floor = some.base(program), torch.tensor(some.option(program, "min_lr"), dtype=torch.float64)

    assert play.agree(program, "lr", (base * some.option(program, "factor")).maximum(floor).minimum(base))


@given(
    st.sampled_from([1.0, 2.0, 0.5]),
    st.sampled_from([0.25, 0.5, 0.75]),
    st.sampled_from([1.0, 2.0, 0.5]),
    st.booleans(),
)
def test_reduce_on_plateau_14_a_reduction_below_eps_is_not_made(play, rate, part, share, floored):
    lowered = rate * part
    eps = share * (rate - lowered)
    how = {"factor": 0.0, "min_lr": lowered} if floored else {"factor": part}
    program = watching(1.0, 1.0, base_lrs=(rate,), **{**HALVING, **how, "eps": eps})

    assert play(program).lr().tolist() == [lowered if rate - lowered >= eps else rate]


@given(st.sampled_from([2.0**-26, 2.0**-27, 2.0**-25]))
def test_reduce_on_plateau_14_the_default_is_a_hundredth_of_a_millionth(play, rate):
    program = watching(1.0, 1.0, base_lrs=(rate,), factor=0.5, patience=0)

    assert play(program).lr().item() == (rate / 2 if rate / 2 >= 1e-8 else rate)


@given(SMALL, SMALL, st.integers(1, 12), st.booleans())
def test_reduce_on_plateau_15_a_reduction_that_is_not_made_counts_all_the_same(play, patience, cooldown, count, none):
    options = {**HALVING, "patience": patience, "cooldown": cooldown, "eps": 2.0**-20}
    every = cooldown + patience + 1
    # The first rate is too small to be reduced at first, and large after that: only then is its reduction seen.
    events = [ScheduleStep(1.0)] * (patience + 2 + count)
    events.insert(patience + 2, SetOption(0, "lr", 1.0))
    groups = (Group((), {"lr": 2.0**-20}), Group((), {"lr": 2.0**-20 if none else 1.0}))
    program = TrainingProgram("sgd", {}, groups, (Schedule("reduce_on_plateau", options),), tuple(events))
    trace = play(program)

    assert trace.lr(patience + 2).tolist() == [2.0**-20, 2.0**-20 if none else 0.5]
    assert trace.lr().tolist() == [0.5 ** (count // every), 2.0**-20 if none else 0.5 ** (1 + count // every)]


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 2.0]), min_size=1, max_size=3), st.booleans())
def test_reduce_on_plateau_16_every_group_has_its_own_floor(play, floors, single):
    min_lr = floors[0] if single else tuple(floors)
    program = watching(1.0, 1.0, 1.0, base_lrs=(1.0,) * len(floors), min_lr=min_lr, **HALVING)

    assert play(program).lr().tolist() == [min(1.0, max(0.25, floors[0] if single else floor)) for floor in floors]


@given(PROGRAMS)
def test_reduce_on_plateau_17_rates_never_rise(play, program):
    rates = some.rates(play(program))

    assert (rates[1:] <= rates[:-1]).all()


@given(MODES, THRESHOLDS, st.lists(st.sampled_from([1.0, 0.75, 0.5, 1.5, 0.25, 2.0, -1.0]), min_size=3, max_size=8))
def test_reduce_on_plateau_18_the_scale_of_the_metrics_is_of_no_account(play, mode, threshold, metrics):
    options = {**HALVING, "mode": mode, "threshold": threshold}
    relative, absolute = (watching(*metrics, **{**options, "threshold_mode": scale}) for scale in ("rel", "abs"))

    for by in (0.25, 4.0):
        larger = replace(relative, events=scaled(relative.events, by))
        assert reductions(play(larger)) == reductions(play(relative))

        larger = some.having(replace(absolute, events=scaled(absolute.events, by)), threshold=threshold * by)
        assert reductions(play(larger)) == reductions(play(absolute))


@given(MODES, SCALES, SMALL)
def test_reduce_on_plateau_19_a_nan_is_a_bad_epoch(play, mode, scale, patience):
    options = {**HALVING, "mode": mode, "threshold_mode": scale, "patience": patience}
    nans = [math.nan] * (patience + 1)
    worse = [better(mode, 1.0, -1.0)] * (patience + 1)

    assert reductions(play(watching(*nans, 1.0, *worse, **options))) == [patience + 1, 2 * patience + 3]
    assert reductions(play(watching(1.0, *nans, *worse, **options))) == [patience + 2, 2 * patience + 3]


@given(MODES, SCALES, THRESHOLDS, st.lists(st.sampled_from([1.0, -1.0, 0.0, math.inf, -math.inf]), max_size=5))
def test_reduce_on_plateau_20_infinite_metrics_are_compared_like_others(play, mode, scale, threshold, metrics):
    options = {**HALVING, "mode": mode, "threshold_mode": scale, "threshold": threshold}
    expected, best = [], None
    for t, metric in enumerate(metrics, 1):
        if best is None or (metric < bar(options, best) if mode == "min" else metric > bar(options, best)):
            best = metric
        else:
            expected.append(t)

    assert reductions(play(watching(*metrics, **options))) == expected


@given(st.sampled_from([0.0, 0.25, 0.75, 1.0]), st.sampled_from([0.0, 0.125, 0.5, 2.0]))
def test_reduce_on_plateau_21_factor_zero_goes_to_the_floor(play, floor, eps):
    program = watching(1.0, 1.0, min_lr=floor, **{**HALVING, "factor": 0.0, "eps": eps})

    assert play(program).lr().tolist() == [floor if 1.0 - floor >= eps else 1.0]


@given(some.each_bad(PROGRAMS, {"mode": BAD["mode"]}))
def test_reduce_on_plateau_22_mode_must_be_min_or_max(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"threshold_mode": BAD["threshold_mode"]}))
def test_reduce_on_plateau_23_threshold_mode_must_be_rel_or_abs(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"factor": BAD["factor"]}))
def test_reduce_on_plateau_24_factor_must_be_from_zero_to_below_one(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"patience": BAD["patience"]}))
def test_reduce_on_plateau_25_patience_must_be_whole_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"cooldown": BAD["cooldown"]}))
def test_reduce_on_plateau_26_cooldown_must_be_whole_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"threshold": BAD["threshold"]}))
def test_reduce_on_plateau_27_threshold_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"eps": BAD["eps"]}))
def test_reduce_on_plateau_28_eps_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(some.each_bad(PROGRAMS, {"min_lr": BAD["min_lr"]}))
def test_reduce_on_plateau_29_min_lr_must_be_finite_and_not_negative(play, programs):
    assert all(map(play.refuses, programs))


@given(PROGRAMS, st.sampled_from([-1, 1, 2]))
def test_reduce_on_plateau_30_min_lr_must_list_as_many_as_there_are_groups(play, program, more):
    assert play.refuses(some.having(program, min_lr=(0.0,) * (len(program.base_lrs) + more)))


@given(PROGRAMS)
def test_reduce_on_plateau_31_a_step_must_be_given_a_metric(play, program):
    program = replace(program, events=(*program.events, ScheduleStep()))

    assert play.refuses(program, after=len(program.events))
