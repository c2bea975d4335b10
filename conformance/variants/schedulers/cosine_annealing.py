"""cosine_annealing: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

RATE = "eta_min + (base_lr - eta_min) * (1 + cos(real(math.pi) * t / T_max)) / 2"

VARIANTS = (
    dialect(
        "clamped",
        "cosine_annealing.1 cosine_annealing.5 cosine_annealing.6 cosine_annealing.9",
        ("t / T_max", "min(t, T_max) / T_max"),
        shipped_by="Keras, Optax and MLX, as cosine decay",
    ),
    dialect(
        "restarts",
        "cosine_annealing.3 cosine_annealing.4 cosine_annealing.5 cosine_annealing.8 cosine_annealing.9",
        ("t / T_max", "(t % T_max) / T_max"),
        shipped_by="Loshchilov and Hutter 2017, and torch as another component",
    ),
    mutant(
        "the_documented_recursion",
        "cosine_annealing.1 cosine_annealing.5 cosine_annealing.6 cosine_annealing.9",
        (
            f"    return {RATE}",
            "    for k in range(1, t + 1):\n"
            "        now, before = (1 + cos(real(math.pi) * i / T_max) for i in (k, k - 1))\n"
            "        base_lr = eta_min + (base_lr - eta_min) * now / before\n"
            "    return base_lr",
        ),
    ),
    mutant(
        "falls_to_zero",
        "cosine_annealing.3 cosine_annealing.4 cosine_annealing.8",
        ("eta_min + (base_lr - eta_min) *", "base_lr *"),
    ),
    mutant(
        "eta_min_on_top",
        "cosine_annealing.2 cosine_annealing.4 cosine_annealing.7",
        ("(base_lr - eta_min) *", "base_lr *"),
    ),
    mutant("there_a_step_early", "cosine_annealing.3 cosine_annealing.6", ("t / T_max", "t / max(T_max - 1, 1)")),
    mutant("a_step_ahead", "cosine_annealing.2 cosine_annealing.3", ("t / T_max", "(t + 1) / T_max")),
    mutant(
        "never_rises_to_eta_min",
        "cosine_annealing.8",
        ("(base_lr - eta_min) *", "max(base_lr - eta_min, 0 * base_lr) *"),
    ),
    mutant("pi_in_float32", "cosine_annealing.1", ("real(math.pi)", "real(3.1415927410125732)")),
    mutant("no_steps_at_all", "cosine_annealing.10", ("whole(T_max, 1)", "whole(T_max, 0)")),
    mutant("part_of_a_step", "cosine_annealing.10", ("whole(T_max, 1)", "T_max >= 1")),
    mutant("an_infinite_floor", "cosine_annealing.11", ("finite(eta_min)", "eta_min >= 0")),
)
