"""margin_ranking: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

TORCH = ("from torch import Tensor\n", "import torch\nfrom torch import Tensor\n")
RESULT = "return reduce(hinge(margin - target * (input1 - input2)), reduction)"
ONE = "one = shapes[0] == shapes[1] == shapes[2]"
CHECK = "check_floating(input1, input2)"

VARIANTS = (
    dialect(
        "logistic",
        "margin_ranking.1 margin_ranking.4 margin_ranking.5 margin_ranking.6 margin_ranking.7 margin_ranking.8",
        TORCH,
        (RESULT, "return reduce(torch.log1p(torch.exp(-target * (input1 - input2))), reduction)"),
        shipped_by="RankNet",
    ),
    mutant(
        "no_hinge",
        "margin_ranking.1 margin_ranking.5 margin_ranking.6",
        (RESULT, "return reduce(margin - target * (input1 - input2), reduction)"),
    ),
    mutant("margin_is_ignored", "margin_ranking.1", (RESULT, RESULT.replace("margin - ", "-"))),
    mutant("margin_changes_its_sign", "margin_ranking.1", (RESULT, RESULT.replace("margin - ", "-margin - "))),
    mutant(
        "label_of_the_second_alone",
        "margin_ranking.1 margin_ranking.2 margin_ranking.3",
        (RESULT, RESULT.replace("target * (input1 - input2)", "(input1 - target * input2)")),
    ),
    mutant(
        "labels_of_zero_and_one",
        "margin_ranking.2",
        TORCH,
        (RESULT, RESULT.replace("target *", "torch.where(target > 0, 1.0, 0.0) *")),
    ),
    mutant(
        "relative_difference",
        "margin_ranking.1 margin_ranking.3 margin_ranking.4",
        (RESULT, RESULT.replace("(input1 - input2)", "(input1 - input2) / (1 + input2.abs())")),
    ),
    mutant(
        "margin_of_at_least_one",
        "margin_ranking.4 margin_ranking.5",
        (RESULT, RESULT.replace("margin -", "max(margin, 1.0) -")),
    ),
    mutant("second_gets_no_gradient", "margin_ranking.6", (RESULT, RESULT.replace("- input2)", "- input2.detach())"))),
    mutant(
        "no_slope_at_the_margin",
        "margin_ranking.7",
        (
            RESULT,
            RESULT.replace(
                "hinge(margin - target * (input1 - input2))", "(margin - target * (input1 - input2)).relu()"
            ),
        ),
    ),
    mutant(
        "nan_is_zero",
        "margin_ranking.8",
        TORCH,
        (
            RESULT,
            "slack = margin - target * (input1 - input2)\n    return reduce(torch.where(slack "
            "> 0, slack, 0.0), reduction)",
        ),
    ),
    mutant(
        "infinity_is_cut",
        "margin_ranking.8",
        (RESULT, RESULT.replace("(input1 - input2)", "(input1 - input2).nan_to_num(float('nan'))")),
    ),
    mutant(
        "equal_infinities_are_a_tie",
        "margin_ranking.8",
        TORCH,
        (RESULT, RESULT.replace("(input1 - input2)", "torch.where(input1 == input2, 0.0, input1 - input2)")),
    ),
    mutant(
        "only_floating_targets",
        "margin_ranking.9",
        (
            CHECK,
            f"{CHECK}\n    require(target.is_floating_point(), 'margin_ranking: target must "
            "have a floating dtype', target)",
        ),
    ),
    mutant(
        "target_is_broadcast",
        "margin_ranking.10",
        (ONE, "one = shapes[0] == shapes[1] and shapes[2] in (shapes[0], shapes[0][1:], ())"),
    ),
    mutant("second_is_broadcast", "margin_ranking.10", (ONE, "one = shapes[0] == shapes[2]")),
)
