"""sgd: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "rate_in_buffer",
        "sgd.6",
        (
            "g if state.b is None else momentum * state.b + (1 - dampening) * g",
            "lr * g if state.b is None else momentum * state.b + lr * (1 - dampening) * g",
        ),
        ("g + momentum * b if", "lr * g + momentum * b if"),
        ("return param - lr * d", "return param - d"),
        shipped_by="Keras, after Sutskever et al.",
    ),
    dialect(
        "buffer_from_zero",
        "sgd.3 sgd.10 sgd.14",
        (
            "g if state.b is None else momentum * state.b + (1 - dampening) * g",
            "(1 - dampening) * g if state.b is None else momentum * state.b + (1 - dampening) * g",
        ),
        shipped_by="MLX",
    ),
    dialect(
        "decoupled",
        "sgd.1 sgd.7",
        (
            "g + weight_decay * param if weight_decay != 0 else g  #",
            ("g\n    param = (1 - lr * weight_decay) * param  #"),
        ),
        shipped_by="SGDW of Loshchilov and Hutter (2019)",
    ),
    mutant(
        "decay_before_the_gradient_is_negated",
        "sgd.1 sgd.7",
        ("g + weight_decay * param", "g + (-weight_decay if maximize else weight_decay) * param"),
    ),
    mutant(
        "nesterov_without_the_decay",
        "sgd.1 sgd.7",
        ("g + momentum * b if", "(-grad if maximize else grad) + momentum * b if"),
    ),
    mutant("dampened_without_momentum", "sgd.2", ("return param - lr * g", "return param - lr * (1 - dampening) * g")),
    mutant("dampening_as_momentum", "sgd.4 sgd.10", ("(1 - dampening) * g", "(1 - momentum) * g")),
    mutant(
        "nesterov_with_the_buffer_before",
        "sgd.5",
        ("g + momentum * b if", "g + momentum * (g if state.b is None else state.b) if"),
    ),
    mutant(
        "rate_twice",
        "sgd.6 sgd.9 sgd.11",
        ("return param - lr * g", "return param - lr * lr * g"),
        ("return param - lr * d", "return param - lr * lr * d"),
    ),
    mutant(
        "gradient_is_normalised",
        "sgd.8 sgd.11 sgd.14 sgd.15",
        (
            "g = -grad if maximize else grad  #",
            ("g = -grad if maximize else grad\n    g = g / (g * g).sum() ** 0.5  #"),
        ),
    ),
    mutant("buffer_forgotten_while_momentum_is_zero", "sgd.12", ("lr * g, state  #", "lr * g, State(None)  #")),
    mutant("buffer_goes_on_while_momentum_is_zero", "sgd.12", ("lr * g, state  #", "lr * g, State(g)  #")),
    mutant(
        "none_counts_as_zeros",
        "sgd.13",
        (
            "if grad is not None:  # optimizer.6",
            ("grad = torch.zeros_like(group.params[i]) if grad is None else grad\n                if True:"),
        ),
        file="optimizer.py",
        component="sgd",
    ),
    mutant("infinite_gradients_are_cut", "sgd.14", ("else grad  #", "else grad.clamp(-1e30, 1e30)  #")),
    mutant("decay_of_zero_is_added", "sgd.16", (" if weight_decay != 0 else g  #", "  #")),
    mutant("rate_of_nan_passes", "sgd.17", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("momentum_of_nan_passes", "sgd.18", ("require(momentum >= 0,", "require(not momentum < 0,")),
    mutant("decay_of_nan_passes", "sgd.19", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
    mutant("nesterov_with_dampening_passes", "sgd.20", ("(momentum > 0 and dampening == 0)", "momentum > 0")),
)

EQUIVALENT = {
    'require(dampening <= 0 or dampening >= 0, "sgd: dampening must be a number", dampening)': (
        "Every number is one or the other, and NaN neither."
    ),
    'require(dampening <= 1 or dampening > 0, "sgd: dampening must be a number", dampening)': (
        "Every number is one or the other, and NaN neither."
    ),
}
