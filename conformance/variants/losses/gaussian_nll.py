"""gaussian_nll: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

BOUND = "v = torch.where(v < eps, v - v.detach() + eps, v)"
LOSS = "loss = 0.5 * (torch.log(v) + (input - target) ** 2 / v)"
RESULT = "return reduce(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)"
ROWS = "if given == shape[:-1] and given != shape:"
FITS = "fits = len(given) == len(shape) and other in ([], [1])"
TARGET = "fits = fits_into(target.shape, shape)"
NEGATIVE = "require(not (var < 0).any(),"
EPS = "require(eps >= 0,"

VARIANTS = (
    dialect(
        "log_variance",
        "gaussian_nll.1 gaussian_nll.3 gaussian_nll.7 gaussian_nll.8 gaussian_nll.9 gaussian_nll.10",
        (BOUND, "v = torch.exp(v)"),
        shipped_by="Kendall and Gal (2017)",
    ),
    mutant(
        "standard_deviation",
        "gaussian_nll.1 gaussian_nll.7 gaussian_nll.9",
        (LOSS, "loss = torch.log(v) + 0.5 * ((input - target) / v) ** 2"),
    ),
    mutant("eps_is_added", "gaussian_nll.1 gaussian_nll.8", (BOUND, "v = v + eps")),
    mutant("eps_of_the_default_always", "gaussian_nll.1 gaussian_nll.7", (BOUND, f"eps = 1e-6\n    {BOUND}")),
    mutant(
        "logarithm_of_the_given_variance",
        "gaussian_nll.1",
        (BOUND, f"s = v\n    {BOUND}"),
        (LOSS, LOSS.replace("torch.log(v)", "torch.log(s)")),
    ),
    mutant(
        "no_half_of_the_square",
        "gaussian_nll.1 gaussian_nll.3 gaussian_nll.8",
        (LOSS, "loss = 0.5 * torch.log(v) + (input - target) ** 2 / v"),
    ),
    mutant(
        "full_adds_the_whole_logarithm",
        "gaussian_nll.2",
        (RESULT, RESULT.replace("0.5 * math.log(2 * math.pi)", "math.log(2 * math.pi)")),
    ),
    mutant("full_is_forgotten", "gaussian_nll.2", (RESULT, "return reduce(loss, reduction)")),
    mutant(
        "variances_of_the_columns",
        "gaussian_nll.4",
        (
            ROWS,
            "if given == shape[-1:] and given != shape:\n        return var.expand(shape)\n"
            "    if given == shape[:-1] and given != shape:",
        ),
    ),
    mutant("no_variances_of_the_rows", "gaussian_nll.4", (ROWS, "if False:")),
    mutant("target_in_full", "gaussian_nll.5", (TARGET, "fits = tuple(target.shape) == shape")),
    mutant(
        "mean_over_the_elements_of_the_target",
        "gaussian_nll.5",
        (RESULT, RESULT.replace("reduction)", "reduction, torch.tensor(target.numel()))")),
    ),
    mutant(
        "error_relative_to_the_target",
        "gaussian_nll.1 gaussian_nll.3 gaussian_nll.6",
        (LOSS, "loss = 0.5 * (torch.log(v) + (input - target) ** 2 / (v * (1 + target.abs())))"),
    ),
    mutant("no_gradient_for_the_target", "gaussian_nll.8", (LOSS, LOSS.replace("- target)", "- target.detach())"))),
    mutant("slope_zero_below_eps", "gaussian_nll.9", (BOUND, "v = torch.where(v < eps, eps, v)")),
    mutant(
        "gradient_of_a_repeated_variance_is_a_mean",
        "gaussian_nll.9",
        (
            "v = repeated(var, shape)",
            "v = repeated(var, shape)\n    v = v.detach() + (v - v.detach()) * v.numel() / max(math.prod(shape), 1)",
        ),
    ),
    mutant(
        "large_errors_are_cut",
        "gaussian_nll.10",
        (LOSS, LOSS.replace("(input - target)", "(input - target).clamp(-1e4, 1e4)")),
    ),
    mutant(
        "equal_infinities_are_right",
        "gaussian_nll.10",
        (LOSS, LOSS.replace("(input - target)", "torch.where(input == target, 0.0, input - target)")),
    ),
    mutant(
        "nan_variance_is_small",
        "gaussian_nll.10",
        (BOUND, "v = torch.where(v >= eps, v, v - v.detach() + eps).nan_to_num(nan=1.0, posinf=torch.inf)"),
    ),
    mutant("negative_variances_count_as_eps", "gaussian_nll.11", (NEGATIVE, "require(True,")),
    mutant("first_variance_is_looked_at", "gaussian_nll.11", (NEGATIVE, "require(not (var.flatten()[:1] < 0).any(),")),
    mutant(
        "any_axes_of_length_one", "gaussian_nll.12", (FITS, "fits = len(given) == len(shape) and set(other) <= {1}")
    ),
    mutant("variance_is_broadcast", "gaussian_nll.12", (FITS, "fits = fits_into(given, shape)")),
    mutant(
        "target_may_be_larger",
        "gaussian_nll.13",
        ("import check_floating, fits_into, reduce", "import broadcastable, check_floating, reduce"),
        (TARGET, "fits = broadcastable(target.shape, shape)"),
    ),
    mutant("any_eps", "gaussian_nll.14", (EPS, "require(eps == eps,")),
    mutant("eps_may_be_nan", "gaussian_nll.14", (EPS, "require(not eps < 0,")),
)

EQUIVALENT = {
    "v = torch.where(v <= eps, v - v.detach() + eps, v)": "where the two are equal both are the variance, with slope 1",
}
