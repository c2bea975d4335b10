"""cosine_embedding: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

COS = "cos = (direction(input1) * direction(input2)).sum(-1)"
APART = "apart = hinge(cos - margin)"
RESULT = "return reduce(torch.where(target == 1, 1 - cos, apart), reduction)"
SCALE = "scale = torch.where(top < SMALL, SMALL, top)"
NORM = "norm = scale * (((x / scale) ** 2).sum(-1, keepdim=True) + (SMALL / scale) ** 2) ** 0.5"
ONE = "one = shapes[0] == shapes[1] and input1.dim() in (1, 2)"
TARGET = "fits, shape = target.shape == input1.shape[:-1], shapes[0][:-1]"
MARGIN = "require(-1 <= margin <= 1,"

VARIANTS = (
    dialect(
        "negative_cosine",
        "cosine_embedding.1 cosine_embedding.4 cosine_embedding.7",
        (RESULT, "return reduce(torch.where(target == 1, -cos, apart), reduction)"),
        shipped_by="Keras (CosineSimilarity)",
    ),
    dialect(
        "bounded_norms",
        "cosine_embedding.1 cosine_embedding.2 cosine_embedding.3 cosine_embedding.9 cosine_embedding.10",
        (NORM, "norm = (scale * (((x / scale) ** 2).sum(-1, keepdim=True)) ** 0.5).clamp(min=SMALL)"),
        shipped_by="mlx (cosine_similarity_loss), optax (cosine_distance)",
    ),
    mutant(
        "margin_of_both_labels", "cosine_embedding.1", (RESULT, RESULT.replace("1 - cos,", "hinge(1 - cos - margin),"))
    ),
    mutant(
        "distance_in_place_of_the_cosine",
        "cosine_embedding.1 cosine_embedding.9",
        (RESULT, RESULT.replace("1 - cos", "(1 - cos) ** 0.5")),
    ),
    mutant("margin_is_ignored", "cosine_embedding.2 cosine_embedding.7", (APART, "apart = hinge(cos)")),
    mutant("margin_is_added", "cosine_embedding.2 cosine_embedding.7", (APART, "apart = hinge(cos + margin)")),
    mutant("no_hinge", "cosine_embedding.2", (APART, "apart = cos - margin")),
    mutant("any_label_but_minus_one", "cosine_embedding.2", (RESULT, RESULT.replace("target == 1", "target != 0"))),
    mutant(
        "small_number_is_added_to_the_norm",
        "cosine_embedding.3",
        (NORM, "norm = scale * (((x / scale) ** 2).sum(-1, keepdim=True)) ** 0.5 + SMALL**2"),
    ),
    mutant("small_number_under_the_root", "cosine_embedding.3", ("SMALL = 1e-6", "SMALL = 1e-4")),
    mutant(
        "no_small_number", "cosine_embedding.3 cosine_embedding.4", (NORM, "norm = (x**2).sum(-1, keepdim=True) ** 0.5")
    ),
    mutant(
        "zeros_are_alike",
        "cosine_embedding.4",
        (COS, f"{COS}\n    cos = torch.where((input1 == 0).all(-1) | (input2 == 0).all(-1), 1.0, cos)"),
    ),
    mutant(
        "second_is_not_normalised",
        "cosine_embedding.1 cosine_embedding.5",
        (COS, "cos = (direction(input1) * input2).sum(-1)"),
    ),
    mutant(
        "first_number_is_left_out",
        "cosine_embedding.1 cosine_embedding.6",
        (COS, "cos = (direction(input1) * direction(input2))[..., 1:].sum(-1)"),
    ),
    mutant(
        "centred_vectors",
        "cosine_embedding.1 cosine_embedding.6",
        (COS, "cos = (direction(input1 - input1.mean(-1, keepdim=True)) * direction(input2)).sum(-1)"),
    ),
    mutant(
        "one_pair_keeps_an_axis",
        "cosine_embedding.8",
        (RESULT, "return reduce(torch.atleast_1d(torch.where(target == 1, 1 - cos, apart)), reduction)"),
    ),
    mutant("norms_get_no_gradient", "cosine_embedding.9", ("return x / norm", "return x / norm.detach()")),
    mutant(
        "second_gets_no_gradient",
        "cosine_embedding.9",
        (COS, COS.replace("direction(input2)", "direction(input2.detach())")),
    ),
    mutant("no_slope_at_the_margin", "cosine_embedding.10", (APART, "apart = torch.relu(cos - margin)")),
    mutant("nan_is_zero", "cosine_embedding.11", (APART, "apart = torch.where(cos - margin > 0, cos - margin, 0.0)")),
    mutant(
        "infinite_vectors_have_a_direction",
        "cosine_embedding.11",
        (COS, f"input1, input2 = (torch.where(x.isinf(), x.sign(), x) for x in (input1, input2))\n    {COS}"),
    ),
    mutant(
        "floating_targets_alone",
        "cosine_embedding.12",
        (
            MARGIN,
            "require(target.is_floating_point(), 'cosine_embedding: target must have a floating dtype', target)\n    "
            + MARGIN,
        ),
    ),
    mutant(
        "inputs_are_broadcast",
        "cosine_embedding.13",
        (
            ONE,
            "one = shapes[0][-1:] == shapes[1][-1:] and input1.dim() in (1, 2)\n"
            "    input1, input2 = torch.broadcast_tensors(input1, input2) if one else (input1, input2)",
        ),
    ),
    mutant("more_axes", "cosine_embedding.13", (ONE, "one = shapes[0] == shapes[1] and input1.dim() > 0")),
    mutant(
        "target_is_broadcast",
        "cosine_embedding.14",
        (TARGET, "shape = shapes[0][:-1]\n    fits = target.shape == shape or target.numel() == 1"),
    ),
    mutant(
        "target_may_keep_an_axis",
        "cosine_embedding.14",
        (TARGET, f"target = target.squeeze(-1) if target.dim() == input1.dim() else target\n    {TARGET}"),
    ),
    mutant("any_margin", "cosine_embedding.15", (MARGIN, "require(margin == margin,")),
    mutant("margin_may_be_nan", "cosine_embedding.15", (MARGIN, "require(not (margin < -1 or margin > 1),")),
)

EQUIVALENT = {
    "fits, shape = target.shape == input1.shape[:-1], shapes[1][:-1]": "only the message differs",
    "fits, shape = target.shape == input1.shape[:-1], shapes[0][:(1)]": "only the message differs",
    "fits, shape = target.shape == input1.shape[:-1], shapes[0][:-2]": "only the message differs",
    "top = (x).abs().amax(-1, keepdim=True)": "the scale cancels, in the gradient too",
    "scale = torch.where(top <= SMALL, SMALL, top)": "where the two are equal either will do",
}
