"""The model of rounding: what it perturbs, by how much, and what it leaves alone."""

import pytest
import torch

from torchstone.conformance.rounding import DOUBLE, Rounding, Scalar, scalar

UNITS = {torch.float64: 2**-53, torch.float32: 2**-24, torch.bfloat16: 2**-8, torch.float16: 2**-11}


def data(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("dtype", UNITS)
def test_an_elementwise_result_moves_by_up_to_the_unit_roundoff(dtype):
    x = torch.linspace(1, 50, 1000, dtype=torch.float64)
    with Rounding(dtype, 0):
        moved = x * 3.7
    relative = ((moved - x * 3.7) / (x * 3.7)).abs()
    largest = 2**-51 if dtype == torch.float64 else 1.01 * UNITS[dtype]
    assert (relative > 0.49 * UNITS[dtype]).all()
    assert (relative <= largest).all()
    assert ((moved - x * 3.7).sign().sum()).abs() < 150  # both signs, about as often


def test_the_same_run_gives_the_same_numbers_and_another_run_others():
    def run(number):
        with Rounding(torch.float32, number):
            return data(1.0, 2.0, 3.0) / 7

    assert torch.equal(run(3), run(3))
    assert not torch.equal(run(3), run(4))


def test_exact_operations_are_left_alone():
    x = data(-1.5, 0.0, 2.25, 3.0)
    with Rounding(torch.bfloat16, 0):
        results = [
            -x,
            x.abs(),
            x.clamp(-1, 1),
            torch.where(x > 0, x, 0.0),
            x.flip(0),
            torch.maximum(x, x / x.abs().max() * 0),
        ]
    for result, exact in zip(results[:5], [-x, x.abs(), x.clamp(-1, 1), x.relu(), x.flip(0)], strict=True):
        assert torch.equal(result, exact)


def test_zero_stays_zero_and_signs_stay():
    x = data(0.0, 1e-45, -1e-45, 5e-324)
    for run in range(20):
        with Rounding(torch.float32, run):
            moved = x * 1.0
        assert moved[0] == 0
        assert moved[1] >= 0 >= moved[2]
        assert moved.abs().max() < 1.1 * torch.finfo(torch.float32).tiny


def test_underflow_is_modelled_by_an_absolute_error():
    with Rounding(torch.float32, 0):
        moved = data(1e-30, 1e-30) * data(1e-15, 1e-14)
    assert (moved - data(1e-45, 1e-44)).abs().max() > 0.4 * torch.finfo(torch.float32).tiny or (moved == 0).any()


def test_subnormal_numbers_are_kept_in_some_runs_and_flushed_in_others():
    def run(number):
        with Rounding(torch.float16, number):
            return (data(2.0**-24, 1.0) * 1.0)[0].item()

    found = [run(number) for number in range(20)]
    assert 0.0 in found
    assert any(2.0**-25 <= number <= 1.5 * 2.0**-24 for number in found)


@pytest.mark.parametrize(("run", "least"), [(4, 2.0**-14), (5, 2.0**-25)])
def test_some_runs_have_nothing_that_is_too_small_anywhere(run, least):
    with Rounding(torch.float16, run):
        given = data(0.9 * least, -0.9 * least, 1.1 * least)
        product = data(1.0, 1.0, 1.0) * data(0.9 * least, -0.9 * least, 1.1 * least)
        computed = data(0.75, 0.75, 1.0) * (data(1.25, 1.25, 1.25) * least)
    for found in (given, product, computed):
        assert found[:2].tolist() == [0.0, 0.0]
        assert found[2] > least


def test_what_underflows_in_float64_itself_is_no_exact_zero():
    tiny = data(1e-200, -1e-200, 0.0, 1e-200)
    for operation in (lambda x: x * data(1e-200, 1e-200, 1.0, 0.0), lambda x: x / 1e200 * data(1, 1, 1, 0)):
        found = []
        for run in range(8):
            with Rounding(torch.float64, run):
                found.append(operation(tiny))
        assert max(each[0] for each in found) > 0
        assert min(each[1] for each in found) < 0
        assert all(each[0] >= 0 >= each[1] for each in found)
        assert all(each[2] == each[3] == 0 for each in found)
    with Rounding(torch.float64, 0):
        assert (data(-1e-200) ** 2).item() >= 0


def test_a_scalar_does_not_underflow_where_the_data_do():
    with Rounding(torch.float16, 0):
        moved = scalar(torch.tensor(1e-9, dtype=torch.float64)) * 1.0
    assert 0 < abs(moved.item() - 1e-9) < 1e-24


def test_what_is_too_large_is_infinite_in_some_runs_and_finite_in_others():
    def run(number):
        with Rounding(torch.float32, number):
            return (data(3e38) * 10).isinf().item()

    assert {run(number) for number in range(20)} == {True, False}


def test_poles_and_infinities_are_exact():
    with Rounding(torch.float32, 0):
        assert (data(1.0) / 0.0).item() == float("inf")
        assert data(0.0).log().item() == float("-inf")
        assert (data(float("inf")) * 2).item() == float("inf")
        assert (data(float("inf")) - data(float("inf"))).isnan().all()


def test_the_inputs_of_a_reduction_are_perturbed_by_more_the_longer_it_is():
    def spread(n):
        x = torch.ones(n, dtype=torch.float64)
        with Rounding(torch.float32, 0):
            x.sum()  # the noise of one run is not that of the next
        results = []
        for run in range(30):
            with Rounding(torch.float32, run):
                results.append((torch.stack([torch.ones(n, dtype=torch.float64), -x]).sum()).item())
        return max(map(abs, results)) / n

    assert 0 < spread(4) < 20 * 2**-24
    assert 0 < spread(1024) < 20 * 2**-24


def test_gradients_are_perturbed_too():
    x = data(0.3, 0.7).requires_grad_()
    with Rounding(torch.float32, 0):
        (gradient,) = torch.autograd.grad((x.exp() * x).sum(), x)
    exact = (1 + x.detach()) * x.detach().exp()
    assert ((gradient - exact).abs() > 0).all()
    assert ((gradient - exact).abs() < 8 * 2**-24 * exact).all()


def test_scalars_keep_the_precision_of_float64():
    rounding = Rounding(torch.bfloat16, 0)
    with rounding:
        beta = Scalar(0.999, rounding)
        correction = 1 - beta**2
        assert isinstance(correction, Scalar)
        assert 0 < abs(correction - (1 - 0.999**2)) < 1e-12
        assert isinstance(correction * data(1.0), torch.Tensor)
        rate = scalar(torch.tensor(0.1, dtype=torch.float64)) * 2
        assert abs(rate.item() - 0.2) < 4 * DOUBLE
        narrow = scalar(torch.tensor(0.1, dtype=torch.float64), 2**-24) * 2
        assert abs(narrow.item() - 0.2) > 0.1 * 2**-24
    assert -beta == -0.999


def test_a_row_stored_twice_is_a_sum_and_one_stored_once_is_exact():
    sparse = torch.sparse_coo_tensor([[2, 0, 2]], data(1.0, 3.0, 1.0), (3,), check_invariants=True)
    found = []
    for run in range(20):
        with Rounding(torch.float32, run):
            found.append(sparse.coalesce().to_dense().tolist())
    assert {row[0] for row in found} == {3.0}
    assert {row[1] for row in found} == {0.0}
    assert len({row[2] for row in found}) > 10
    assert all(abs(row[2] - 2.0) < 8 * UNITS[torch.float32] for row in found)


def test_two_runs_round_to_the_nearest_number_of_the_dtype_where_a_difference_may_vanish():
    # 0.1 * x is half-way to the next number of bfloat16 from y: to the nearest they are equal, in other runs never.
    x, y = data(1.0, 3.0) / 3, data(1.0, 3.0) / 30

    def left(dtype, run):
        with Rounding(dtype, run):
            return 0.1 * x - y.to(dtype).double()

    vanished = [run for run in range(24) if (left(torch.bfloat16, run) == 0).any()]
    assert vanished == [1, 7]
    assert torch.equal(left(torch.bfloat16, 7), (0.1 * x.to(torch.bfloat16) - y.to(torch.bfloat16)).double())


@pytest.mark.parametrize(("dtype", "unit"), [(torch.float32, 2**-24), (torch.float64, 2**-52)])
def test_an_exponent_that_the_dtype_does_not_have_is_rounded_too(dtype, unit):
    x = data(1e-10, 1e-10)
    for exponent, least, most in ((1 / 3, 4, 20), (0.5, 0, 2), (3.0, 0, 2)):
        errors = []
        for run in range(24):
            with Rounding(dtype, run):
                moved = x**exponent
            errors.append(float(((moved - x**exponent) / x**exponent).abs().max()) / unit)
        assert least < max(errors) < most
