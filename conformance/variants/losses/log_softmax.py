"""log_softmax: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

AXIS = 'axis = axis_of("log_softmax", input, dim)'
X = "x = shifted(input, axis)"
RESULT = "return x - torch.log(torch.exp(x).sum(axis, keepdim=True))"
SOFTMAX = "losses/softmax.py"
REQUIRE = "from torchstone.reference.loss import check_floating\n"

VARIANTS = (
    dialect(
        "log_of_softmax",
        "log_softmax.5 log_softmax.10 log_softmax.11",
        (RESULT, "return torch.log(torch.exp(x) / torch.exp(x).sum(axis, keepdim=True))"),
        shipped_by="models that end in softmax, whose caller takes the logarithm",
    ),
    dialect(
        "last_axis",
        "log_softmax.3",
        (AXIS, 'axis = axis_of("log_softmax", input, -1 if dim is None else dim)'),
        shipped_by="jax, mlx",
    ),
    mutant("sum_over_the_last_axis", "log_softmax.1 log_softmax.2", (RESULT, RESULT.replace("sum(axis,", "sum(-1,"))),
    mutant(
        "logarithm_to_the_base_two",
        "log_softmax.1 log_softmax.2 log_softmax.10",
        (RESULT, RESULT.replace("torch.log(", "torch.log2(")),
    ),
    mutant(
        "small_number_in_the_logarithm",
        "log_softmax.1",
        (RESULT, RESULT.replace("keepdim=True)", "keepdim=True) + 1e-7")),
    ),
    mutant("axis_one_of_three", "log_softmax.3", ("in (0, 1, 3) else 1", "in (0, 1) else 1"), file=SOFTMAX),
    mutant(
        "shift_is_not_taken_back",
        "log_softmax.1 log_softmax.2 log_softmax.4 log_softmax.6 log_softmax.7",
        (RESULT, RESULT.replace("return x", "return input")),
    ),
    mutant(
        "mean_in_place_of_the_sum",
        "log_softmax.1 log_softmax.2 log_softmax.4",
        (RESULT, RESULT.replace(".sum(", ".mean(")),
    ),
    mutant("exponentials_overflow", "log_softmax.5 log_softmax.6", (X, "x = input")),
    mutant(
        "no_number_below_minus_100",
        "log_softmax.1",
        (RESULT, f"{RESULT.replace('return ', 'return (')}).clamp(min=-100.0)"),
    ),
    mutant(
        "sum_up_to_here",
        "log_softmax.1 log_softmax.2 log_softmax.9",
        (RESULT, "return x - torch.log(torch.exp(x).cumsum(axis))"),
    ),
    mutant(
        "no_number_alone",
        "log_softmax.8",
        (AXIS, f'require(input.dim() > 0, "log_softmax: input must have an axis", input)\n    {AXIS}'),
        (REQUIRE, f"from torchstone.reference.checks import require\n{REQUIRE}"),
    ),
    mutant("sum_gets_no_gradient", "log_softmax.10", (RESULT, RESULT.replace("torch.exp(x)", "torch.exp(x.detach())"))),
    mutant(
        "masked_slices_are_zero",
        "log_softmax.11",
        (RESULT, f"{RESULT.replace('return ', 'return (')}).nan_to_num(nan=0.0, neginf=-torch.inf)"),
    ),
    mutant(
        "mask_is_a_large_number",
        "log_softmax.11",
        (RESULT, f"{RESULT.replace('return ', 'return (')}).nan_to_num(nan=torch.nan)"),
    ),
    mutant(
        "infinity_is_certain",
        "log_softmax.11",
        (X, "x = shifted(input.nan_to_num(nan=torch.nan, neginf=-torch.inf), axis)"),
    ),
    mutant(
        "no_empty_axis",
        "log_softmax.12",
        (AXIS, f'require(input.numel() > 0, "log_softmax: input must not be empty", input)\n    {AXIS}'),
        (REQUIRE, f"from torchstone.reference.checks import require\n{REQUIRE}"),
    ),
    mutant("booleans_are_axes", "log_softmax.13", (" and not isinstance(dim, bool)", ""), file=SOFTMAX),
    mutant(
        "whole_numbers_are_axes",
        "log_softmax.13",
        (
            "whole = isinstance(dim, int) and not isinstance(dim, bool)",
            "whole = dim == dim // 1\n    dim = int(dim) if whole else dim",
        ),
        file=SOFTMAX,
    ),
    mutant(
        "axes_in_a_circle",
        "log_softmax.14",
        ("-axes <= dim < axes, f", "True, f"),
        ("    return dim\n", "    return dim % axes\n"),
        file=SOFTMAX,
    ),
)
