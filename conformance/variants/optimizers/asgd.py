"""asgd: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "rate_of_this_step",
        "asgd.5",
        ("lr if state.rate is None else state.rate", "lr / (1 + lambd * lr * (t - 1)) ** alpha"),
        shipped_by="Bottou's program",
    ),
    mutant(
        "decay_before_the_gradient_is_negated",
        "asgd.1",
        ("g + weight_decay * param", "g + (-weight_decay if maximize else weight_decay) * param"),
    ),
    mutant(
        "decay_through_the_average_alone", "asgd.1", ("if weight_decay != 0 else g  #", "if weight_decay < 0 else g  #")
    ),
    mutant("decay_with_the_first_rate", "asgd.2 asgd.13", ("(1 - lambd * rate) * param", "(1 - lambd * lr) * param")),
    mutant(
        "decay_after_the_step",
        "asgd.2 asgd.11",
        ("(1 - lambd * rate) * param - rate * g", "(1 - lambd * rate) * (param - rate * g)"),
    ),
    mutant(
        "counts_calls",
        "asgd.3",
        (
            "if grad is not None:  # optimizer.6",
            (
                "group.states[i] = group.states[i]._replace(t=group.states[i].t + (grad is None))\n"
                "                if grad is not None:"
            ),
        ),
        file="optimizer.py",
        component="asgd",
    ),
    mutant(
        "first_rate_has_fallen_already",
        "asgd.4 asgd.13",
        ("lr if state.rate is None", "lr / (1 + lambd * lr) ** alpha if state.rate is None"),
    ),
    mutant("first_rate_is_the_default", "asgd.4", ("lr if state.rate is None", "1e-2 if state.rate is None")),
    mutant("rate_of_the_step_after", "asgd.5 asgd.13", ("lambd * lr * t)", "lambd * lr * (t + 1))")),
    mutant(
        "rate_falls_without_lambd", "asgd.5 asgd.12 asgd.13", ("(1 + lambd * lr * t) ** alpha", "(1 + lr * t) ** alpha")
    ),
    mutant(
        "power_of_the_product_alone",
        "asgd.5 asgd.13",
        ("(1 + lambd * lr * t) ** alpha", "(1 + (lambd * lr * t) ** alpha)"),
    ),
    mutant("averages_one_step_early", "asgd.6 asgd.9", ("max(1, t - t0)", "max(1, t + 1 - t0)")),
    mutant("average_of_all_steps", "asgd.6 asgd.9", ("max(1, t - t0)", "max(1, t)")),
    mutant("average_by_the_formula_always", "asgd.7", ("before is None or weight == 1", "before is None")),
    mutant(
        "average_of_the_parameter_before", "asgd.8 asgd.9", ("weight * (theta - before)", "weight * (param - before)")
    ),
    mutant("parameter_becomes_the_average", "asgd.10", ("return theta, State", "return average, State")),
    mutant("rate_falls_from_t0_on", "asgd.5 asgd.10 asgd.13", ("lambd * lr * t)", "lambd * lr * max(0, t - t0))")),
    mutant(
        "zero_is_no_option",
        "asgd.11 asgd.12 asgd.14",
        ("t = state.t + 1  #", "t, lambd, alpha = state.t + 1, lambd or 1e-4, alpha or 0.75  #"),
    ),
    mutant("infinite_gradients_are_left_out", "asgd.15", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")),
    mutant("decay_of_zero_is_added", "asgd.16", (" if weight_decay != 0 else g  #", "  #")),
    mutant("rate_of_nan_passes", "asgd.17", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("lambd_of_nan_passes", "asgd.18", ("require(lambd >= 0,", "require(not lambd < 0,")),
    mutant("decay_of_nan_passes", "asgd.19", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
)

ALWAYS = "every number is one or the other, and NaN neither"

EQUIVALENT = {
    "average = theta if ((weight == 1)) else before + weight * (theta - before)": (
        "Before the first step the weight is 1."
    ),
    "t0: Number = 2000000.0,": "Missing: a program of more than a million steps.",
    "return State(t=0, rate=None, weight=2, average=None)": "The first step finds no average, and asks for no weight.",
    'require(alpha <= 1 or alpha > 0, "asgd: alpha must be a number", alpha)': ALWAYS,
    'require(alpha <= 0 or alpha >= 0, "asgd: alpha must be a number", alpha)': ALWAYS,
    'require(t0 <= 1 or t0 > 0, "asgd: t0 must be a number", t0)': ALWAYS,
    'require(t0 <= 0 or t0 >= 0, "asgd: t0 must be a number", t0)': ALWAYS,
}
