"""kl_div: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

PLAIN, LOGARITHMIC = "y * (torch.log(y) - input)", "torch.exp(y) * (y - input)"
NEVER = "never = target == (-torch.inf if log_target else 0)"
SAFE = "y = torch.where(never, 1.0, target)"
BATCHMEAN = "return loss.sum() / (input.shape[0] if input.dim() else 1)"
MEAN = "return reduce(loss, reduction)"
SHAPES = "shapes = (tuple(input.shape), tuple(target.shape))"
FLOATING = "floating = input.is_floating_point() and target.is_floating_point()"

VARIANTS = (
    dialect(
        "clipped",
        "kl_div.1 kl_div.2 kl_div.5 kl_div.6 kl_div.7 kl_div.8 kl_div.10",
        (SAFE, "input, y = torch.log(input.clamp(1e-7, 1)), target.clamp(1e-7, 1)"),
        shipped_by="Keras",
    ),
    dialect(
        "axis_sum",
        "kl_div.1 kl_div.2 kl_div.5 kl_div.7 kl_div.8 kl_div.9 kl_div.10 loss.1 loss.3 loss.13 loss.14 loss.15 loss.17",
        (MEAN, "return reduce(loss.sum(-1) if loss.dim() else loss, reduction)"),
        shipped_by="Keras, optax (kl_divergence)",
    ),
    mutant("target_is_taken_as_a_logarithm", "kl_div.1 kl_div.6 kl_div.8", (PLAIN, "y * (y - input)")),
    mutant("cross_entropy", "kl_div.1 kl_div.8", (PLAIN, "-y * input")),
    mutant("small_number_in_the_logarithm", "kl_div.1", (PLAIN, "y * (torch.log(y + 1e-8) - input)")),
    mutant("log_target_is_not_exponentiated", "kl_div.2 kl_div.8", (LOGARITHMIC, "y * (y - input)")),
    mutant("input_is_exponentiated", "kl_div.2 kl_div.7", (LOGARITHMIC, "torch.exp(input) * (input - y)")),
    mutant(
        "mean_over_the_elements_of_the_input",
        "kl_div.3",
        (MEAN, "return reduce(loss, reduction, torch.tensor(input.numel()))"),
    ),
    mutant(
        "batchmean_over_the_rows",
        "kl_div.4",
        (BATCHMEAN, "return loss.sum() / (loss.numel() / max(loss.shape[-1], 1) if input.dim() else 1)"),
    ),
    mutant("batchmean_over_all_elements", "kl_div.4 kl_div.6", (BATCHMEAN, "return loss.mean()")),
    mutant(
        "batchmean_of_nothing_is_zero",
        "kl_div.4",
        (BATCHMEAN, "return loss.sum() / (max(input.shape[0], 1) if input.dim() else 1)"),
    ),
    mutant("multiplied_before_the_difference", "kl_div.5", (LOGARITHMIC, "torch.exp(y) * y - torch.exp(y) * input")),
    mutant("positive_inputs_are_clipped", "kl_div.1 kl_div.7", (SAFE, f"input = input.clamp(max=0)\n    {SAFE}")),
    mutant("no_gradient_for_the_target", "kl_div.8", (SAFE, f"target = target.detach()\n    {SAFE}")),
    mutant("zero_times_infinity", "kl_div.9", (NEVER, "never = torch.zeros(target.shape, dtype=torch.bool)")),
    mutant("masked_after_the_logarithm", "kl_div.9", (SAFE, "y = target")),
    mutant(
        "negative_targets_cost_nothing",
        "kl_div.10",
        (NEVER, "never = target == -torch.inf if log_target else target <= 0"),
    ),
    mutant("infinity_is_cut", "kl_div.10", (SAFE, f"{SAFE}\n    input = input.clamp(min=-1e4)")),
    mutant("nan_is_zero", "kl_div.10", (SAFE, f"{SAFE}\n    input = torch.where(input.isnan(), 0.0, input)")),
    mutant(
        "tensors_of_one_size",
        "kl_div.11",
        (SHAPES, f"target = target.reshape(input.shape) if target.numel() == input.numel() else target\n    {SHAPES}"),
    ),
    mutant(
        "one_number_for_each_row",
        "kl_div.11",
        (
            SHAPES,
            f"target = target[..., None] if target.shape == input.shape[:-1] and input.dim() else target\n    {SHAPES}",
        ),
    ),
    mutant("integer_targets", "kl_div.12", (FLOATING, "target = target.to(input.dtype)\n    floating = True")),
)

EQUIVALENT = {
    "floating = ((target.is_floating_point()))": "whether an input of integers is accepted is left open",
    "y = torch.where(never, 2.0, target)": "what stands in for a target that is not looked at is not used",
}
