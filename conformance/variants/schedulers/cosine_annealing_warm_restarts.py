"""cosine_annealing_warm_restarts: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

STEM = "cosine_annealing_warm_restarts"
CYCLES = (
    f"    start, length = 0, T_0\n    while t >= start + length:  # {STEM}.2 {STEM}.8\n"
    "        start, length = start + length, length * T_mult\n"
)


def ids(*numbers: int) -> str:
    return " ".join(f"{STEM}.{number}" for number in numbers)


VARIANTS = (
    dialect(
        "decaying",
        ids(1, 2, 4, 5, 6, 8, 11),
        (
            "start, length = start + length, length * T_mult",
            "start, length, base_lr = start + length, length * T_mult, base_lr * 0.5",
        ),
        shipped_by="Keras, as `CosineDecayRestarts` with an `m_mul` other than 1",
    ),
    dialect(
        "without_restart",
        ids(1, 2, 4, 5, 8, 11),
        ("while t >= start + length:", "while False:"),
        shipped_by="torch, as `CosineAnnealingLR`",
    ),
    mutant("restarts_a_step_late", ids(2, 8, 11), ("while t >= start + length:", "while t > start + length:")),
    mutant(
        "the_cycle_by_a_logarithm",
        ids(8),
        (
            CYCLES,
            "    start, length = t // T_0 * T_0, T_0\n"
            "    if T_mult > 1:\n"
            "        n = int(math.log(t / T_0 * (T_mult - 1) + 1, T_mult))\n"
            "        start, length = T_0 * (T_mult**n - 1) // (T_mult - 1), T_0 * T_mult**n\n",
        ),
    ),
    mutant("cycles_do_not_grow", ids(1, 5), ("length * T_mult", "length")),
    mutant("cycles_double_at_least", ids(4, 11), ("length * T_mult", "length * max(T_mult, 2)")),
    mutant("doubles_by_default", ids(1), ("T_mult: int = 1", "T_mult: int = 2")),
    mutant("ends_at_the_floor", ids(1, 3, 5), ("(t - start) / length", "(t - start) / max(length - 1, 1)")),
    mutant("eta_min_on_top", ids(2, 3, 6, 8, 11), ("(base_lr - eta_min) *", "base_lr *")),
    mutant("never_rises_to_eta_min", ids(12), ("(base_lr - eta_min) *", "max(base_lr - eta_min, 0 * base_lr) *")),
    mutant(
        "a_given_t_is_one_step",
        ids(7, 8, 9),
        ("self.t = self.t + 1 if epoch is None else epoch", "self.t = self.t + 1"),
        file="scheduler.py",
    ),
    mutant(
        "forgets_the_share_of_an_epoch",
        ids(9),
        (
            '            if self.options.get("cycle_momentum"):',
            '            self.t = int(self.t)\n            if self.options.get("cycle_momentum"):',
        ),
        file="scheduler.py",
    ),
    mutant("back_before_the_start", ids(10), ("require(finite(t)", "require(t < math.inf")),
    mutant("part_of_a_step", ids(13), ("whole(T_0, 1)", "T_0 >= 1")),
    mutant("grows_by_a_fraction", ids(14), ("whole(T_mult, 1)", "T_mult >= 1")),
    mutant("an_infinite_floor", ids(15), ("finite(eta_min)", "eta_min >= 0")),
)
