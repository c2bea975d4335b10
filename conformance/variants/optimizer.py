"""What all optimizers share: what goes wrong, and whose tests should notice."""

from torchstone.conformance.variants import mutant

TORCH_API = "torch_api.py"
SGD = "optimizers/sgd.py"
GROUP = "Group(self.rule, params, self.options | dict(options))"
GROUPS = "        for group in self.groups:\n            for i, grad"
STEPPED = "group.params[i], group.states[i] = step"
GIVEN = "if grad is not None:  # optimizer.6"
NEGATED = "g = -grad if maximize else grad"
UPDATED = "self.rule.update(param.detach(), param.grad.clone(), state, **options)"
STEP = "    @torch.no_grad()\n    def step(self, closure"

VARIANTS = (
    mutant(
        "defaults_for_every_group",
        "optimizer.1",
        (GROUP, "Group(self.rule, params, dict(options) | self.options)"),
        component="sgd",
    ),
    mutant(
        "the_first_options_for_all",
        "optimizer.1",
        ("**group.options)  # optimizer.5", "**self.groups[0].options)"),
        component="adam",
    ),
    mutant(
        "only_the_first_group_moves", "optimizer.2", (GROUPS, GROUPS.replace("groups:", "groups[:1]:")), component="sgd"
    ),
    mutant(
        "clips_by_the_norm_of_all",
        "optimizer.3 optimizer.4",
        (
            "        rest = iter(grads)\n",
            "        norm = sum(float(grad.square().sum()) for grad in grads if grad is not None) ** 0.5\n"
            "        rest = iter(grad if grad is None or norm <= 1 else grad / norm for grad in grads)\n",
        ),
        component="sgd",
    ),
    mutant(
        "centres_the_gradient", "optimizer.4", (NEGATED, f"{NEGATED}\n    g = g - g.mean()"), file=SGD, component="sgd"
    ),
    mutant(
        "options_of_the_first_step",
        "optimizer.5",
        ("        self.options = dict(options)", "        self.options, self.first = dict(options), dict(options)"),
        ("**group.options)  # optimizer.5", "**group.first)"),
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
        file=TORCH_API,
        component="adam",
    ),
    mutant(
        "one_count_for_a_group",
        "optimizer.6",
        (
            STEPPED,
            f"{STEPPED}\n                    group.states = [each._replace(t=step[1].t) for each in group.states]",
        ),
        component="adam",
    ),
    mutant("zeros_are_no_step", "optimizer.7", (GIVEN, "if grad is not None and grad.any():"), component="adam"),
    mutant(
        "a_late_group_has_the_count_of_the_others",
        "optimizer.8",
        (
            f"        self.groups.append({GROUP})  # optimizer.1",
            f"        self.groups.append({GROUP})\n"
            "        first = self.groups[0].states[0].t if self.groups[0].states else 0\n"
            "        self.groups[-1].states = [each._replace(t=first) for each in self.groups[-1].states]",
        ),
        component="adam",
    ),
    mutant(
        "no_loss_returned",
        "optimizer.9",
        ("        return loss\n\n    def minimise", "        return None\n\n    def minimise"),
        file=TORCH_API,
        component="sgd",
    ),
    mutant(
        "a_closure_without_gradients",
        "optimizer.10",
        ("            with torch.enable_grad():\n                loss = closure()", "            loss = closure()"),
        file=TORCH_API,
        component="sgd",
    ),
    mutant(
        "a_closure_called_twice",
        "optimizer.10",
        ("                loss = closure()", "                loss = (closure(), closure())[1]"),
        file=TORCH_API,
        component="adam",
    ),
    mutant(
        "the_state_is_not_saved",
        "optimizer.11",
        (
            STEP,
            "    def load_state_dict(self, state_dict):\n"
            f'        super().load_state_dict({{**state_dict, "state": {{}}}})\n\n{STEP}',
        ),
        file=TORCH_API,
        component="adam",
    ),
    mutant(
        "changed_options_are_not_saved",
        "optimizer.11",
        (
            STEP,
            "    def load_state_dict(self, state_dict):\n"
            "        kept = [dict(group) for group in self.param_groups]\n"
            "        super().load_state_dict(state_dict)\n"
            "        for group, own in zip(self.param_groups, kept):\n"
            f"            group.update(own)\n\n{STEP}",
        ),
        file=TORCH_API,
        component="sgd",
    ),
    mutant(
        "clears_the_gradients",
        "optimizer.12",
        (
            "                    param.copy_(moved)",
            "                    param.copy_(moved)\n                    param.grad.zero_()",
        ),
        file=TORCH_API,
        component="sgd",
    ),
    mutant(
        "first_average_is_the_gradient_itself",
        "optimizer.12",
        ("param.grad.clone()", "param.grad"),
        file="torch_api.py",
        component="sgd",
    ),
    mutant(
        "decays_the_gradient_in_place",
        "optimizer.12",
        (
            f"                    moved, state = {UPDATED}",
            '                    param.grad.add_(param, alpha=float(group["weight_decay"]))\n'
            '                    options["weight_decay"] = 0.0\n'
            f"                    moved, state = {UPDATED}",
        ),
        file=TORCH_API,
        component="sgd",
    ),
    mutant(
        "reads_memory_in_its_order",
        "optimizer.13",
        (
            UPDATED,
            UPDATED.replace("param.grad", "param.grad.as_strided(param.shape, torch.empty(param.shape).stride())"),
        ),
        file=TORCH_API,
        component="sgd",
    ),
    mutant(
        "parameters_become_float64",
        "optimizer.14",
        (STEPPED, "group.params[i], group.states[i] = step[0].double(), step[1]"),
        component="sgd",
    ),
    mutant(
        "parameters_become_flat",
        "optimizer.14",
        (STEPPED, "group.params[i], group.states[i] = step[0].flatten(), step[1]"),
        component="sgd",
    ),
    mutant(
        "negates_the_weight_decay_too",
        "optimizer.15",
        (f"    {NEGATED}  # optimizer.15\n", ""),
        (
            "g = g + weight_decay * param if weight_decay != 0 else g",
            "g = grad + weight_decay * param if weight_decay != 0 else grad\n    g = -g if maximize else g",
        ),
        file=SGD,
        component="sgd",
    ),
    mutant(
        "decays_without_the_rate",
        "optimizer.16",
        ("(1 - lr * weight_decay) * param", "(1 - weight_decay) * param"),
        file="optimizers/adamw.py",
        component="adamw",
    ),
    mutant(
        "corrections_in_float32",
        "optimizer.17",
        ("m / (1 - beta1**t)", "m / (1 - torch.tensor(float(beta1), dtype=torch.float32) ** t)"),
        ("/ (1 - beta2**t)", "/ (1 - torch.tensor(float(beta2), dtype=torch.float32) ** t)"),
        file="optimizers/adam.py",
        component="adam",
    ),
    mutant(
        "only_the_first_of_a_pair",
        "optimizer.18",
        ("return tuple(map(plain, option))", "return (plain(option[0]), 0.999, *option[2:])"),
        file=TORCH_API,
        component="adam",
    ),
    mutant(
        "refuses_integers",
        "optimizer.19",
        (
            "    rule.check(**options)",
            '    require(type(options["lr"]) is not int, "optimizer: lr must be a float", options["lr"])\n'
            "    rule.check(**options)",
        ),
        component="sgd",
    ),
    mutant(
        "a_nan_is_no_gradient",
        "optimizer.21",
        (NEGATED, f"{NEGATED}\n    g = g.nan_to_num(nan=0.0)"),
        file=SGD,
        component="sgd",
    ),
    mutant(
        "refuses_a_group_of_nothing",
        "optimizer.22",
        (
            "        check(rule, options)  # optimizer.24",
            '        check(rule, options)\n        require(params, "optimizer: a group must have parameters", params)',
        ),
        component="sgd",
    ),
    mutant(
        "only_what_a_group_gives_is_checked",
        "optimizer.23 optimizer.25 optimizer.26",
        ("        check(self.rule, {**defaults(self.rule), **own})\n", ""),
        ("param_group.get(name, self.defaults[name])", "param_group.get(name, defaults(self.rule)[name])"),
        file=TORCH_API,
        component="adam",
    ),
    mutant(
        "groups_are_not_checked",
        "optimizer.24",
        ("        check(rule, options)  # optimizer.24\n", ""),
        component="sgd",
    ),
    mutant(
        "a_rate_that_is_nan",
        "optimizer.25",
        ("require(lr >= 0,", "require(not lr < 0,"),
        file=SGD,
        component="sgd",
    ),
    mutant(
        "the_first_of_a_tensor",
        "optimizer.26",
        (
            "    rule.check(**options)",
            "    rule.check(**{n: v.flatten()[0] if isinstance(v, Tensor) else v for n, v in options.items()})",
        ),
        ("number.numel() == 1", "number.numel() >= 1"),
        component="sgd",
    ),
    mutant(
        "nothing_to_optimise", "optimizer.28", ("require(len(groups) > 0", "require(len(groups) >= 0"), component="sgd"
    ),
    mutant(
        "a_second_group_stays_where_it_is",
        "optimizer.31",
        ("alone = not (self.groups and minimises(self.rule))", "alone = True"),
        component="lbfgs",
    ),
    mutant(
        "a_step_without_a_closure_is_none",
        "optimizer.32",
        (
            '        require(not minimises(self.rule), "optimizer: a component that minimises needs a closure", None)',
            "        if minimises(self.rule):\n            return",
        ),
        component="lbfgs",
    ),
)

EQUIVALENT = {
    'False and require(name in defaults(rule), "optimizer: an option must be one of the component\'s", name)': (
        "What programs cannot hold: the clause is not testable."
    ),
    'False and require(len(distinct) == len(params), "optimizer: a parameter must be given once", len(params))': (
        "What programs cannot hold: the clause is not testable."
    ),
    "return torch.cat((([tensor.reshape(-1) for tensor in tensors])))": (
        "The spec leaves open what a group without parameters minimises."
    ),
    "single = ((not isinstance(number, Tensor)))": "What plays gives the number for a tensor of one element.",
    "distinct = ({id(param) for param in params})": "What programs cannot hold: the clause is not testable.",
    "return torch.cat([tensor.reshape(-1) for tensor in tensors] or [torch.zeros(1)])": (
        "The spec leaves open what a group without parameters minimises."
    ),
}
