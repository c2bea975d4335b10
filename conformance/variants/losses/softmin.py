"""softmin: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

AXIS = 'axis = axis_of("softmin", input, dim)'
E = "e = torch.exp(shifted(-input, axis))"
SHARES = "return e / e.sum(axis, keepdim=True)"
SOFTMAX = "losses/softmax.py"
REQUIRE = "from torchstone.reference.loss import check_floating\n"

VARIANTS = (
    dialect(
        "soft_minimum",
        "softmin.1 softmin.2 softmin.3 softmin.4 softmin.6 softmin.7 softmin.8 softmin.9 softmin.10 "
        "softmin.11 loss.14 loss.15 loss.17",
        (SHARES, "return -torch.logsumexp(-input, axis)"),
        shipped_by="texts on smooth minima",
    ),
    mutant("sign_of_softmax", "softmin.1 softmin.2 softmin.4 softmin.9", (E, "e = torch.exp(shifted(input, axis))")),
    mutant("one_less_softmax", "softmin.1 softmin.2", (E, "e = 1 - torch.softmax(input, axis)")),
    mutant(
        "gradient_keeps_its_sign",
        "softmin.2 softmin.9",
        (E, "x = -input.detach() + (input - input.detach())\n    e = torch.exp(shifted(x, axis))"),
    ),
    mutant("sum_over_the_last_axis", "softmin.1 softmin.3", (SHARES, "return e / e.sum(-1, keepdim=True)")),
    mutant(
        "small_number_in_the_denominator",
        "softmin.1 softmin.3",
        (SHARES, "return e / (e.sum(axis, keepdim=True) + 1e-6)"),
    ),
    mutant("axis_one_of_three", "softmin.5", ("in (0, 1, 3) else 1", "in (0, 1) else 1"), file=SOFTMAX),
    mutant("last_axis", "softmin.5", (AXIS, 'axis = axis_of("softmin", input, -1 if dim is None else dim)')),
    mutant("exponentials_overflow", "softmin.6 softmin.7", (E, "e = torch.exp(-input)")),
    mutant("shifted_by_the_largest", "softmin.6", (E, "e = torch.exp(-shifted(input, axis))")),
    mutant("reciprocals_of_exponentials", "softmin.6 softmin.7", (E, "e = 1 / torch.exp(input)")),
    mutant(
        "no_number_alone",
        "softmin.8",
        (AXIS, f'require(input.dim() > 0, "softmin: input must have an axis", input)\n    {AXIS}'),
        (REQUIRE, f"from torchstone.reference.checks import require\n{REQUIRE}"),
    ),
    mutant("sum_gets_no_gradient", "softmin.9", (SHARES, "return e / e.sum(axis, keepdim=True).detach()")),
    mutant(
        "masked_slices_are_zero", "softmin.10", (SHARES, "return (e / e.sum(axis, keepdim=True)).nan_to_num(nan=0.0)")
    ),
    mutant(
        "minus_infinity_is_certain",
        "softmin.10",
        (E, "e = torch.exp(shifted(-input.nan_to_num(nan=torch.nan, posinf=torch.inf), axis))"),
    ),
    mutant(
        "mask_is_a_large_number",
        "softmin.10",
        (E, "e = torch.exp(shifted(-torch.where(input == torch.inf, 5.0, input), axis))"),
    ),
    mutant(
        "no_empty_axis",
        "softmin.11",
        (AXIS, f'require(input.numel() > 0, "softmin: input must not be empty", input)\n    {AXIS}'),
        (REQUIRE, f"from torchstone.reference.checks import require\n{REQUIRE}"),
    ),
    mutant("booleans_are_axes", "softmin.12", (" and not isinstance(dim, bool)", ""), file=SOFTMAX),
    mutant(
        "whole_numbers_are_axes",
        "softmin.12",
        (
            "whole = isinstance(dim, int) and not isinstance(dim, bool)",
            "whole = dim == dim // 1\n    dim = int(dim) if whole else dim",
        ),
        file=SOFTMAX,
    ),
    mutant(
        "axes_in_a_circle",
        "softmin.13",
        ("-axes <= dim < axes, f", "True, f"),
        ("    return dim\n", "    return dim % axes\n"),
        file=SOFTMAX,
    ),
)
