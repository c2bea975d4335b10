"""rmsprop: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "eps_in_root",
        "rmsprop.6 rmsprop.9 rmsprop.10 rmsprop.14",
        ("(w.sqrt() + eps)", "(w + eps).sqrt()"),
        shipped_by="TensorFlow; Optax by default",
    ),
    dialect(
        "rate_in_buffer",
        "rmsprop.8",
        ("momentum * state.b + d if", "momentum * state.b + lr * d if"),
        ("lr * (b if momentum > 0 else d)", "(b if momentum > 0 else lr * d)"),
        shipped_by="TensorFlow, Keras",
    ),
    dialect(
        "square_from_one",
        "rmsprop.2 rmsprop.9 rmsprop.10 rmsprop.18",
        ("v=zeros", "v=torch.ones_like(param)"),
        shipped_by="TensorFlow 1",
    ),
    mutant(
        "decay_before_the_gradient_is_negated",
        "rmsprop.1 rmsprop.11",
        ("g + weight_decay * param", "g + (-weight_decay if maximize else weight_decay) * param"),
    ),
    mutant("mean_square_without_the_decay", "rmsprop.1 rmsprop.11", ("(1 - alpha) * g**2", "(1 - alpha) * grad**2")),
    mutant(
        "mean_square_is_a_sum",
        "rmsprop.2 rmsprop.9",
        ("alpha * state.v + (1 - alpha) * g**2", "alpha * state.v + g**2"),
    ),
    mutant("mean_of_the_sizes", "rmsprop.3", ("(1 - alpha) * g if", "(1 - alpha) * g.abs() if")),
    mutant("mean_is_a_sum", "rmsprop.3 rmsprop.4", ("alpha * state.a + (1 - alpha) * g if", "alpha * state.a + g if")),
    mutant("mean_not_squared", "rmsprop.4 rmsprop.12", ("v - a**2", "v - a")),
    mutant("square_of_the_mean_added", "rmsprop.4 rmsprop.12", ("v - a**2", "v + a**2")),
    mutant("variance_below_zero", "rmsprop.5", ("(v - a**2).clamp(min=0)", "(v - a**2)")),
    mutant("size_of_a_variance_below_zero", "rmsprop.5", ("(v - a**2).clamp(min=0)", "(v - a**2).abs()")),
    mutant("buffer_of_gradients", "rmsprop.7", ("momentum * state.b + d if", "momentum * state.b + g if")),
    mutant(
        "buffer_is_an_average", "rmsprop.7", ("momentum * state.b + d if", "momentum * state.b + (1 - momentum) * d if")
    ),
    mutant(
        "rate_inside_and_outside",
        "rmsprop.8 rmsprop.13",
        ("momentum * state.b + d if", "momentum * state.b + lr * d if"),
    ),
    mutant(
        "buffer_forgotten_while_momentum_is_zero",
        "rmsprop.15",
        ("if momentum > 0 else state.b", "if momentum > 0 else torch.zeros_like(param)"),
    ),
    mutant(
        "mean_goes_on_while_not_centered", "rmsprop.16", ("(1 - alpha) * g if centered else state.a", "(1 - alpha) * g")
    ),
    mutant("eps_above_and_below", "rmsprop.6 rmsprop.14 rmsprop.17", ("d = g /", "d = (g + eps) /")),
    mutant(
        "never_divides_by_zero", "rmsprop.18", ("g / (w.sqrt() + eps)", "(g / (w.sqrt() + eps)).nan_to_num(nan=0.0)")
    ),
    mutant(
        "infinite_gradients_are_left_out", "rmsprop.19", ("else grad  #", "else grad.where(grad.isfinite(), 0.0)  #")
    ),
    mutant("decay_of_zero_is_added", "rmsprop.20", (" if weight_decay != 0 else g  #", "  #")),
    mutant("rate_of_nan_passes", "rmsprop.21", ("require(lr >= 0,", "require(not lr < 0,")),
    mutant("alpha_above_one_passes", "rmsprop.22", ("0 <= alpha <= 1", "0 <= alpha")),
    mutant("epsilon_just_below_zero_passes", "rmsprop.23", ("require(eps >= 0,", "require(eps > -1e-6,")),
    mutant("decay_of_nan_passes", "rmsprop.24", ("require(weight_decay >= 0,", "require(not weight_decay < 0,")),
    mutant("momentum_of_nan_passes", "rmsprop.25", ("require(momentum >= 0,", "require(not momentum < 0,")),
)

EQUIVALENT = {
    "a = ((alpha * state.a) - ((1 - alpha) * g)) if centered else state.a": (
        "The average with the other sign has the same square."
    ),
}
