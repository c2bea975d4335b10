"""margin_ranking: spec/losses/margin_ranking.md. What is missing of a margin between two scores."""

from torch import Tensor

from torchstone.reference.checks import require
from torchstone.reference.loss import check_floating, hinge, reduce


def margin_ranking(
    input1: Tensor, input2: Tensor, target: Tensor, *, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    check_floating(input1, input2)
    shapes = [tuple(tensor.shape) for tensor in (input1, input2, target)]
    one = shapes[0] == shapes[1] == shapes[2]
    require(one, "margin_ranking: the tensors must have one shape", shapes)  # margin_ranking.10
    return reduce(hinge(margin - target * (input1 - input2)), reduction)  # margin_ranking.1 margin_ranking.7
