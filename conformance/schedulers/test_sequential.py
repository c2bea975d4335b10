"""sequential: the clauses of spec/schedulers/sequential.md as properties of a backend."""

import math

from hypothesis import given
from hypothesis import strategies as st

from torchstone.conformance import strategies as some
from torchstone.conformance.program import Schedule, ScheduleProgram


@st.composite
def options(draw):
    schedules = tuple(draw(some.PARTS) for _ in range(draw(st.sampled_from([2, 1, 3, 4]))))
    milestones = draw(st.lists(st.integers(0, 9), min_size=len(schedules) - 1, max_size=len(schedules) - 1))
    return {"schedulers": schedules, "milestones": tuple(sorted(milestones))}


PROGRAMS = some.schedule_programs("sequential", lambda draw: draw(options()))
BAD = {"schedulers": ((), (Schedule("constant", {"factor": -1.0}),))}


def of(program, schedulers, *milestones):
    return some.having(program, schedulers=tuple(schedulers), milestones=milestones)


def alone(program, schedule, count):
    """One schedule alone over the same base rates, stepped so many times."""
    return some.stepped(ScheduleProgram(schedule.component, schedule.options, program.base_lrs), count)


@given(PROGRAMS)
def test_sequential_1_rates_are_those_of_the_schedule_of_t(play, program):
    assert play.conforms(program)


@given(PROGRAMS, some.PARTS, some.PARTS, st.integers(1, 9), st.integers(0, 8))
def test_sequential_2_the_first_schedule_is_alone_until_the_milestone(play, program, first, second, milestone, t):
    program = some.stepped(of(program, (first, second), milestone), min(t, milestone - 1))

    assert play.agree(program, "lr", lambda other: other.lr(), alone(program, first, len(program.events)))


@given(PROGRAMS, some.PARTS, some.PARTS, st.integers(0, 9))
def test_sequential_3_the_step_that_reaches_a_milestone_begins_the_next(play, program, first, second, milestone):
    program = some.stepped(of(program, (first, second), milestone), milestone)

    assert play.agree(program, "lr", lambda other: other.lr(), alone(program, second, 0))


@given(PROGRAMS, some.PARTS, some.PARTS, st.integers(1, 5), st.integers(0, 5), st.booleans())
def test_sequential_4_a_schedule_knows_nothing_of_those_before_it(play, program, first, second, milestone, t, ended):
    if ended:
        first = Schedule("polynomial", {"total_iters": 1})  # the rate is 0 after one step
    program = some.stepped(of(program, (first, second), milestone), milestone + t)

    assert play.agree(program, "lr", lambda other: other.lr(), alone(program, second, t))


@given(PROGRAMS, some.PARTS, st.integers(0, 9))
def test_sequential_5_a_single_schedule_is_itself(play, program, schedule, t):
    program = some.stepped(of(program, (schedule,)), t)

    assert play.agree(program, "lr", lambda other: other.lr(), alone(program, schedule, t))


@given(PROGRAMS, some.PARTS, some.PARTS, st.integers(0, 5))
def test_sequential_6_a_milestone_of_zero_begins_at_construction(play, program, first, second, t):
    program = some.stepped(of(program, (first, second), 0), t)

    assert play.agree(program, "lr", lambda other: other.lr(), alone(program, second, t))


@given(PROGRAMS, st.tuples(some.PARTS, some.PARTS, some.PARTS), st.integers(1, 4), st.integers(0, 5))
def test_sequential_7_of_equal_milestones_the_last_counts(play, program, schedules, milestone, t):
    program = some.stepped(of(program, schedules, milestone, milestone), milestone + t)

    assert play.agree(program, "lr", lambda other: other.lr(), alone(program, schedules[2], t))


@given(PROGRAMS)
def test_sequential_8_what_the_others_did_when_built_leaves_no_trace(play, program):
    schedules, milestones = program.options["schedulers"], program.options["milestones"]
    first = schedules[sum(milestone == 0 for milestone in milestones)]
    program = some.stepped(program, 0)

    assert play.agree(program, "lr", lambda other: other.lr(), alone(program, first, 0))


@given(PROGRAMS)
def test_sequential_9_there_must_be_a_schedule(play, program):
    assert play.refuses(of(program, ()))


@given(PROGRAMS, st.sampled_from([1, -1, 2]))
def test_sequential_10_there_must_be_one_milestone_fewer_than_schedules(play, program, more):
    schedules, milestones = program.options["schedulers"], program.options["milestones"]
    other = (*milestones, 20, 30)[: max(len(milestones) + more, 0)]
    if other == milestones:
        other = (20,)

    assert play.refuses(of(program, schedules, *other))


@given(PROGRAMS, some.PARTS)
def test_sequential_11_milestones_must_be_whole_and_in_order(play, program, schedule):
    for milestones in ((-1,), (2.5,), (math.nan,), (math.inf,), (5, 3), (1, 0)):
        assert play.refuses(of(program, (schedule,) * (len(milestones) + 1), *milestones))


@given(PROGRAMS, st.data())
def test_sequential_12_reduce_on_plateau_is_refused(play, program, data):
    schedules = list(program.options["schedulers"])
    schedules[data.draw(st.integers(0, len(schedules) - 1))] = Schedule("reduce_on_plateau", {})

    assert play.refuses(some.having(program, schedulers=tuple(schedules)))
