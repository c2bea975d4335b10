"""swa_lr: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

ENDS = "if t >= anneal_epochs:"
WAY = "share * swa_lr + (1 - share) * base_lr"

VARIANTS = (
    dialect(
        "cyclical",
        "swa_lr.4 swa_lr.8",
        (ENDS, "if not anneal_epochs:"),
        ("real(float(t))", "real(float((t - 1) % anneal_epochs + 1 if t else 0))"),
        shipped_by="Izmailov et al. 2018, section 3.1",
    ),
    mutant("the_other_way_round", "swa_lr.1 swa_lr.2 swa_lr.3", (WAY, "(1 - share) * swa_lr + share * base_lr")),
    mutant("a_cosine_that_falls", "swa_lr.2 swa_lr.3", ("(1 - cos(", "(1 + cos(")),
    mutant(
        "a_quarter_of_a_cosine",
        "swa_lr.2 swa_lr.6",
        ("(1 - cos(real(math.pi) * x)) / 2", "1 - cos(real(math.pi) * x / 2)"),
    ),
    mutant("always_a_line", "swa_lr.2", ('x if anneal_strategy == "linear" else', "x if True else")),
    mutant("never_a_line", "swa_lr.1", ('x if anneal_strategy == "linear" else', "x if False else")),
    mutant("the_way_to_its_end", "swa_lr.5", (ENDS, "if t > anneal_epochs:")),
    mutant("goes_on", "swa_lr.4", (ENDS, "if not anneal_epochs:")),
    mutant("a_step_ahead", "swa_lr.1 swa_lr.2 swa_lr.3 swa_lr.6", ("float(t)", "float(t + 1)")),
    mutant("on_top_of_the_base_rate", "swa_lr.1 swa_lr.2 swa_lr.6 swa_lr.7", ("(1 - share) * base_lr", "base_lr")),
    mutant(
        "from_the_first_rate_of_all",
        "swa_lr.8",
        ("return product(schedulers) if closed else stepped.lrs", "return stepped.lrs"),
        file="scheduler.py",
    ),
    mutant(
        "only_the_first_is_checked",
        "swa_lr.9",
        ("each(finite, swa_lr)", "finite(swa_lr[0] if isinstance(swa_lr, tuple) else swa_lr)"),
    ),
    mutant("part_of_an_epoch", "swa_lr.10", ("whole(anneal_epochs, 0)", "anneal_epochs >= 0")),
    mutant(
        "cosine_is_cos",
        "swa_lr.11",
        ('anneal_strategy in ("cos", "linear")', 'anneal_strategy in ("cos", "linear", "cosine")'),
    ),
)
