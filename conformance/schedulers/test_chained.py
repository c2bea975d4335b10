"""chained: the clauses of spec/schedulers/chained.md as properties of a backend."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Schedule, ScheduleProgram

LISTS = st.lists(some.PARTS, min_size=1, max_size=4).map(tuple)
PROGRAMS = some.schedule_programs("chained", lambda draw: {"schedulers": draw(LISTS)})
BAD = {"schedulers": ((), (Schedule("constant", {"factor": -1.0}),))}


def alone(program, schedule):
    """One schedule alone over the same base rates, with the same events."""
    return ScheduleProgram(schedule.component, schedule.options, program.base_lrs, None, program.events)


@given(PROGRAMS)
def test_chained_1_rates_are_the_product_of_all_factors(play, program):
    assert play.conforms(program)


@given(PROGRAMS, st.integers(1, 8))
def test_chained_2_one_step_steps_each_of_them_once(play, program, count):
    doubled = (Schedule("exponential", {"gamma": 0.5}), Schedule("exponential", {"gamma": 2.0}))
    program = some.stepped(some.having(program, schedulers=doubled), count)

    assert play.agree(program, "lr", some.base(program))


@given(PROGRAMS, st.randoms(use_true_random=False))
def test_chained_3_the_order_is_of_no_account(play, program, random):
    schedules = list(program.options["schedulers"])
    random.shuffle(schedules)
    other = some.having(program, schedulers=tuple(schedules))

    assert play.agree(program, "lr", lambda shuffled: shuffled.lr(), other)


@given(PROGRAMS, some.PARTS)
def test_chained_4_a_single_schedule_is_itself(play, program, schedule):
    program = some.having(program, schedulers=(schedule,))

    assert play.agree(program, "lr", lambda other: other.lr(), alone(program, schedule))


@given(PROGRAMS, some.PARTS, some.PARTS)
def test_chained_5_two_schedules_multiply(play, program, first, second):
    program = some.having(program, schedulers=(first, second))
    squared = replace(program, base_lrs=tuple(base * base for base in program.base_lrs))

    assert play.agree(
        squared, "lr", lambda one, other: one.lr() * other.lr(), alone(program, first), alone(program, second)
    )


@given(PROGRAMS)
def test_chained_6_starts_with_the_rates_that_the_schedules_set(play, program):
    assert play.conforms(some.stepped(program, 0))


@given(PROGRAMS, some.PARTS)
def test_chained_7_a_schedule_that_stands_twice_counts_twice(play, program, schedule):
    program = some.having(program, schedulers=(schedule, schedule))
    base = some.base(program)

    assert play.agree(program, "lr", lambda one: one.lr() * one.lr() / base, alone(program, schedule))


@given(PROGRAMS)
def test_chained_8_there_must_be_a_schedule(play, program):
    assert play.refuses(some.having(program, schedulers=()))


@given(PROGRAMS, st.data())
def test_chained_9_reduce_on_plateau_is_refused(play, program, data):
    schedules = list(program.options["schedulers"])
    schedules[data.draw(st.integers(0, len(schedules) - 1))] = Schedule("reduce_on_plateau", {})

    assert play.refuses(some.having(program, schedulers=tuple(schedules)))
