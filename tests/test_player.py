"""What a test is handed as `play`."""

import hypothesis
import pytest
from hypothesis import strategies as st

from torchstone.conformance.backend import Unsupported
from torchstone.conformance.backends import reference
from torchstone.conformance.known import Deviation
from torchstone.conformance.player import FEW, PATIENCE, Player
from torchstone.conformance.program import LossProgram, TensorData

NUMBERS = st.integers(0, 10**6)


def program(number):
    one = TensorData("float64", (1,), (float(number),))
    return LossProgram("mse", {}, {"input": one, "target": one})


class Picky:
    """The reference, where it takes a program."""

    name, version = "picky", "0"

    def __init__(self, why):
        self.why = why
        self.asked = 0

    def play(self, given):
        self.asked += 1
        reason = self.why(self.asked)
        if reason:
            raise Unsupported(reason)
        return reference.make().play(given)


def willing():
    return Picky(lambda asked: "")


def played(backend, hopeless):
    """What becomes of one test: `passed`, or that it was skipped."""
    player = Player(backend, hopeless=hopeless)

    @hypothesis.seed(0)
    @hypothesis.settings(
        max_examples=12, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(NUMBERS)
    def test(number):
        assert player.conforms(program(number))

    try:
        test()
    except pytest.skip.Exception as skipped:
        return str(skipped)
    return "passed"


def test_a_test_of_which_nothing_can_be_played_is_given_up_and_the_next_one_sooner():
    backend, hopeless = Picky(lambda asked: "it has no MSELoss"), set()
    assert played(backend, hopeless) == "unsupported: it has no MSELoss"
    first, backend.asked = backend.asked, 0
    assert first >= PATIENCE
    assert played(backend, hopeless) == "unsupported: it has no MSELoss"
    assert FEW <= backend.asked < PATIENCE


def test_programs_are_unsupported_for_several_reasons_and_none_is_remembered():
    backend, hopeless = Picky(lambda asked: f"no option {asked % 2}"), set()
    assert played(backend, hopeless).startswith("unsupported: no option")
    assert hopeless == set()


def test_a_few_programs_that_can_be_played_are_played_whatever_was_unsupported_before():
    backend, hopeless = Picky(lambda asked: "not those" if asked % FEW else ""), {"not those"}
    assert played(backend, hopeless) == "passed"


def test_one_example_plays_a_program_once_and_the_next_example_plays_it_again():
    backend, one = willing(), program(1)
    player = Player(backend)
    for example in (1, 2):
        player.begin()
        assert player(one) is player(one)
        assert player.agree(one, "value", lambda trace: trace.value, one)
        assert backend.asked == example
    assert sum(counts["programs"] for counts in player.ledger.counts.values()) == 2


def test_a_program_that_is_made_anew_is_played_anew():
    backend = willing()
    player = Player(backend)
    assert player(program(1)) is not player(program(1))
    assert backend.asked == 2


def test_a_stored_program_is_played_once_for_all_clauses_that_its_deviation_shows_in():
    backend, replays, stored = willing(), {}, program(1)
    outcomes = [
        Player(backend, replays=replays).replay(Deviation(clause, "mse", "", stored)).outcome
        for clause in ("mse.1", "loss.2")
    ]
    assert outcomes == ["pass", "pass"]
    assert backend.asked == 1
