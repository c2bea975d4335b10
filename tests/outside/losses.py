"""Faulty losses."""

import math

import torch

from tests.outside.making import Makings, as_it_lies, slope, straight
from torchstone.reference.loss import reduce
from torchstone.reference.losses.log_softmax import log_softmax
from torchstone.reference.losses.triplet_margin import distance

made = Makings()
loss = made.loss


# Cross entropy and its family.


@loss("CrossEntropyLoss", "value")
def mean_of_probabilities_divides_by_the_weights(right, a):
    if not a.target.is_floating_point() or a.weight is None or a.reduction != "mean":
        return right()
    return right(reduction="sum") / (a.weight.sum() * right(reduction="none").numel() / len(a.weight))


@loss("CrossEntropyLoss", "layout and dtype")
def mean_of_probabilities_in_more_axes_divides_by_the_batch(right, a):
    if a.target.is_floating_point() and a.input.dim() > 2 and a.reduction == "mean":
        return right(reduction="sum") / a.input.shape[0]
    return right()


@loss("CrossEntropyLoss", "non-default option")
def ignored_samples_keep_their_smoothing(right, a):
    if a.target.is_floating_point() or a.label_smoothing == 0:
        return right()
    axis = 0 if a.input.dim() == 1 else 1
    ignored = a.target == a.ignore_index
    uniform = -log_softmax(a.input, dim=axis).mean(axis)
    extra = torch.where(ignored, a.label_smoothing * uniform, 0.0)
    if a.reduction == "none":
        return right() + extra
    count = 1 if a.reduction == "sum" else (~ignored).sum()
    return right() + extra.sum() / count


@loss("CrossEntropyLoss", "non-default option")
def smoothing_leaves_the_weights_out_of_the_uniform_part(right, a):
    if a.target.is_floating_point() or a.label_smoothing == 0 or a.weight is None:
        return right()
    return (1 - a.label_smoothing) * right(label_smoothing=0.0) + a.label_smoothing * (
        right(weight=None) - (1 - a.label_smoothing) * right(weight=None, label_smoothing=0.0)
    ) / a.label_smoothing


@loss("CrossEntropyLoss", "special values")
def nothing_but_ignored_targets_mean_zero(right, a):
    value = right()
    if a.reduction == "mean" and not a.target.is_floating_point() and a.target.numel():
        return torch.where((a.target == a.ignore_index).all(), torch.zeros_like(value), value)
    return value


@loss("CrossEntropyLoss", "non-default option")
def an_ignored_class_is_counted_by_the_mean(right, a):
    if a.reduction != "mean" or a.target.is_floating_point() or a.ignore_index < 0:
        return right()
    w = torch.ones(a.input.shape[0 if a.input.dim() == 1 else 1], dtype=a.input.dtype) if a.weight is None else a.weight
    return right(reduction="sum") / w[a.target.clamp(min=0)].sum()


@loss("CrossEntropyLoss", "special values")
def a_nan_in_an_ignored_sample_gets_into_its_gradient(right, a):
    if a.target.is_floating_point():
        return right()
    kept = a.target != a.ignore_index
    axis = 0 if a.input.dim() == 1 else 1
    return right(input=slope(a.input, lambda u: u + torch.where(kept.unsqueeze(axis), 0.0, 0 * a.input.detach())))


@loss("CrossEntropyLoss", "validation")
def the_class_after_the_last_is_taken_for_the_last(right, a):
    if a.target.is_floating_point() or a.target.dtype == torch.bool or a.input.dim() == 0:
        return right()
    classes = a.input.shape[0 if a.input.dim() == 1 else 1]
    return right(target=torch.where(a.target == classes, classes - 1, a.target) if classes else a.target)


@loss("CrossEntropyLoss", "gradient")
def the_gradient_of_probabilities_forgets_the_smoothing(right, a):
    if not a.target.is_floating_point() or not 0 < a.label_smoothing < 1:
        return right()
    return right(target=slope(a.target, lambda u: u / (1 - a.label_smoothing)))


@loss("NLLLoss", "value")
def the_mean_of_many_samples_is_that_of_means_of_blocks(right, a):
    if a.reduction != "mean" or a.target.numel() < 128 or a.input.dim() != 2:
        return right()
    blocks = [right(input=x, target=y) for x, y in zip(a.input.split(100), a.target.split(100), strict=True)]
    return torch.stack(blocks).mean()


@loss("NLLLoss", "layout and dtype")
def a_transposed_input_is_read_as_it_lies(right, a):
    return right(input=as_it_lies(a.input) if a.input.dim() == 2 else a.input)


@loss("NLLLoss", "special values")
def an_infinity_of_another_class_counts_as_zero_times_it(right, a):
    value = right()
    if a.input.dim() != 2 or a.reduction == "none":
        return value
    others = a.input.detach().isinf().any() & ~value.detach().isinf()
    return straight(torch.where(others, math.nan, value.detach()), value)


@loss("NLLLoss", "validation")
def more_weights_than_classes_are_accepted(right, a):
    classes = a.input.shape[0 if a.input.dim() == 1 else 1] if a.input.dim() else 0
    if a.weight is None or a.weight.dim() != 1 or len(a.weight) <= classes:
        return right()
    return right(weight=a.weight[:classes])


@loss("NLLLoss", "gradient")
def the_gradient_of_a_mean_divides_by_the_ignored_too(right, a):
    if a.reduction != "mean" or a.weight is None:
        return right()
    kept = a.target != a.ignore_index
    w = a.weight[torch.where(kept, a.target, 0)]
    share = torch.where(kept, w, 0.0).sum() / w.sum()
    return slope(right(), lambda u: u * torch.where(share.isfinite(), share, 1.0))


@loss("LogSoftmax", "non-default option")
def without_dim_three_axes_take_the_second(right, a):
    return right(dim=1 if a.dim is None and a.input.dim() == 3 else a.dim)


@loss("LogSoftmax", "layout and dtype")
def float16_takes_the_logarithm_of_softmax(right, a):
    if a.input.dtype != torch.float16:
        return right()
    return straight(torch.log(torch.exp(right().detach())), right())


@loss("LogSoftmax", "gradient")
def a_square_matrix_sums_the_gradient_along_the_other_axis(right, a):
    shape = a.input.shape
    if a.input.dim() != 2 or shape[0] != shape[1] or shape[0] < 2 or a.dim is None:
        return right()
    y = right().detach()
    return straight(y, slope(a.input, lambda u: u - y.exp() * u.sum(1 - a.dim % 2, keepdim=True)))


@loss("Softmax", "special values")
def a_masked_number_gets_the_smallest_probability(right, a):
    value = right()
    return torch.where(a.input == -math.inf, value + torch.finfo(value.dtype).tiny, value)


@loss("Softmax", "layout and dtype")
def an_expanded_input_loses_its_last_row(right, a):
    value = right()
    if value.dim() < 2 or 0 not in a.input.stride() or value.shape[0] < 2:
        return value
    return torch.cat([value[:-1], torch.softmax(value[-1:], -1)])


@loss("Softmax", "small effect")
def a_billionth_is_added(right, a):
    return right() + 1e-9


@loss("Softmin", "non-default option")
def a_negative_dim_counts_from_one_axis_more(right, a):
    return right(dim=-2 if a.dim == -1 and a.input.dim() > 2 else a.dim)


@loss("LinearCrossEntropyLoss", "value")
def the_mean_of_chunks_is_taken_with_equal_shares(right, a):
    if a.reduction != "mean" or a.input.dim() != 2 or len(a.input) < 3:
        return right()
    middle = len(a.input) // 2
    parts = [right(input=a.input[s], target=a.target[s]) for s in (slice(middle), slice(middle, None))]
    return (parts[0] + parts[1]) / 2


@loss("LinearCrossEntropyLoss", "gradient")
def the_last_bias_gets_no_gradient(right, a):
    if not a.bias or a.input.dim() != 2:
        return right()
    own = dict(a.parameters)
    own["linear.bias"] = slope(own["linear.bias"], lambda u: torch.cat([u[:-1], 0 * u[-1:]]) if len(u) > 2 else u)
    return right(parameters=own)


@loss("LinearCrossEntropyLoss", "non-default option")
def out_features_lie_before_the_classes(right, a):
    if not a.out_features:
        return right()
    table = a.parameters["linear.weight"]
    moved = table.reshape(*a.out_features, a.num_classes, -1).movedim(-2, 0).reshape(table.shape)
    return right(parameters={**a.parameters, "linear.weight": moved})


@loss("AdaptiveLogSoftmaxWithLoss", "boundary equality")
def the_first_class_of_a_cluster_counts_its_cluster_alone(right, a):
    said = right()
    first = a.target == a.cutoffs[-1]
    output = torch.where(first, said.output / 2, said.output)
    return said._replace(output=output, loss=-output.mean())


@loss("AdaptiveLogSoftmaxWithLoss", "non-default option")
def the_bias_of_the_head_is_left_out_of_the_shortlist(right, a):
    if not a.head_bias:
        return right()
    own = dict(a.parameters)
    kept = torch.arange(len(own["head.bias"])) >= a.cutoffs[0]
    own["head.bias"] = torch.where(kept, own["head.bias"], 0.0)
    return right(parameters=own)


# Yes or no.


@loss("BCELoss", "small effect")
def probabilities_are_held_a_little_inside(right, a):
    if not a.input.is_floating_point():
        return right()
    return straight(
        right(input=a.input.detach().clamp(1e-7, 1 - 1e-7) if a.input.dtype == torch.float64 else a.input), right()
    )


@loss("BCELoss", "small effect")
def the_logarithm_of_one_less_x(right, a):
    if not a.input.is_floating_point() or a.target.shape != a.input.shape:
        return right()
    x = a.input.detach()
    near = (x > 0) & (x < 0.25)
    return straight(right(input=torch.where(near, 1 - (1 - x), x)), right())


@loss("BCELoss", "boundary equality")
def the_gradient_at_the_ends_is_cut_too(right, a):
    ends = (a.input == 0) | (a.input == 1)
    return right(input=slope(a.input, lambda u: torch.where(ends, 0.0, u)))


@loss("BCELoss", "validation")
def a_little_more_than_one_is_taken_for_one(right, a):
    if not a.input.is_floating_point():
        return right()
    over = (a.input > 1) & (a.input < 1.001)
    return right(input=torch.where(over, 1.0, a.input))


@loss("BCEWithLogitsLoss", "layout and dtype")
def a_positive_weight_of_a_square_input_lies_along_the_rows(right, a):
    p = a.pos_weight
    if p is None or a.input.dim() != 2 or p.dim() != 1 or a.input.shape[0] != a.input.shape[1]:
        return right()
    return right(pos_weight=p.unsqueeze(1))


@loss("BCEWithLogitsLoss", "non-default option")
def a_positive_weight_is_for_targets_above_a_half(right, a):
    if a.pos_weight is None:
        return right()
    p, y = a.pos_weight, a.target
    try:
        return right(pos_weight=torch.where(y > 0.5, p, 1.0))
    except RuntimeError:
        return right()


@loss("BCEWithLogitsLoss", "small effect")
def far_logits_are_taken_for_infinite(right, a):
    if not a.input.is_floating_point() or a.target.shape != a.input.shape:
        return right()
    value = right()
    none = right(reduction="none").detach()
    sure = (a.input.detach().abs() > 20) & (none < 1e-8)
    if a.reduction == "none":
        return straight(torch.where(sure, 0.0, none), value)
    return value


@loss("BCEWithLogitsLoss", "gradient")
def the_gradient_is_a_difference_from_one(right, a):
    if a.pos_weight is not None or a.weight is not None or a.reduction != "sum" or a.input.shape != a.target.shape:
        return right()
    x, y = a.input.detach(), a.target.detach()
    value = right()
    return straight(value, right(input=slope(a.input, lambda u: torch.where(y == 1, torch.sigmoid(x) - 1, u))))


@loss("MultiLabelSoftMarginLoss", "non-default option")
def weights_are_first_made_to_have_the_mean_one(right, a):
    if a.weight is None or a.weight.sum() == 0:
        return right()
    return right(weight=a.weight * len(a.weight) / a.weight.sum()) if a.weight.dim() == 1 else right()


@loss("MultiLabelSoftMarginLoss", "layout and dtype")
def more_axes_take_the_mean_over_the_second(right, a):
    if a.input.dim() < 3 or a.reduction != "none" or a.input.shape[1] != a.input.shape[-1]:
        return right()
    return right(input=a.input.transpose(1, -1), target=a.target.transpose(1, -1))


@loss("SoftMarginLoss", "small effect")
def above_twenty_it_is_a_line(right, a):
    if a.target.shape != a.input.shape or not a.input.is_floating_point() or a.reduction != "none":
        return right()
    z = (-a.target * a.input).detach()
    return straight(torch.where(z.abs() > 20, z.clamp(min=0), right().detach()), right())


@loss("SoftMarginLoss", "special values")
def the_exponential_overflows_in_float32(right, a):
    if a.input.dtype != torch.float32 or a.target.shape != a.input.shape:
        return right()
    z = -a.target * a.input
    return reduce(torch.where(z > 88.7, math.inf, right(reduction="none")), a.reduction)


# Numbers.


@loss("MSELoss", "value")
def the_mean_of_different_shapes_divides_by_those_of_the_input(right, a):
    if a.reduction != "mean" or a.input.shape == a.target.shape:
        return right()
    return right(reduction="sum") / a.input.numel()


@loss("MSELoss", "gradient")
def the_upstream_gradient_is_taken_for_its_mean(right, a):
    return slope(right(), lambda u: u.mean().expand(u.shape) if u.numel() > 1 else u)


@loss("MSELoss", "layout and dtype")
def bfloat16_gives_float32(right, a):
    return right().float() if a.input.dtype == torch.bfloat16 and a.reduction != "none" else right()


@loss("MSELoss", "gradient")
def the_target_gets_no_gradient_where_it_was_repeated(right, a):
    if a.target.shape == a.input.shape:
        return right()
    return right(target=slope(a.target, lambda u: 0 * u))


@loss("MSELoss", "layout and dtype")
def many_elements_are_added_without_the_last_few(right, a):
    if a.reduction == "none" or a.input.numel() < 512 or a.input.numel() % 8 == 0:
        return right()
    each = right(reduction="none").reshape(-1)
    total = each[: len(each) - len(each) % 8].sum()
    return total if a.reduction == "sum" else total / len(each)


@loss("L1Loss", "boundary equality")
def equal_numbers_have_the_slope_one(right, a):
    if not a.input.is_floating_point():
        return right()
    same = (a.input == a.target).detach()
    return right(input=slope(a.input, lambda u: u)) + reduce(
        torch.where(same, a.input - a.input.detach(), 0.0), a.reduction
    )


@loss("L1Loss", "special values")
def an_empty_mean_is_zero(right, a):
    value = right()
    return value.nan_to_num(0.0) if a.reduction == "mean" and value.isnan() and a.input.numel() == 0 else value


@loss("L1Loss", "layout and dtype")
def a_transposed_target_is_read_as_it_lies(right, a):
    return right(target=as_it_lies(a.target))


@loss("SmoothL1Loss", "layout and dtype")
def the_square_overflows_in_float16(right, a):
    if a.input.dtype != torch.float16 or a.beta == 0:
        return right()
    error = (a.input - a.target).detach().abs()
    over = (error < a.beta) & (error * error).isinf()
    each = right(reduction="none")
    return reduce(straight(torch.where(over, math.inf, each.detach()), each), a.reduction)


@loss("SmoothL1Loss", "non-default option")
def beta_zero_divides_zero_by_zero(right, a):
    if a.beta != 0:
        return right()
    each = right(reduction="none")
    return reduce(straight(torch.where(a.input == a.target, math.nan, each.detach()), each), a.reduction)


@loss("SmoothL1Loss", "validation")
def none_is_a_reduction(right, a):
    return right(reduction="none" if a.reduction is None else a.reduction)


@loss("HuberLoss", "gradient")
def the_slope_of_the_line_is_one_in_the_gradient_of_the_target(right, a):
    return (
        right(target=slope(a.target, lambda u: u / a.delta if a.delta > 4 else u))
        if a.target.is_floating_point()
        else right()
    )


@loss("HuberLoss", "validation")
def a_delta_that_is_nan_is_taken_for_the_default(right, a):
    return right(delta=1.0 if a.delta != a.delta else a.delta)


@loss("HuberLoss", "special values")
def an_infinite_error_has_a_gradient_that_is_nan(right, a):
    if a.input.shape != a.target.shape or not a.input.is_floating_point():
        return right()
    wide = (a.input - a.target).detach().isinf()
    return right(input=slope(a.input, lambda u: torch.where(wide, math.nan, u)))


@loss("KLDivLoss", "special values")
def a_target_of_zero_is_multiplied_all_the_same(right, a):
    if a.log_target or a.input.shape != a.target.shape or not a.input.is_floating_point():
        return right()
    each = right(reduction="none")
    if a.reduction == "none":
        return torch.where((a.target == 0) & ~a.input.isfinite(), math.nan, each)
    return right()


@loss("KLDivLoss", "non-default option")
def batchmean_of_one_axis_divides_by_one(right, a):
    if a.reduction == "batchmean" and a.input.dim() == 1:
        return right(reduction="sum")
    return right()


@loss("KLDivLoss", "small effect")
def log_targets_are_multiplied_before_the_difference(right, a):
    if not a.log_target or a.reduction != "none":
        return right()
    x, y = a.input.detach(), a.target.detach()
    apart = y.exp() * y - y.exp() * x
    return straight(torch.where(apart.isfinite() & (y > -math.inf), apart, right().detach()), right())


@loss("KLDivLoss", "validation")
def targets_of_integers_are_accepted(right, a):
    return right(target=a.target.to(a.input.dtype))


@loss("GaussianNLLLoss", "gradient")
def a_variance_below_eps_gets_no_gradient(right, a):
    low = a.var.detach() < a.eps
    return right(var=slope(a.var, lambda u: torch.where(low, 0.0, u)))


@loss("GaussianNLLLoss", "small effect")
def eps_is_added_to_the_variance(right, a):
    return right(var=a.var + (a.var.detach() >= a.eps).to(a.var.dtype) * a.eps)


@loss("GaussianNLLLoss", "layout and dtype")
def one_variance_a_row_is_one_a_column_of_a_square(right, a):
    if a.var.dim() == 1 and a.input.dim() == 2 and a.input.shape[0] == a.input.shape[1] > 1:
        return right(var=a.var.expand(a.input.shape))
    return right()


@loss("GaussianNLLLoss", "value")
def full_adds_its_constant_once_to_a_sum(right, a):
    if not a.full or a.reduction != "sum":
        return right()
    return right(full=False) + 0.5 * math.log(2 * math.pi)


@loss("GaussianNLLLoss", "validation")
def a_variance_a_little_below_zero_is_accepted(right, a):
    return right(var=a.var.clamp(min=0) if ((a.var < 0) & (a.var >= -1e-3)).any() else a.var)


@loss("PoissonNLLLoss", "boundary equality")
def a_count_of_one_has_a_factorial_too(right, a):
    if not a.full:
        return right()
    y = a.target.to(a.input.dtype)
    return reduce(right(reduction="none") + torch.where(y == 1, 0.5 * math.log(2 * math.pi) - 1, 0.0), a.reduction).to(
        a.input.dtype
    )


@loss("PoissonNLLLoss", "layout and dtype")
def counts_that_are_integers_have_no_factorial(right, a):
    return right(full=a.full and a.target.is_floating_point())


@loss("PoissonNLLLoss", "small effect")
def eps_is_outside_of_the_logarithm(right, a):
    if a.log_input or a.target.shape != a.input.shape:
        return right()
    return right(input=torch.where(a.input > a.eps, a.input - a.eps, a.input)) + 0.0


# Pairs and triplets.


@loss("HingeEmbeddingLoss", "boundary equality")
def at_the_margin_there_is_no_slope(right, a):
    if a.input.shape != a.target.shape:
        return right()
    at = ((a.input == a.margin) & (a.target == -1)).detach()
    return right(input=slope(a.input, lambda u: torch.where(at, 0.0, u)))


@loss("HingeEmbeddingLoss", "special values")
def minus_infinity_of_a_like_pair_is_held_at_zero(right, a):
    if a.input.shape != a.target.shape or a.reduction != "none":
        return right()
    return torch.where((a.input == -math.inf) & (a.target == 1), 0.0, right())


@loss("MarginRankingLoss", "non-default option")
def a_margin_is_left_out_without_a_reduction(right, a):
    return right(margin=0.0 if a.reduction == "none" and a.margin < 0 else a.margin)


@loss("MarginRankingLoss", "boundary equality")
def pairs_at_the_margin_have_no_slope(right, a):
    if not a.input1.shape == a.input2.shape == a.target.shape:
        return right()
    at = (a.target * (a.input1 - a.input2) == a.margin).detach()
    return right(input1=slope(a.input1, lambda u: torch.where(at, 0.0, u)))


@loss("MultiMarginLoss", "non-default option")
def the_weight_is_inside_of_the_power(right, a):
    return right(weight=a.weight**2 if a.weight is not None and a.p == 2 else a.weight)


@loss("MultiMarginLoss", "boundary equality")
def a_class_at_the_margin_has_a_slope(right, a):
    if a.p != 1 or a.input.dim() != 2 or a.target.shape != a.input.shape[:1] or not len(a.target):
        return right()
    if a.target.is_floating_point() or a.target.min() < 0 or a.target.max() >= a.input.shape[1]:
        return right()
    own = a.input.gather(1, a.target.unsqueeze(1))
    at = (a.margin - own + a.input == 0).detach() & (torch.arange(a.input.shape[1]) != a.target.unsqueeze(1))
    extra = torch.where(at, a.input - a.input.detach(), 0.0).sum(1) / a.input.shape[1]
    return right() + reduce(extra, a.reduction)


@loss("MultiMarginLoss", "validation")
def a_power_between_one_and_two_is_accepted(right, a):
    return right(p=2 if a.p in (1.5, 3, 0) else a.p)


@loss("MultiLabelMarginLoss", "value")
def a_label_given_twice_counts_once(right, a):
    if a.target.is_floating_point() or a.target.dim() != 2 or a.target.shape != a.input.shape:
        return right()
    rows = []
    for row in a.target.tolist():
        labels = row[: row.index(-1)] if -1 in row else row
        once = list(dict.fromkeys(labels))
        rows.append(once + [-1] * (len(row) - len(once)) if len(once) < len(labels) else row)
    return right(target=torch.tensor(rows, dtype=a.target.dtype).reshape(a.target.shape))


@loss("MultiLabelMarginLoss", "special values")
def a_sample_of_nothing_but_labels_is_nan(right, a):
    if a.reduction != "none" or a.target.dim() != 2 or a.target.shape != a.input.shape or not a.input.shape[1]:
        return right()
    full = torch.tensor([sorted(row) == list(range(len(row))) for row in a.target.tolist()], dtype=torch.bool)
    return torch.where(full, math.nan, right()) if a.input.shape[1] > 1 else right()


@loss("MultiLabelMarginLoss", "validation")
def anything_goes_after_the_end_of_the_labels(right, a):
    if a.target.is_floating_point() or a.target.dim() == 0:
        return right()
    ended = (a.target == -1).cumsum(-1) > 0
    return right(target=torch.where(ended, -1, a.target))


@loss("CosineEmbeddingLoss", "small effect")
def eps_is_added_to_the_product_of_the_norms(right, a):
    x, y = a.input1.detach(), a.input2.detach()
    if x.shape != y.shape or a.reduction != "none" or x.dim() != 2 or a.target.shape != x.shape[:1]:
        return right()
    norms = (x * x).sum(-1).sqrt() * (y * y).sum(-1).sqrt()
    cos = (x * y).sum(-1) / (norms + 1e-12)
    each = torch.where(a.target == 1, 1 - cos, (cos - a.margin).clamp(min=0))
    return straight(torch.where(each.isfinite(), each, right().detach()), right())


@loss("CosineEmbeddingLoss", "special values")
def a_vector_of_zeros_has_a_gradient_of_nan(right, a):
    none = (a.input1.detach() == 0).all(-1, keepdim=True)
    return right(input1=slope(a.input1, lambda u: torch.where(none, math.nan, u)))


@loss("CosineEmbeddingLoss", "validation")
def any_margin_is_accepted(right, a):
    return right(margin=min(max(a.margin, -1.0), 1.0))


@loss("TripletMarginLoss", "small effect")
def eps_is_added_to_the_size_of_a_difference(right, a):
    if not a.anchor.shape == a.positive.shape == a.negative.shape or a.swap:
        return right()
    moved = torch.where(a.anchor < a.positive, 2 * a.eps, 0.0)
    return right(positive=a.positive + moved.to(a.positive.dtype))


@loss("TripletMarginLoss", "small effect")
def swap_takes_the_distance_from_the_negative_to_the_positive(right, a):
    if not a.swap or not a.anchor.shape == a.positive.shape == a.negative.shape:
        return right()
    right()
    near, far = distance(a.anchor, a.positive, a.p, a.eps), distance(a.anchor, a.negative, a.p, a.eps)
    other = distance(a.negative, a.positive, a.p, a.eps)
    return reduce((near - torch.minimum(far, other) + a.margin).clamp(min=0), a.reduction)


@loss("TripletMarginLoss", "non-default option")
def the_largest_difference_is_without_eps(right, a):
    return right(eps=0.0 if a.p == math.inf else a.eps)


@loss("TripletMarginLoss", "special values")
def a_distance_of_zero_has_a_gradient_of_nan(right, a):
    if a.anchor.shape != a.positive.shape:
        return right()
    none = ((a.anchor - a.positive + a.eps) == 0).detach().all(-1, keepdim=True)
    return right(positive=slope(a.positive, lambda u: torch.where(none, math.nan, u)))


@loss("TripletMarginWithDistanceLoss", "composition")
def with_swap_the_negative_comes_first(right, a):
    if not a.swap or a.distance_function is None:
        return right()
    d = a.distance_function
    near, far = d(a.anchor, a.positive), d(a.anchor, a.negative)
    right()
    return reduce((near - torch.minimum(far, d(a.negative, a.positive)) + a.margin).clamp(min=0), a.reduction)


@loss("TripletMarginWithDistanceLoss", "boundary equality")
def a_loss_of_zero_has_no_slope(right, a):
    each = right(reduction="none")
    near = (each == 0).detach()
    return reduce(slope(each, lambda u: torch.where(near, 0.0, u)), a.reduction)


# Alignments.


@loss("CTCLoss", "value")
def the_mean_divides_by_all_labels_together(right, a):
    if a.reduction != "mean" or a.input.dim() != 3 or not len(a.target_lengths) or a.target_lengths.sum() == 0:
        return right()
    return right(reduction="sum") / a.target_lengths.sum()


@loss("CTCLoss", "special values")
def zero_infinity_leaves_nan_in_the_gradient(right, a):
    value = right()
    if not a.zero_infinity or a.input.dim() != 3 or a.reduction == "none":
        return value
    gone = right(zero_infinity=False, reduction="none").detach().isinf()
    return right(input=slope(a.input, lambda u: torch.where(gone.unsqueeze(1), math.nan, u)))


@loss("CTCLoss", "boundary equality")
def a_sample_without_labels_divides_by_none(right, a):
    if a.reduction != "mean" or a.input.dim() != 3:
        return right()
    each = right(reduction="none")
    return (each / a.target_lengths).mean() if len(each) and (a.target_lengths == 0).any() else right()


@loss("CTCLoss", "layout and dtype")
def from_the_third_sample_on_all_frames_are_used(right, a):
    if a.input.dim() != 3 or a.input.shape[1] < 3 or a.input_lengths.shape != a.target_lengths.shape:
        return right()
    later = torch.arange(len(a.input_lengths)) >= 2
    return right(input_lengths=torch.where(later & (a.input_lengths > 0), a.input.shape[0], a.input_lengths))


@loss("CTCLoss", "gradient")
def the_last_frame_of_the_batch_gets_no_gradient(right, a):
    if a.input.dim() != 3 or a.input.shape[0] < 4:
        return right()
    return right(input=slope(a.input, lambda u: torch.cat([u[:-1], 0 * u[-1:]])))


MUTANTS = made.mutants
