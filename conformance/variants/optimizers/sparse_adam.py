"""sparse_adam: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "eps_corrected",
        "sparse_adam.7 sparse_adam.10",
        ("(v.sqrt() + eps)", "(v.sqrt() + eps * (1 - beta2**t) ** 0.5)"),
        shipped_by="DGL",
    ),
    dialect(
        "decaying",
        "sparse_adam.2 sparse_adam.12",
        (
            "torch.zeros_like(param, dtype=torch.bool).index_fill(0, rows.indices()[0], True)",
            "torch.ones_like(param, dtype=torch.bool)",
        ),
        shipped_by="TensorFlow's Adam under sparse gradients",
    ),
    dialect(
        "row_counts",
        "sparse_adam.5",
        ("t = state.t + 1  #", "pass  #"),
        ("rows.indices()[0], True)", ("rows.indices()[0], True)\n    t = state.t + stored.to(param.dtype)")),
        shipped_by="DGL",
    ),
    mutant(
        "last_value_wins",
        "sparse_adam.1",
        (
            "-rows.to_dense() if maximize else rows.to_dense()",
            "(-1 if maximize else 1) * torch.zeros_like(param).index_copy(0, grad._indices()[0], grad._values())",
        ),
    ),
    mutant(
        "sum_of_the_squares",
        "sparse_adam.1",
        (
            "(1 - beta2) * g**2",
            "(1 - beta2) * torch.zeros_like(param).index_add(0, grad._indices()[0], grad._values() ** 2)",
        ),
    ),
    mutant(
        "rows_taken_for_sorted",
        "sparse_adam.9",
        (
            "rows = grad.coalesce()",
            "rows = torch.sparse_coo_tensor(grad._indices().sort()[0], grad._values(), grad.shape).coalesce()",
        ),
    ),
    mutant(
        "unstored_averages_decay", "sparse_adam.2", ("(1 - beta1) * g, state.m)", "(1 - beta1) * g, beta1 * state.m)")
    ),
    mutant(
        "first_moment_is_a_sum",
        "sparse_adam.3 sparse_adam.10",
        ("beta1 * state.m + (1 - beta1) * g", "beta1 * state.m + g"),
    ),
    mutant("second_moment_of_the_first", "sparse_adam.4 sparse_adam.10", ("(1 - beta2) * g**2", "(1 - beta2) * m**2")),
    mutant(
        "second_moment_with_the_first_beta",
        "sparse_adam.4 sparse_adam.10",
        ("beta2 * state.v + (1 - beta2) * g**2", "beta1 * state.v + (1 - beta1) * g**2"),
    ),
    mutant(
        "empty_gradients_do_not_count",
        "sparse_adam.5 sparse_adam.12",
        ("t = state.t + 1  #", "t = state.t + (grad._nnz() > 0)  #"),
        ("(1 - beta2**t) ** 0.5 / (1 - beta1**t)", "(1 - beta2 ** max(1, t)) ** 0.5 / (1 - beta1 ** max(1, t))"),
    ),
    mutant("rate_not_corrected", "sparse_adam.6 sparse_adam.10", ("lr * (1 - beta2**t) ** 0.5 / (1 - beta1**t)", "lr")),
    mutant("corrected_without_the_root", "sparse_adam.6 sparse_adam.10", ("(1 - beta2**t) ** 0.5", "(1 - beta2**t)")),
    mutant("eps_in_root", "sparse_adam.7 sparse_adam.10 sparse_adam.11", ("(v.sqrt() + eps)", "(v + eps).sqrt()")),
    mutant(
        "stored_zeros_are_not_stored",
        "sparse_adam.8",
        ("torch.zeros_like(param, dtype=torch.bool).index_fill(0, rows.indices()[0], True)", "rows.to_dense() != 0"),
    ),
    mutant("eps_above_and_below", "sparse_adam.7 sparse_adam.10 sparse_adam.13", ("rate * m /", "rate * (m + eps) /")),
    mutant(
        "never_nan",
        "sparse_adam.14",
        ("rate * m / (v.sqrt() + eps)", "(rate * m / (v.sqrt() + eps)).nan_to_num(nan=0.0)"),
    ),
    mutant(
        "masked_by_a_product",
        "sparse_adam.15",
        (
            "torch.where(stored, param - rate * m / (v.sqrt() + eps), param)",
            "stored * (param - rate * m / (v.sqrt() + eps)) + ~stored * param",
        ),
    ),
    mutant("rate_of_zero_passes", "sparse_adam.16", ("require(lr > 0,", "require(lr >= 0,")),
    mutant("beta_of_one_passes", "sparse_adam.17", ("0 <= beta2 < 1", "0 <= beta2 <= 1")),
    mutant("first_beta_below_zero_passes", "sparse_adam.17", ("0 <= beta1 < 1", "beta1 < 1")),
    mutant("epsilon_of_zero_passes", "sparse_adam.18", ("require(eps > 0,", "require(eps >= 0,")),
    mutant(
        "dense_gradients_are_made_sparse",
        "sparse_adam.19",
        (
            'require(grad.is_sparse, "sparse_adam: a gradient must be sparse", grad.layout)',
            "grad = grad if grad.is_sparse else grad.to_sparse(1)",
        ),
    ),
    mutant(
        "sparse_parameters_are_made_dense",
        "sparse_adam.20",
        (
            'require(not param.is_sparse, "sparse_adam: a parameter must be dense", param.layout)',
            "param = param.to_dense() if param.is_sparse else param",
        ),
    ),
)
