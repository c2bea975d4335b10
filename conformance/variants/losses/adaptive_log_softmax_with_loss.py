"""adaptive_log_softmax_with_loss: what goes wrong."""

from torchstone.conformance.variants import mutant

PAGE = "adaptive_log_softmax_with_loss"
HEAD = 'head = input @ parameters["head.weight"].T + parameters.get("head.bias", 0)'
CLUSTER = 'z = input @ parameters[f"tail.{i}.0.weight"].T @ parameters[f"tail.{i}.1.weight"].T'
PART = "parts += [s0[:, first + i, None] + log_softmax(z, dim=1)]"
EVERY = "every = log_prob(torch.atleast_2d(input), parameters, cutoffs=cutoffs)"
OUTPUT = "output = every.gather(1, target.reshape(-1, 1)).reshape(rows)"
RESULT = "return Result(-output.mean(), output, every, every.amax(1))"
RULE = "cutoffs must be whole"
INCREASE = "all(size >= 1 and size % 1 == 0 for size in sizes)"
FIT = "fit = len(rows) < 2 and shape == (*rows, in_features)"
LOG_SOFTMAX = "from torchstone.reference.losses.log_softmax import log_softmax\n"


def ids(*numbers: int) -> str:
    return " ".join(f"{PAGE}.{number}" for number in numbers)


VARIANTS = (
    mutant(
        "output_is_the_loss", ids(1, 5), (RESULT, RESULT.replace("output.mean(), output,", "output.mean(), -output,"))
    ),
    mutant(
        "target_counts_within_its_cluster",
        ids(1, 5),
        (
            OUTPUT,
            "edge = torch.tensor([0, *cutoffs])\n    low = edge[(target.reshape(-1, 1) >= edge).sum(1) - 1]\n"
            "    output = every.gather(1, (target.reshape(-1) - low).reshape(-1, 1)).reshape(rows)",
        ),
    ),
    mutant("sum_in_place_of_the_mean", ids(2), (RESULT, RESULT.replace("output.mean()", "output.sum()"))),
    mutant(
        "loss_of_one_sample_keeps_an_axis",
        ids(8),
        (RESULT, RESULT.replace("-output.mean()", "-output.mean().reshape(() if rows else (1,))")),
    ),
    mutant(
        "mean_of_the_clusters",
        ids(2, 14),
        (
            RESULT,
            "edge = torch.tensor(cutoffs)\n    where = (target.reshape(-1, 1) >= edge).sum(1)\n"
            "    each = [output.reshape(-1)[where == i].mean() for i in where.unique()]\n"
            "    return Result(-sum(each) / max(len(each), 1) + 0 * output.mean(), output, every, every.amax(1))",
        ),
    ),
    mutant("clusters_in_reverse", ids(1, 3), (PART, "parts += [s0[:, -1 - i, None] + log_softmax(z, dim=1)]")),
    mutant("cluster_without_its_own_probability", ids(1, 3, 4, 14), (PART, "parts += [log_softmax(z, dim=1)]")),
    mutant("clusters_are_not_normalised", ids(3, 4, 12), (PART, "parts += [s0[:, first + i, None] + z]")),
    mutant(
        "output_of_the_head_alone",
        ids(1, 5),
        (
            OUTPUT,
            "near = target.reshape(-1, 1) < cutoffs[0]\n    output = torch.where(near, "
            "every.gather(1, target.reshape(-1, 1)), every.logsumexp(1, keepdim=True)).reshape(rows)",
        ),
    ),
    mutant(
        "predicts_within_the_shortlist",
        ids(6),
        (RESULT, RESULT.replace("every.amax(1)", "every[:, : cutoffs[0]].amax(1)")),
    ),
    mutant(
        "predicts_the_first_cluster_that_is_likelier",
        ids(6),
        (
            RESULT,
            "best = every[:, : cutoffs[0]].amax(1)\n    return Result(-output.mean(), "
            "output, every, torch.where(best.exp() > 0.5, best, every[:, cutoffs[0] :].amax(1)))",
        ),
    ),
    mutant(
        "features_are_centred_over_the_batch",
        ids(7),
        (
            EVERY,
            EVERY.replace(
                "torch.atleast_2d(input)", "torch.atleast_2d(input - input.mean(0) if rows and rows[0] > 1 else input)"
            ),
        ),
    ),
    mutant("predictions_are_sorted", ids(7), (RESULT, RESULT.replace("every.amax(1)", "every.amax(1).sort().values"))),
    mutant(
        "output_of_one_sample_keeps_an_axis",
        ids(8),
        (OUTPUT, "output = every.gather(1, target.reshape(-1, 1)).reshape(-1)"),
    ),
    mutant(
        "loss_of_nothing_is_zero",
        ids(9),
        (RESULT, RESULT.replace("output.mean()", "(output.sum() / max(output.numel(), 1))")),
    ),
    mutant(
        "no_empty_batch",
        ids(9),
        (
            "    check_floating(input)\n",
            '    check_floating(input)\n    require(target.numel() > 0, f"{NAME}: there must be a sample", target)\n',
        ),
    ),
    mutant(
        "width_of_the_clusters_is_that_of_the_default",
        ids(10),
        (
            "self.torch_class(*args, **options).named_children()",
            'self.torch_class(*args, **{**options, "div_value": 4.0}).named_children()',
        ),
        file="torch_api.py",
    ),
    mutant(
        "empty_clusters_have_no_probability",
        ids(11),
        (PART, f'z = z if len(parameters[f"tail.{{i}}.0.weight"]) else z - torch.arange(z.shape[1])\n        {PART}'),
    ),
    mutant(
        "exponentials_overflow",
        ids(13),
        (LOG_SOFTMAX, "log_softmax = lambda x, dim: x - x.exp().sum(dim, keepdim=True).log()\n"),
    ),
    mutant("log_of_softmax", ids(13), (LOG_SOFTMAX, "log_softmax = lambda x, dim: torch.softmax(x, dim).log()\n")),
    mutant(
        "features_shrink_towards_zero",
        ids(1, 3, 12),
        (HEAD, 'head = torch.tanh(input @ parameters["head.weight"].T + parameters.get("head.bias", 0))'),
    ),
    mutant(
        "clusters_give_the_features_no_gradient", ids(14), (CLUSTER, CLUSTER.replace("input @", "input.detach() @"))
    ),
    mutant(
        "bias_is_forgotten",
        ids(1, 3, 14),
        (HEAD, HEAD.replace('parameters.get("head.bias", 0)', '0 * parameters.get("head.bias", 0)')),
    ),
    mutant(
        "every_cluster_learns",
        ids(14, 15),
        (
            RESULT,
            "edge = every[:, cutoffs[0] :].sum() * 1e-3\n    return Result(-output.mean() "
            "+ edge - edge.detach(), output, every, every.amax(1))",
        ),
    ),
    mutant(
        "nan_features_are_zero",
        ids(16),
        (EVERY, EVERY.replace("torch.atleast_2d(input)", "torch.atleast_2d(torch.where(input.isnan(), 0.0, input))")),
    ),
    mutant(
        "nan_spreads_over_the_batch",
        ids(16),
        (EVERY, EVERY.replace("torch.atleast_2d(input)", "torch.atleast_2d(input + 0 * input.sum())")),
    ),
    mutant("equal_cutoffs", ids(17), (INCREASE, "all(size >= 0 and size % 1 == 0 for size in sizes)")),
    mutant(
        "cutoffs_of_parts",
        ids(17),
        (INCREASE, "all(size >= 1 for size in sizes)"),
        (
            "edges = [0, *cutoffs, n_classes]",
            "edges = [0, *cutoffs, n_classes]\n    cutoffs = [int(cutoff) for cutoff in cutoffs if cutoff == cutoff]",
        ),
    ),
    mutant(
        "target_may_be_the_number_of_classes",
        ids(18),
        ("(target < n_classes)", "(target <= n_classes)"),
        (OUTPUT, OUTPUT.replace("target.reshape(-1, 1)", "target.clamp(max=n_classes - 1).reshape(-1, 1)")),
    ),
    mutant(
        "negative_targets_count_from_the_end",
        ids(18),
        ("((target >= 0) &", "((target >= -n_classes) &"),
        (OUTPUT, OUTPUT.replace("target.reshape(-1, 1)", "(target % n_classes).reshape(-1, 1)")),
    ),
    mutant(
        "any_shape_of_the_target",
        ids(19),
        (
            FIT,
            "target = target.expand(shape[:-1]) if target.numel() == 1 else target.flatten()\n"
            "    rows = tuple(target.shape)\n    fit = len(rows) < 2 and shape == (*rows, in_features)",
        ),
    ),
    mutant(
        "more_axes_are_more_samples",
        ids(19),
        (
            FIT,
            "input, target = (input.flatten(0, -2), target.flatten()) if input.dim() > 2 else (input, target)\n"
            "    shape, rows = tuple(input.shape), tuple(target.shape)\n    fit = len(rows) < 2 and "
            "shape == (*rows, in_features)",
        ),
    ),
    mutant("div_value_of_nothing", ids(20), ("require(div_value > 0,", "require(div_value >= 0,")),
    mutant("div_value_may_be_nan", ids(20), ("require(div_value > 0,", "require(not div_value <= 0,")),
)

EQUIVALENT = {
    "div_value: float = 8.0,": "how wide the clusters are is said by the matrices that a program brings",
    "head_bias: bool = True,": "whether there is a bias is said by the parameters that a program brings",
    'head = input @ parameters["head.weight"].T + parameters.get("head.bias", 1)': "one number in all logits cancels",
}
