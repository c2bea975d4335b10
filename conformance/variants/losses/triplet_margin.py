"""triplet_margin: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

BOTH = "near, far = distance(anchor, positive, p, eps), distance(anchor, negative, p, eps)"
SWAP = "far = torch.minimum(far, distance(positive, negative, p, eps))"
RESULT = "return reduce(hinge(near - far + margin), reduction)"
E = "e = (x - y + eps).abs()"
TOTAL = "total = (e**p).sum(-1)"
LARGEST = "return e.amax(-1)"
ROOT = "return torch.where(apart, torch.where(apart, total, 1.0) ** (1 / p), 0.0)"
MARGIN = "require(margin > 0,"
ONE = "one = shapes[0] == shapes[1] == shapes[2]"

VARIANTS = (
    dialect(
        "squared",
        "triplet_margin.1 triplet_margin.2 triplet_margin.3 triplet_margin.4 triplet_margin.8 "
        "triplet_margin.10 triplet_margin.11",
        (RESULT, "return reduce(hinge(near**2 - far**2 + margin), reduction)"),
        shipped_by="FaceNet, after Weinberger and Saul",
    ),
    mutant("no_hinge", "triplet_margin.1", (RESULT, "return reduce(near - far + margin, reduction)")),
    mutant(
        "margin_of_the_default_always", "triplet_margin.1 triplet_margin.5", (RESULT, RESULT.replace("margin", "1.0"))
    ),
    mutant("eps_in_the_norm", "triplet_margin.2", (E, "e = (x - y).abs()"), (TOTAL, "total = (e**p).sum(-1) + eps")),
    mutant("eps_of_the_absolute_difference", "triplet_margin.2", (E, "e = (x - y).abs() + eps")),
    mutant("eps_with_the_other_sign", "triplet_margin.2", (E, "e = (y - x + eps).abs()")),
    mutant("p_is_always_two", "triplet_margin.2 triplet_margin.10", (TOTAL, "p = 2.0\n    total = (e**p).sum(-1)")),
    mutant("no_largest", "triplet_margin.3", (LARGEST, "return e.sum(-1)")),
    mutant("largest_with_its_sign", "triplet_margin.3", (LARGEST, "return (x - y + eps).amax(-1)")),
    mutant("swap_takes_the_larger", "triplet_margin.4", (SWAP, SWAP.replace("minimum", "maximum"))),
    mutant("swap_of_the_anchor", "triplet_margin.4", (SWAP, SWAP.replace("positive, negative", "negative, positive"))),
    mutant("swap_is_ignored", "triplet_margin.4", (SWAP, "far = far + 0")),
    mutant(
        "equal_distances_are_no_triplet",
        "triplet_margin.5",
        (RESULT, "return reduce(torch.where(near == far, 0.0, hinge(near - far + margin)), reduction)"),
    ),
    mutant(
        "one_triplet_keeps_an_axis",
        "triplet_margin.6",
        (RESULT, "return reduce(torch.atleast_1d(hinge(near - far + margin)), reduction)"),
    ),
    mutant(
        "last_number_weighs_half",
        "triplet_margin.2 triplet_margin.7",
        (
            TOTAL,
            "weights = torch.where(torch.arange(e.shape[-1]) == 1, 0.5, 1.0).to(e.dtype)\n"
            "    total = (weights * e**p).sum(-1)",
        ),
    ),
    mutant("distances_are_means", "triplet_margin.2 triplet_margin.10", (TOTAL, "total = (e**p).mean(-1)")),
    mutant("eps_of_the_default_always", "triplet_margin.2 triplet_margin.8", (E, "e = (x - y + 1e-6).abs()")),
    mutant(
        "vectors_of_length_one",
        "triplet_margin.1 triplet_margin.8 triplet_margin.9",
        (E, "x, y = (v / v.norm(dim=-1, keepdim=True).clamp(min=1e-12) for v in (x, y))\n    e = (x - y + eps).abs()"),
    ),
    mutant(
        "squares_of_the_numbers",
        "triplet_margin.2",
        (TOTAL, "total = (x * x + y * y - 2 * x * y).abs().sum(-1) if p == 2 else (e**p).sum(-1)"),
    ),
    mutant(
        "negative_gets_no_gradient",
        "triplet_margin.10",
        (BOTH, BOTH.replace("distance(anchor, negative,", "distance(anchor, negative.detach(),")),
    ),
    mutant(
        "no_slope_at_the_margin",
        "triplet_margin.11",
        (RESULT, "return reduce(torch.relu(near - far + margin), reduction)"),
    ),
    mutant("root_of_zero", "triplet_margin.12", (ROOT, "return total ** (1 / p)")),
    mutant(
        "nan_is_zero",
        "triplet_margin.13",
        (RESULT, "slack = near - far + margin\n    return reduce(torch.where(slack > 0, slack, 0.0), reduction)"),
    ),
    mutant(
        "infinite_distances_are_cut",
        "triplet_margin.13",
        (BOTH, f"{BOTH}\n    near, far = (d.nan_to_num(nan=torch.nan) for d in (near, far))"),
    ),
    mutant("margin_of_zero", "triplet_margin.14", (MARGIN, "require(margin >= 0,")),
    mutant("margin_may_be_nan", "triplet_margin.14", (MARGIN, "require(not margin <= 0,")),
    mutant(
        "negative_is_broadcast",
        "triplet_margin.15",
        (ONE, "one = shapes[0] == shapes[1] and shapes[2] in (shapes[0], shapes[0][1:])"),
    ),
    mutant("positive_is_broadcast", "triplet_margin.15", (ONE, "one = shapes[0] == shapes[2]")),
)

EQUIVALENT = {
    "return torch.where(apart, torch.where(apart, total, 2.0) ** (1 / p), 0.0)": "What stands there is not chosen.",
}
