"""hinge_embedding: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

APART = "apart = hinge(margin - input)"
RESULT = "return reduce(torch.where(target == 1, input, apart), reduction)"
SAME = "same, shape = target.shape == input.shape, tuple(input.shape)"
CHECK = "check_floating(input)"

VARIANTS = (
    dialect(
        "squared",
        "hinge_embedding.1 hinge_embedding.2 hinge_embedding.3 hinge_embedding.5 hinge_embedding.6 "
        "hinge_embedding.7 hinge_embedding.8",
        (RESULT, "return reduce(torch.where(target == 1, input, apart) ** 2, reduction)"),
        shipped_by="the paper, optax and TensorFlow Addons (contrastive_loss)",
    ),
    dialect(
        "hinge",
        "hinge_embedding.1 hinge_embedding.2 hinge_embedding.4 hinge_embedding.5 hinge_embedding.6 "
        "hinge_embedding.7 hinge_embedding.8",
        (RESULT, "return reduce(hinge(margin - target * input), reduction)"),
        shipped_by="Keras and mlx (the hinge loss of a classifier)",
    ),
    mutant(
        "negative_distances_cost_nothing",
        "hinge_embedding.1 hinge_embedding.6",
        (RESULT, RESULT.replace("input,", "hinge(input),")),
    ),
    mutant("no_hinge", "hinge_embedding.2", (APART, "apart = margin - input")),
    mutant(
        "margin_of_the_default_always",
        "hinge_embedding.2 hinge_embedding.3 hinge_embedding.4 hinge_embedding.5",
        (APART, "apart = hinge(1.0 - input)"),
    ),
    mutant("margin_is_multiplied", "hinge_embedding.4", (APART, "apart = hinge(margin - margin * input)")),
    mutant(
        "labels_exchanged",
        "hinge_embedding.1 hinge_embedding.2 hinge_embedding.6",
        (RESULT, RESULT.replace("target == 1", "target == -1")),
    ),
    mutant(
        "labels_of_zero_and_one",
        "hinge_embedding.2 hinge_embedding.5",
        (RESULT, RESULT.replace("target == 1", "target != 0")),
    ),
    mutant("no_slope_at_the_margin", "hinge_embedding.7", (APART, "apart = torch.relu(margin - input)")),
    mutant("nan_is_zero", "hinge_embedding.8", (APART, "apart = torch.where(margin - input > 0, margin - input, 0.0)")),
    mutant(
        "masked_by_a_product",
        "hinge_embedding.8",
        (
            RESULT,
            "alike = (target == 1).to(input.dtype)\n    return reduce(alike * input + (1 - alike) * apart, reduction)",
        ),
    ),
    mutant(
        "infinity_is_cut", "hinge_embedding.8", (APART, "apart = hinge((margin - input).nan_to_num(nan=torch.nan))")
    ),
    mutant(
        "only_floating_targets",
        "hinge_embedding.9",
        (
            CHECK,
            f"{CHECK}\n    require(target.is_floating_point(), 'hinge_embedding: target must "
            "have a floating dtype', target)",
        ),
    ),
    mutant(
        "targets_are_broadcast",
        "hinge_embedding.10",
        ("import check_floating, hinge", "import broadcastable, check_floating, hinge"),
        (SAME, "same, shape = broadcastable(target.shape, input.shape), tuple(input.shape)"),
    ),
)
