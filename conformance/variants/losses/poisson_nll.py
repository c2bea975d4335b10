"""poisson_nll: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

LOSS = "loss = torch.exp(x) - part(y, x) if log_input else x - y * torch.log(rate)"
RATE = "rate = torch.where((y == 0) & (x + eps == 0), 1.0, x + eps)"
RESULT = "return reduce(loss + stirling(y) if full else loss, reduction)"
STIRLING = "return torch.where(large, y * torch.log(y) - y + 0.5 * torch.log(2 * math.pi * y), 0.0)"
SAFE = "    y = torch.where(large, y, 1.0)\n"
TARGET = "x, y = input, target.to(input.dtype)"
SHAPES = "shapes = (tuple(input.shape), tuple(target.shape))"
EPS = "require(eps >= 0,"

VARIANTS = (
    dialect(
        "keras",
        "poisson_nll.1 poisson_nll.2 poisson_nll.3 poisson_nll.7 poisson_nll.8 poisson_nll.9",
        ("log_input: bool = True", "log_input: bool = False"),
        ("eps: float = 1e-8", "eps: float = 1e-7"),
        shipped_by="Keras (Poisson)",
    ),
    mutant("log_input_is_a_rate", "poisson_nll.1 poisson_nll.7", (LOSS, LOSS.replace("torch.exp(x)", "x"))),
    mutant(
        "eps_is_added_to_the_logarithm",
        "poisson_nll.2",
        (RATE, "rate = torch.where((y == 0) & (x == 0), 1.0, x)"),
        (LOSS, LOSS.replace("torch.log(rate)", "(torch.log(rate) + eps)")),
    ),
    mutant(
        "eps_is_a_bound_from_below", "poisson_nll.2 poisson_nll.7 poisson_nll.10", (RATE, "rate = x.clamp(min=eps)")
    ),
    mutant("eps_is_added_to_the_rate_everywhere", "poisson_nll.2", (LOSS, LOSS.replace("else x -", "else x + eps -"))),
    mutant("eps_of_the_default_always", "poisson_nll.2 poisson_nll.8", (RATE, f"eps = 1e-8\n    {RATE}")),
    mutant(
        "eps_is_added_to_log_input_too",
        "poisson_nll.3 poisson_nll.1",
        (LOSS, LOSS.replace("torch.exp(x)", "torch.exp(x + eps)")),
    ),
    mutant(
        "mean_over_the_elements_of_the_input",
        "poisson_nll.4",
        (RESULT, "return reduce(loss + stirling(y) if full else loss, reduction, torch.tensor(input.numel()))"),
    ),
    mutant("stirling_for_every_count", "poisson_nll.5", ("large = y > 1", "large = y > 0")),
    mutant(
        "stirling_without_the_root",
        "poisson_nll.5 poisson_nll.8",
        (STIRLING, STIRLING.replace(" + 0.5 * torch.log(2 * math.pi * y)", "")),
    ),
    mutant("exact_factorial", "poisson_nll.5", (STIRLING, "return torch.where(large, torch.lgamma(y + 1), 0.0)")),
    mutant(
        "stirling_of_the_root_of_two_pi",
        "poisson_nll.5",
        (STIRLING, STIRLING.replace("2 * math.pi * y", "math.pi * y")),
    ),
    mutant(
        "full_only_with_log_input",
        "poisson_nll.5",
        (RESULT, RESULT.replace("if full else", "if full and log_input else")),
    ),
    mutant(
        "integer_counts_in_stirling",
        "poisson_nll.6",
        (RESULT, "return reduce(loss + stirling(target).to(target.dtype) if full else loss, reduction)"),
    ),
    mutant(
        "only_floating_counts",
        "poisson_nll.6",
        (
            EPS,
            "require(target.is_floating_point(), 'poisson_nll: target must have a floating dtype', target)\n    " + EPS,
        ),
    ),
    mutant("no_gradient_for_the_target", "poisson_nll.8", (TARGET, f"target = target.detach()\n    {TARGET}")),
    mutant("stirling_is_a_constant", "poisson_nll.8", (RESULT, RESULT.replace("stirling(y)", "stirling(y.detach())"))),
    mutant(
        "zero_times_infinity", "poisson_nll.9", (LOSS, LOSS.replace("part(y, x)", "y * x")), (RATE, "rate = x + eps")
    ),
    mutant(
        "no_slope_of_an_impossible_count",
        "poisson_nll.9",
        (
            LOSS,
            "loss = torch.exp(x) - part(y, x) if log_input else torch.where((y == 0) & (x == 0), 0.0, x - "
            "y * torch.log(rate))",
        ),
    ),
    mutant(
        "negative_rates_count_as_zero",
        "poisson_nll.10",
        (TARGET, "x, y = input if log_input else input.clamp(min=0), target.to(input.dtype)"),
    ),
    mutant(
        "nan_counts_are_zero",
        "poisson_nll.10",
        (TARGET, "x, y = input, target.to(input.dtype).nan_to_num(nan=0.0, posinf=torch.inf)"),
    ),
    mutant(
        "tensors_of_one_size",
        "poisson_nll.11",
        (SHAPES, f"target = target.reshape(input.shape) if target.numel() == input.numel() else target\n    {SHAPES}"),
    ),
    mutant(
        "one_number_for_each_row",
        "poisson_nll.11",
        (
            SHAPES,
            f"target = target[..., None] if target.shape == input.shape[:-1] and input.dim() else target\n    {SHAPES}",
        ),
    ),
    mutant("any_eps", "poisson_nll.12", (EPS, "require(eps == eps,")),
    mutant("eps_may_be_nan", "poisson_nll.12", (EPS, "require(not eps < 0,")),
)

EQUIVALENT = {
    "rate = torch.where((y == 0) & ((x) == 0), 1.0, x + eps)": (
        "It differs for x = -eps alone, which the page leaves open."
    ),
    "rate = torch.where((y == 0) & (((x) - (eps)) == 0), 1.0, x + eps)": (
        "It differs for x = -eps alone, which the page leaves open."
    ),
    "rate = torch.where((y == 0) & (x + eps == 0), 2.0, x + eps)": "a count of 0 makes nothing of the logarithm",
    "y = torch.where(large, y, 2.0)": "what stands in for a small count is not used",
}
