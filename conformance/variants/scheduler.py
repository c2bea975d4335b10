"""What all schedulers share: what goes wrong, and whose tests should notice."""

from torchstone.conformance.variants import mutant

TORCH_API = "torch_api.py"
COUNT = "self.t = self.t + 1 if epoch is None else epoch"
FIRST = "            self.step()  # scheduler.1"
OPTIONS = "            options = {name: plain(group[name]) for name in defaults(self.rule)}\n"
RATES = "self.rule.rate(self.t, base_lr, **options) for base_lr, options in groups"
PUT = 'group["lr"] = torch.full_like(group["lr"], float(lr)) if isinstance(group["lr"], Tensor) else float(lr)'
DRIVEN = (
    'any(not hasattr(scheduler.rule, "rate") or getattr(scheduler.rule, "SETS", False) for scheduler in schedulers)'
)

VARIANTS = (
    mutant(
        "base_rates_at_construction",
        "scheduler.1",
        (FIRST, f"{FIRST}\n            self.lrs = self.base_lrs"),
        component="linear",
    ),
    mutant(
        "the_first_step_counts_twice",
        "scheduler.2 scheduler.3",
        (COUNT, "self.t = self.t + 1 + (self.t == 0) if epoch is None else epoch"),
        component="step",
    ),
    mutant(
        "a_step_that_changes_nothing_does_not_count",
        "scheduler.2 scheduler.3",
        (COUNT, "before = self.lrs\n        self.t = self.t + 1 if epoch is None else epoch"),
        (
            '            if self.options.get("cycle_momentum"):',
            "            if self.t > 0 and self.lrs == before:\n                self.t -= 1\n"
            '            if self.options.get("cycle_momentum"):',
        ),
        component="step",
    ),
    mutant(
        "waits_for_the_first_step_of_the_optimizer",
        "scheduler.4",
        (
            "        loss = None\n        if closure is not None:",
            "        self.begun = True\n        loss = None\n        if closure is not None:",
        ),
        (
            '        """One step; `value` is the metric where the component takes one, and otherwise the epoch."""\n',
            '        if not hasattr(self.optimizer, "begun"):\n            return\n',
        ),
        file=TORCH_API,
        component="exponential",
    ),
    mutant(
        "the_first_base_rate_for_all",
        "scheduler.3 scheduler.5 scheduler.6",
        (RATES, "self.rule.rate(self.t, self.base_lrs[0], **options) for _, options in groups"),
        component="exponential",
    ),
    mutant(
        "rates_have_a_floor",
        "scheduler.7 scheduler.8",
        (RATES, f"max({RATES.partition(' for ')[0]}, real(1e-8)) for base_lr, options in groups"),
        component="step",
    ),
    mutant(
        "reports_the_base_rates",
        "scheduler.9",
        ('return [float(group["lr"]) for group in self.optimizer.param_groups]', "return self.base_lrs"),
        file=TORCH_API,
        component="exponential",
    ),
    mutant(
        "the_optimizer_keeps_its_first_rate",
        "scheduler.9 scheduler.10",
        (
            f"{OPTIONS}            for param in",
            f"{OPTIONS}"
            '            options["lr"] = plain(group.get("initial_lr", group["lr"]))\n            for param in',
        ),
        file=TORCH_API,
        component="cosine_annealing",
    ),
    mutant(
        "forgets_the_state_of_the_optimizer",
        "scheduler.10",
        (f"            {PUT}", f"            {PUT}\n        self.optimizer.state.clear()"),
        file=TORCH_API,
        component="step",
    ),
    mutant(
        "scales_the_weight_decay_too",
        "scheduler.10",
        (
            f"            {PUT}",
            '            group["weight_decay"] = group["weight_decay"] * float(lr) / (float(group["lr"]) or 1.0)\n'
            f"            {PUT}",
        ),
        file=TORCH_API,
        component="constant",
    ),
    mutant(
        "rates_in_the_dtype_of_the_parameters",
        "scheduler.11",
        (
            f"            {PUT}",
            f'            lr = torch.tensor(float(lr)).to(group["params"][0].dtype)\n            {PUT}',
        ),
        file=TORCH_API,
        component="exponential",
    ),
    mutant(
        "rates_in_float32",
        "scheduler.3 scheduler.17",
        (RATES, f"real(float({RATES.partition(' for ')[0]}.float())) for base_lr, options in groups"),
        component="cosine_annealing",
    ),
    mutant(
        "the_last_one_stepped_alone",
        "scheduler.12",
        ("return product(schedulers) if closed else stepped.lrs", "return stepped.lrs"),
        component="linear",
    ),
    mutant(
        "one_t_for_all",
        "scheduler.12",
        ("scheduler.rule.rate(scheduler.t, lr", "scheduler.rule.rate(schedulers[0].t, lr"),
        component="exponential",
    ),
    mutant("returns_to_its_own_rates", "scheduler.13", ("if one != none:", "if False:"), component="exponential"),
    mutant(
        "a_changed_rate_is_a_base_rate",
        "scheduler.13",
        ("(real(lr) - none) / (one - none)", "real(lr)"),
        component="step",
    ),
    mutant(
        "goes_on_from_a_changed_rate",
        "scheduler.23",
        (DRIVEN, 'any(not hasattr(scheduler.rule, "rate") for scheduler in schedulers)'),
        component="lambda_",
    ),
    mutant(
        "the_count_is_not_saved",
        "scheduler.14",
        (
            'self.schedule.t, self.schedule.base_lrs = state_dict["last_epoch"], list(state_dict["base_lrs"])',
            'self.schedule.base_lrs = list(state_dict["base_lrs"])',
        ),
        file=TORCH_API,
        component="exponential",
    ),
    mutant(
        "the_bad_epochs_are_not_saved",
        "scheduler.14",
        ('self.rule.State(*state_dict["state"])', 'self.rule.State(*state_dict["state"])._replace(bad=0)'),
        file=TORCH_API,
        component="reduce_on_plateau",
    ),
    mutant(
        "begins_anew",
        "scheduler.15 scheduler.16",
        ("self.t: Any = last_epoch", "self.t: Any = -1"),
        component="multi_step",
    ),
    mutant(
        "leaves_the_rates_in_force",
        "scheduler.15",
        (
            FIRST,
            f"{FIRST}\n            self.lrs = self.lrs if last_epoch < 0 or lrs is None else [real(lr) for lr in lrs]",
        ),
        component="cosine_annealing",
    ),
    mutant(
        "multiplies_the_rates_in_force",
        "scheduler.16",
        (
            FIRST,
            f"{FIRST}\n"
            "            if last_epoch >= 0 and lrs is not None:\n"
            "                before = [rule.rate(last_epoch, lr, **own) for lr, own in zip(self.base_lrs, self.each)]\n"
            "                self.lrs = [lr * now / old for lr, now, old in zip(lrs, self.lrs, before)]",
        ),
        component="exponential",
    ),
    mutant(
        "checked_at_the_first_step",
        "scheduler.18",
        ("        rule.check(**options)  # scheduler.18 scheduler.20\n", ""),
        (COUNT, f"{COUNT}\n        if self.t > 0:\n            self.rule.check(**self.options)"),
        component="exponential",
    ),
    mutant("part_of_a_last_epoch", "scheduler.19", ("whole(last_epoch, -1)", "last_epoch >= -1"), component="linear"),
    mutant("before_the_start", "scheduler.19", ("whole(last_epoch, -1)", "whole(last_epoch, -5)"), component="linear"),
    mutant(
        "more_values_than_groups",
        "scheduler.21",
        ("len(options[name]) == len(base_lrs)", "len(options[name]) >= len(base_lrs)"),
        component="lambda_",
    ),
    mutant(
        "gives_the_optimizer_a_momentum",
        "scheduler.22",
        ("require(known,", "require(True,"),
        component="cyclic",
    ),
)

EQUIVALENT = {
    "listed = ((isinstance(schedulers, list | tuple)) or (all(isinstance(part, Part) for part in schedulers)))": (
        "What programs cannot hold: the clause is not testable."
    ),
    "listed = ((isinstance(schedulers, list | tuple)))": "What programs cannot hold: the clause is not testable.",
    "listed = ((all(isinstance(part, Part) for part in schedulers)))": (
        "What programs cannot hold: the clause is not testable."
    ),
    'return ((len(schedulers) > 0) and (all(hasattr(part.rule, "rate") for part in schedulers)))': (
        "What programs cannot hold: the clause is not testable."
    ),
    "for part in (schedulers):": "What programs cannot hold: the clause is not testable.",
    'resumes = ((getattr(rule, "RESUMES", True)))': "What programs cannot hold: the clause is not testable.",
    'resumes = ((closed) or (getattr(rule, "RESUMES", True)))': (
        "What programs cannot hold: the clause is not testable."
    ),
    "resumes = ((closed))": "What programs cannot hold: the clause is not testable.",
    'False and require(resumes or last_epoch == -1, "scheduler: last_epoch is for a closed form", last_epoch)': (
        "What programs cannot hold: the clause is not testable."
    ),
    "self.lrs = (self.base_lrs)": "Before each step it is given the rates in force.",
    'if any(((not hasattr(scheduler.rule, "rate"))) for scheduler in schedulers):': (
        "What sets the rate gives the same for every base rate."
    ),
}
