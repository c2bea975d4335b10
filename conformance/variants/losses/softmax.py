"""softmax: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

AXIS = 'axis = axis_of("softmax", input, dim)'
E = "e = torch.exp(shifted(input, axis))"
SHARES = "return e / e.sum(axis, keepdim=True)"
SMALLER = "-axes <= dim < axes, f"
WHOLE = "whole = isinstance(dim, int) and not isinstance(dim, bool)"

VARIANTS = (
    dialect(
        "last_axis",
        "softmax.4",
        (AXIS, 'axis = axis_of("softmax", input, -1 if dim is None else dim)'),
        shipped_by="jax, mlx",
    ),
    mutant("sum_over_the_last_axis", "softmax.1 softmax.2", (SHARES, "return e / e.sum(-1, keepdim=True)")),
    mutant("powers_of_two", "softmax.1 softmax.10", (E, "e = torch.exp2(shifted(input, axis))")),
    mutant(
        "small_number_in_the_denominator",
        "softmax.1 softmax.2",
        (SHARES, "return e / (e.sum(axis, keepdim=True) + 1e-6)"),
    ),
    mutant("sign_of_softmin", "softmax.1 softmax.3", (E, "e = torch.exp(shifted(-input, axis))")),
    mutant("axis_one_of_three", "softmax.4", ("in (0, 1, 3) else 1", "in (0, 1) else 1")),
    mutant("axis_zero_always", "softmax.4", ("dim = 0 if input.dim() in (0, 1, 3) else 1", "dim = 0")),
    mutant("exponentials_overflow", "softmax.5 softmax.6", (E, "e = torch.exp(input)")),
    mutant(
        "shifted_by_the_mean",
        "softmax.5",
        (E, "e = torch.exp(input - input.detach().mean(axis, keepdim=True)) if input.numel() else input"),
    ),
    mutant("large_logits_are_clipped", "softmax.1 softmax.6", (E, "e = torch.exp(input.clamp(-10, 10))")),
    mutant(
        "minus_two_is_the_last_axis",
        "softmax.7",
        ("    return dim\n", "    return dim if dim >= 0 else max(dim + axes - 1, 0)\n"),
    ),
    mutant(
        "no_number_alone",
        "softmax.8",
        (AXIS, f'require(input.dim() > 0, "softmax: input must have an axis", input)\n    {AXIS}'),
    ),
    mutant("sum_up_to_here", "softmax.1 softmax.2 softmax.9", (SHARES, "return e / e.cumsum(axis)")),
    mutant(
        "sum_gets_no_gradient",
        "softmax.10",
        (SHARES, "return e / e.sum(axis, keepdim=True).detach()"),
    ),
    mutant(
        "masked_slices_are_zero", "softmax.11", (SHARES, "return (e / e.sum(axis, keepdim=True)).nan_to_num(nan=0.0)")
    ),
    mutant(
        "infinity_is_certain",
        "softmax.11",
        (E, "e = torch.exp(shifted(input.nan_to_num(nan=torch.nan, neginf=-torch.inf), axis))"),
    ),
    mutant(
        "mask_is_a_large_number",
        "softmax.11",
        (E, "e = torch.exp(shifted(torch.where(input == -torch.inf, -5.0, input), axis))"),
    ),
    mutant(
        "no_empty_axis",
        "softmax.12",
        (AXIS, f'require(input.numel() > 0, "softmax: input must not be empty", input)\n    {AXIS}'),
    ),
    mutant("booleans_are_axes", "softmax.13", (WHOLE, "whole = isinstance(dim, int)")),
    mutant(
        "whole_numbers_are_axes", "softmax.13", (WHOLE, "whole = dim == dim // 1\n    dim = int(dim) if whole else dim")
    ),
    mutant("axes_in_a_circle", "softmax.14", (SMALLER, "True, f"), ("    return dim\n", "    return dim % axes\n")),
)

EQUIVALENT = {
    "input - (input).amax(axis, keepdim=True) if input.numel() else input": "the shift cancels, in the gradient too",
}
