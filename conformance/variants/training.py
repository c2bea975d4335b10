"""An optimizer and its schedulers: what goes wrong, and with which scheduler."""

from torchstone.conformance.variants import mutant

TORCH_API = "torch_api.py"
OPTIONS = "            options = {name: plain(group[name]) for name in defaults(self.rule)}\n            for param in"
STEP = '        """One step; `value` is the metric where the component takes one, and otherwise the epoch."""\n'
PUT = 'group["lr"] = torch.full_like(group["lr"], float(lr)) if isinstance(group["lr"], Tensor) else float(lr)'
BEGUN = (
    "        loss = None\n        if closure is not None:",
    "        self.begun = True\n        loss = None\n        if closure is not None:",
)
COUNT = 'self.schedule.t, self.schedule.base_lrs = state_dict["last_epoch"], list(state_dict["base_lrs"])'

VARIANTS = (
    mutant(
        "the_optimizer_keeps_its_first_rate",
        "training.1 training.2 training.3",
        (
            OPTIONS,
            OPTIONS.replace(
                "            for",
                '            options["lr"] = plain(group.get("initial_lr", group["lr"]))\n            for',
            ),
        ),
        file=TORCH_API,
        component="step",
    ),
    mutant(
        "uses_the_rate_of_the_step_before",
        "training.1 training.2",
        (
            OPTIONS,
            OPTIONS.replace(
                "            for",
                '            options["lr"], group["used"] = group.get("used", options["lr"]), options["lr"]\n'
                "            for",
            ),
        ),
        file=TORCH_API,
        component="cosine_annealing",
    ),
    mutant(
        "refuses_to_be_stepped_first",
        "training.2",
        BEGUN,
        (STEP, '        require(hasattr(self.optimizer, "begun"), "scheduler: the optimizer comes first", value)\n'),
        file=TORCH_API,
        component="exponential",
    ),
    mutant(
        "forgets_the_state_of_the_optimizer",
        "training.3",
        (f"            {PUT}", f"            {PUT}\n        self.optimizer.state.clear()"),
        file=TORCH_API,
        component="step",
    ),
    mutant(
        "the_count_is_not_saved",
        "training.4",
        (COUNT, 'self.schedule.base_lrs = list(state_dict["base_lrs"])'),
        file=TORCH_API,
        component="exponential",
    ),
    mutant(
        "the_state_of_the_optimizer_is_not_saved",
        "training.4 training.19",
        (
            "    @torch.no_grad()\n    def step(self, closure",
            "    def load_state_dict(self, state_dict):\n"
            '        super().load_state_dict({**state_dict, "state": {}})\n\n'
            "    @torch.no_grad()\n    def step(self, closure",
        ),
        file=TORCH_API,
        component="exponential",
    ),
    mutant(
        "a_load_is_a_step",
        "training.4 training.19",
        (COUNT, f"{COUNT}\n        self.schedule.t += 1"),
        file=TORCH_API,
        component="linear",
    ),
    mutant(
        "a_load_begins_with_the_first_rates",
        "training.19",
        (
            COUNT,
            f"{COUNT}\n        for group in self.optimizer.param_groups:\n"
            '            group["lr"] = group["initial_lr"]',
        ),
        file=TORCH_API,
        component="exponential",
    ),
)
