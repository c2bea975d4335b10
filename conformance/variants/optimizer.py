"""What all optimizers share: what others ship, and what goes wrong."""

from torchstone.conformance.variants import mutant

TORCH_API = "torch_api.py"

VARIANTS = (
    mutant(
        "defaults_for_every_group",
        "optimizer.1",
        ("self.options | dict(options)))", "dict(options) | self.options))"),
        component="sgd",
    ),
    mutant(
        "none_is_zeros",
        "optimizer.6",
        (
            "                if param.grad is not None:\n                    kept",
            "                if param.grad is None:\n                    param.grad = torch.zeros_like(param)\n"
            "                if param.grad is not None:\n                    kept",
        ),
        component="adam",
        file=TORCH_API,
    ),
    mutant(
        "no_loss_returned",
        "optimizer.9",
        ("        return loss\n\n    def minimise", "        return None\n\n    def minimise"),
        component="sgd",
        file=TORCH_API,
    ),
)
