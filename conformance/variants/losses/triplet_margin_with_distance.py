"""triplet_margin_with_distance: what goes wrong."""

from torchstone.conformance.variants import mutant

PAGE = "triplet_margin_with_distance"
BOTH = "near, far = d(anchor, positive), d(anchor, negative)"
SWAP = "far = torch.minimum(far, d(positive, negative))"
HINGE = "hinge(near - far + margin), reduction\n"
DEFAULT = "return distance(x, y, 2.0, 1e-6)"
MARGIN = "require(margin > 0,"
ONE = "shapes[0] == shapes[1] == shapes[2],"


def ids(*numbers: int) -> str:
    return " ".join(f"{PAGE}.{number}" for number in numbers)


VARIANTS = (
    mutant("no_hinge", ids(1), (HINGE, "near - far + margin, reduction\n")),
    mutant("squared", ids(1), (HINGE, "hinge(near**2 - far**2 + margin), reduction\n")),
    mutant("margin_of_the_default_always", ids(1, 5), (HINGE, "hinge(near - far + 1.0), reduction\n")),
    mutant("no_eps_by_default", ids(2), (DEFAULT, "return distance(x, y, 2.0, 0.0)")),
    mutant("city_blocks_by_default", ids(2), (DEFAULT, "return distance(x, y, 1.0, 1e-6)")),
    mutant("anchor_comes_second", ids(3), (BOTH, "near, far = d(positive, anchor), d(negative, anchor)")),
    mutant("swap_gives_the_negative_first", ids(3), (SWAP, "far = torch.minimum(far, d(negative, positive))")),
    mutant("swap_is_ignored", ids(4), (SWAP, "far = far + 0")),
    mutant("swap_takes_the_larger", ids(4), (SWAP, "far = torch.maximum(far, d(positive, negative))")),
    mutant(
        "equal_distances_are_no_triplet",
        ids(5),
        (HINGE, "torch.where(near == far, 0.0, hinge(near - far + margin)), reduction\n"),
    ),
    mutant(
        "negative_gets_no_gradient", ids(6), (BOTH, "near, far = d(anchor, positive), d(anchor, negative.detach())")
    ),
    mutant(
        "distance_gets_no_gradient", ids(6), (BOTH, "near, far = d(anchor, positive), d(anchor, negative).detach()")
    ),
    mutant("no_slope_at_the_margin", ids(7), (HINGE, "torch.relu(near - far + margin), reduction\n")),
    mutant(
        "nan_is_zero", ids(8), (HINGE, "torch.where(near - far + margin > 0, near - far + margin, 0.0), reduction\n")
    ),
    mutant(
        "infinite_distances_are_cut",
        ids(8),
        (BOTH, f"{BOTH}\n    near, far = (found.nan_to_num(nan=torch.nan) for found in (near, far))"),
    ),
    mutant("margin_of_zero", ids(9), (MARGIN, "require(margin >= 0,")),
    mutant("margin_may_be_nan", ids(9), (MARGIN, "require(not margin <= 0,")),
    mutant("positive_is_broadcast", ids(10), (ONE, "shapes[0] == shapes[2],")),
    mutant(
        "negative_is_broadcast", ids(10), (ONE, "shapes[0] == shapes[1] and shapes[2] in (shapes[0], shapes[0][1:]),")
    ),
)
