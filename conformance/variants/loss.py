"""What all losses share: what goes wrong, and whose tests should notice."""

from torchstone.conformance.variants import mutant

NONE = "return loss  # loss.1"
SUM = "return loss.sum()  # loss.2"
MEAN = "return loss.mean() if count is None else loss.sum() / count"
INPUTS = "{name: tensor.detach().requires_grad_(name in wrt) for name, tensor in tensors.items()}"
FORWARD = "        own = dict(self.named_parameters())\n        buffers"

VARIANTS = (
    mutant("flattens_the_elements", "loss.1", (NONE, "return loss.flatten()"), component="mse"),
    mutant("an_extra_dimension", "loss.1", (NONE, "return loss.unsqueeze(-1)"), component="l1"),
    mutant("sums_within_each_sample", "loss.2 loss.7", (SUM, "return loss.sum(-1)"), component="mse"),
    mutant("a_sum_that_is_a_mean", "loss.2 loss.13", (SUM, "return loss.mean()"), component="huber"),
    mutant(
        "over_the_batch",
        "loss.3 loss.13",
        (MEAN, "return loss.sum() / (count if count is not None else loss.shape[0] if loss.dim() else 1)"),
        component="mse",
    ),
    mutant("over_all_samples", "loss.3", (MEAN, "return loss.mean()"), component="cross_entropy"),
    mutant(
        "an_empty_mean_is_zero",
        "loss.3",
        (MEAN, "return loss.sum() / (max(loss.numel(), 1) if count is None else count)"),
        component="mse",
    ),
    mutant(
        "any_spelling",
        "loss.4",
        ("require(reduction in REDUCTIONS", "require(str(reduction).lower() in REDUCTIONS"),
        component="l1",
    ),
    mutant(
        "size_average_comes_first",
        "loss.5",
        (
            '("mean" if average else "sum") if reduced else "none"',
            '"sum" if not average else "mean" if reduced else "none"',
        ),
        component="mse",
    ),
    mutant("both_flags_or_none", "loss.5", ("is None and reduce is None", "is None or reduce is None"), component="l1"),
    mutant(
        "sums_by_default",
        "loss.6",
        ('reduction: str = "mean"', 'reduction: str = "sum"'),
        file="losses/mse.py",
        component="mse",
    ),
    mutant(
        "keeps_a_dimension", "loss.7", (MEAN, f"{MEAN.replace('return ', 'return (')}).reshape(1)"), component="mse"
    ),
    mutant("sums_in_float64", "loss.8", (SUM, "return loss.double().sum()"), component="l1"),
    mutant("elements_in_float32", "loss.8", (NONE, "return loss.float()"), component="mse"),
    mutant(
        "gradients_of_what_was_broadcast",
        "loss.9",
        (
            f"    inputs = {INPUTS}",
            "    alike = torch.broadcast_tensors(*tensors.values())\n"
            "    tensors = {name: tensor.clone() for name, tensor in zip(tensors, alike)}\n"
            f"    inputs = {INPUTS}",
        ),
        component="mse",
    ),
    mutant(
        "reads_memory_in_its_order",
        "loss.10",
        (
            f"    inputs = {INPUTS}",
            "    tensors = {\n"
            "        name: tensor.as_strided(tensor.shape, torch.empty(tensor.shape).stride())\n"
            "        for name, tensor in tensors.items()\n"
            "    }\n"
            f"    inputs = {INPUTS}",
        ),
        component="mse",
    ),
    mutant(
        "shifts_the_logits_in_place",
        "loss.11",
        (
            FORWARD,
            "        if tensors[0].numel():\n"
            "            tensors[0].detach().sub_(tensors[0].detach().max())\n"
            f"{FORWARD}",
        ),
        file="torch_api.py",
        component="cross_entropy",
    ),
    mutant(
        "ignores_the_upstream_gradient",
        "loss.12",
        ("upstream(value.detach()), materialize", "torch.ones_like(value), materialize"),
        component="mse",
    ),
    mutant(
        "the_size_of_the_upstream_gradient",
        "loss.12",
        ("upstream(value.detach()), materialize", "upstream(value.detach()).abs(), materialize"),
        component="l1",
    ),
    mutant(
        "the_mean_has_the_gradient_of_the_sum",
        "loss.13",
        (MEAN, "return loss.sum() + (loss.mean() - loss.sum()).detach() if count is None else loss.sum() / count"),
        component="mse",
    ),
    mutant(
        "in_order_of_size",
        "loss.14 loss.15",
        (NONE, "return loss.sort(0).values"),
        component="l1",
    ),
    mutant(
        "forgets_the_rest_of_a_vector_of_four",
        "loss.14",
        (
            NONE,
            "whole = loss.numel() if loss.numel() < 4 else loss.numel() // 4 * 4\n"
            "        return torch.where(torch.arange(loss.numel()).reshape(loss.shape) < whole, loss, 0.0)",
        ),
        component="mse",
    ),
    mutant(
        "softmax_over_the_batch",
        "loss.15",
        ("log_softmax(x, dim=axis)", "log_softmax(x, dim=0)"),
        file="losses/cross_entropy.py",
        component="cross_entropy",
    ),
    mutant(
        "a_nan_spoils_the_batch",
        "loss.15",
        (NONE, "return loss + 0 * loss.sum()"),
        component="mse",
    ),
    mutant("integers_have_a_loss", "loss.16", ("require(floating,", "require(True,"), component="l1"),
    mutant(
        "refuses_an_empty_batch",
        "loss.17",
        (
            "    dtypes = [",
            '    require(all(map(torch.numel, tensors)), "loss: a batch must not be empty", 0)\n    dtypes = [',
        ),
        component="mse",
    ),
    mutant(
        "an_empty_batch_is_a_zero",
        "loss.17",
        (NONE, "return loss if loss.numel() else loss.sum()"),
        component="l1",
    ),
)

EQUIVALENT = {
    "inputs = {name: (tensor).requires_grad_(name in wrt) for name, tensor in tensors.items()}": (
        "What plays makes its tensors anew for every program."
    ),
    "value, [inputs[name] for name in wrt], upstream((value)), materialize_grads=True": (
        "Of the value, the upstream gradient takes shape and dtype."
    ),
    "return (value), dict(zip(wrt, gradients, strict=True))": "Nothing differentiates what is returned.",
    "return share * torch.where((share == 0) & loss.isinf(), 1.0, loss)": "A share of zero is zero of any number.",
    "value, [inputs[name] for name in wrt], upstream(value.detach()), materialize_grads=False": (
        "Every loss depends on all that it is differentiated by."
    ),
    "floating = any(((tensor.is_floating_point())) for tensor in tensors)": "Programs hold no complex tensors (l1.10).",
}
