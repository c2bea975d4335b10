"""What all averages of weights share: what goes wrong, and whose tests should notice."""

from torchstone.conformance.variants import mutant

ALL = "__all__ = list(names())"
AVERAGE = "self.rule.average(a, p, self.n, **self.options)"
COUNT = "self.n += 1"
AT_FIRST = "if self.n == 0:"
BUFFERS = 'self.averages(self.buffers, buffers) if self.options["use_buffers"] else list(buffers)'


def averaged_model(method: str) -> tuple[str, str]:
    """Words that give the reference's torch classes a model's average of their own, torch's but for one method."""
    return ALL, f"class AveragedModel(swa_utils.AveragedModel):\n{method}\n\n{ALL}"


VARIANTS = (
    mutant(
        "starts_at_zero",
        "average.1",
        (
            "self.params, self.buffers, self.n = list(params)",
            "self.params, self.buffers, self.n = [0 * p for p in params]",
        ),
        component="swa",
    ),
    mutant("the_first_update_is_like_the_others", "average.2", (AT_FIRST, "if self.n < 0:"), component="ema"),
    mutant("always_the_last_model", "average.3", (COUNT, "self.n += 0"), component="ema"),
    mutant(
        "counts_the_model_it_was_built_over", "average.3", (AVERAGE, AVERAGE.replace("n,", "n + 1,")), component="swa"
    ),
    mutant("counts_parameters", "average.3 average.4", (COUNT, "self.n += len(params)"), component="swa"),
    mutant("buffers_stay", "average.5", (BUFFERS, BUFFERS.replace("list(buffers)", "self.buffers")), component="swa"),
    mutant(
        "buffers_are_always_averaged", "average.5", (BUFFERS, "self.averages(self.buffers, buffers)"), component="ema"
    ),
    mutant("buffers_are_never_averaged", "average.6", (BUFFERS, "list(buffers)"), component="swa"),
    mutant(
        "the_model_gets_the_average",
        "average.7",
        averaged_model(
            "    def update_parameters(self, model):\n"
            "        super().update_parameters(model)\n"
            "        for param, average in zip(model.parameters(), self.module.parameters()):\n"
            "            param.data.copy_(average.data)\n"
        ),
        file="torch_api.py",
        component="swa",
    ),
    mutant("averages_in_float64", "average.8", (AVERAGE, f"{AVERAGE}.double()"), component="ema"),
    mutant(
        "the_count_is_not_saved",
        "average.9",
        averaged_model(
            "    def load_state_dict(self, state_dict):\n"
            "        super().load_state_dict(state_dict)\n"
            "        self.n_averaged.zero_()\n"
        ),
        file="torch_api.py",
        component="ema",
    ),
    mutant("keeps_what_is_no_nan", "average.10", (AVERAGE, f"{AVERAGE}.where(~p.isnan(), a)"), component="ema"),
    mutant("a_nan_spoils_all", "average.10", (AVERAGE, f"{AVERAGE} + 0 * p.sum()"), component="swa"),
)
