"""ctc: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

BATCH = "x = input if input.dim() == 3 else input.unsqueeze(1)"
SKIPS = "skips = (states != blank) & (states != moved(states, 2, blank))"
END = "return -log_sum(a[-2:])"
EACH = "each = [surprise(x[:t, n], row, blank) for n, (t, row) in enumerate(zip(frames, rows, strict=True))]"
DIVIDED = "loss = loss / torch.tensor(lengths, dtype=torch.int64).clamp(min=1)"
ZERO = "loss = torch.where(loss == torch.inf, 0.0, loss) if zero_infinity else loss"
RESULT = "return reduce(loss if input.dim() == 3 else loss[0], reduction)"
TOP = "    top = torch.where(top == -torch.inf, 0.0, top)\n"
LOG = "return torch.where(none, -torch.inf, top + torch.log(torch.where(none, 1.0, total)))"

VARIANTS = (
    dialect(
        "mean_over_samples",
        "ctc.6 ctc.10",
        (DIVIDED, "loss = loss / 1"),
        shipped_by="TensorFlow (ctc_loss, averaged by its caller)",
    ),
    dialect(
        "logits",
        "ctc.1 ctc.2 ctc.4 ctc.11 ctc.12",
        (BATCH, f"input = torch.log_softmax(input, -1)\n    {BATCH}"),
        shipped_by="TensorFlow, optax (ctc_loss)",
    ),
    dialect(
        "last_blank",
        "ctc.1 ctc.2 ctc.3 ctc.4 ctc.5 ctc.6 ctc.7 ctc.8 ctc.9 ctc.10 ctc.11 ctc.12 ctc.13 loss.1 loss.2 "
        "loss.6 loss.7 loss.8 loss.9 loss.10 loss.11 loss.12 loss.13",
        ("blank: int = 0,", "blank: int | None = None,"),
        (BATCH, f"blank = input.shape[-1] - 1 if blank is None else blank\n    {BATCH}"),
        shipped_by="TensorFlow (its older ctc_loss)",
    ),
    mutant("equal_labels_need_no_blank", "ctc.1 ctc.2 ctc.9", (SKIPS, "skips = states != blank")),
    mutant("blanks_are_never_skipped", "ctc.1 ctc.2", (SKIPS, "skips = torch.zeros(len(states), dtype=torch.bool)")),
    mutant("ends_with_a_blank", "ctc.1 ctc.2", (END, "return -log_sum(a[-1:])")),
    mutant(
        "likeliest_alignment_alone",
        "ctc.1 ctc.2",
        ("total = torch.exp(logs - top).sum(0)", "total = torch.exp(logs - top).amax(0)"),
    ),
    mutant("blank_is_always_class_zero", "ctc.1 ctc.3", (EACH, EACH.replace("row, blank)", "row, 0)"))),
    mutant(
        "skips_as_if_the_blank_were_class_zero",
        "ctc.1",
        (SKIPS, "skips = (states != 0) & (states != moved(states, 2, 0))"),
    ),
    mutant("every_frame_counts", "ctc.4", (EACH, EACH.replace("x[:t, n]", "x[:, n]"))),
    mutant(
        "padding_must_hold_labels", "ctc.4", ("for row in rows:", "for row in target if target.dim() == 2 else rows:")
    ),
    mutant(
        "concatenated_labels_at_equal_distances",
        "ctc.5",
        ("list(target.split(lengths))", "[target[n * max(lengths) :][:t] for n, t in enumerate(lengths)]"),
    ),
    mutant("mean_over_all_labels", "ctc.6", (DIVIDED, "loss = loss * len(loss) / max(sum(lengths), 1)")),
    mutant("mean_over_the_frames", "ctc.6", (DIVIDED, DIVIDED.replace("lengths", "frames"))),
    mutant("mean_divides_by_no_labels", "ctc.6", (DIVIDED, "loss = loss / torch.tensor(lengths, dtype=torch.int64)")),
    mutant("frames_of_the_first_sample", "ctc.4 ctc.7", (EACH, EACH.replace("x[:t, n]", "x[: frames[0], n]"))),
    mutant("one_sample_keeps_an_axis", "ctc.7", (RESULT, "return reduce(loss, reduction)")),
    mutant(
        "nan_spreads_over_the_batch",
        "ctc.7",
        (RESULT, "loss = loss + 0 * loss.detach().nan_to_num(posinf=0.0, nan=torch.nan).sum()\n    " + RESULT),
    ),
    mutant(
        "empty_sequence_counts_twice",
        "ctc.2 ctc.8",
        (END, "return -log_sum(torch.stack([a[-1], a[max(len(a) - 2, 0)]]))"),
    ),
    mutant("zero_infinity_always", "ctc.9", (ZERO, ZERO.replace(" if zero_infinity else loss", ""))),
    mutant(
        "infinite_losses_times_zero", "ctc.9", (ZERO, "loss = loss * (loss != torch.inf) if zero_infinity else loss")
    ),
    mutant("impossible_is_a_large_number", "ctc.9 ctc.12", (LOG, LOG.replace("-torch.inf", "-1e4"))),
    mutant(
        "mean_over_the_finite_losses",
        "ctc.10",
        (DIVIDED, DIVIDED + " * (len(loss) / (loss != 0).sum().clamp(min=1) if zero_infinity else 1)"),
    ),
    mutant("large_losses_are_infinite", "ctc.10", (ZERO, ZERO.replace("loss == torch.inf", "loss > 10"))),
    mutant(
        "gradient_of_the_likeliest_alignment",
        "ctc.11",
        (
            LOG,
            LOG.replace("return ", "found = ")
            + "\n    best = logs.amax(0)"
            + "\n    best = torch.where(best == -torch.inf, 0.0, best)"
            + "\n    return found.detach() + best - best.detach()",
        ),
    ),
    mutant(
        "gradient_of_the_last_frame_alone",
        "ctc.11",
        ("stay, step, skip = a,", "a = a.detach()\n        stay, step, skip = a,"),
    ),
    mutant("infinity_less_infinity", "ctc.9 ctc.12", (TOP, "")),
    mutant(
        "nan_is_impossible",
        "ctc.13",
        ("+ frame[states]", "+ frame[states].nan_to_num(nan=-torch.inf, neginf=-torch.inf)"),
    ),
    mutant("blank_among_the_labels", "ctc.14", (" & (row != blank)", "")),
    mutant("labels_count_from_the_end", "ctc.14", ("((row >= 0) & (row", "((row >= -x.shape[2]) & (row")),
    mutant("more_frames_than_there_are", "ctc.15", ("0 <= n <= x.shape[0]", "0 <= n")),
    mutant("frames_count_from_the_end", "ctc.15", ("0 <= n <= x.shape[0]", "n <= x.shape[0]")),
    mutant(
        "labels_that_are_left_over",
        "ctc.15",
        ("sum(lengths) == len(target)", "sum(lengths) <= len(target)"),
        ("target.split(lengths)", "target[: sum(lengths)].split(lengths)"),
    ),
    mutant("more_labels_than_there_are", "ctc.15", (" and all(n <= target.shape[1] for n in lengths)", "")),
    mutant(
        "one_length_for_all_samples",
        "ctc.16",
        ("shape == batch or (dims == 2 and shape == ())", "lengths.numel() in (1, *batch)"),
        ("for n in lengths.reshape(-1)]", "for n in lengths.reshape(-1).expand(batch)]"),
    ),
    mutant(
        "blank_counts_from_the_end",
        "ctc.17",
        ("0 <= blank < x.shape[2]", "-x.shape[2] <= blank < x.shape[2]"),
        ("    frames, lengths = ", "    blank = blank % x.shape[2]\n    frames, lengths = "),
    ),
    mutant("lengths_are_cut", "ctc.18", ("whole = not lengths.is_floating_point()", "whole = True")),
    mutant(
        "labels_are_cut",
        "ctc.18",
        ("require(not target.is_floating_point(),", "target = target.long()\n    require(True,"),
    ),
)

EQUIVALENT = {
    "fits = ((all(n <= target.shape[1] for n in lengths)))": (
        "Rows and lengths of different numbers are refused where they are paired."
    ),
    "loss = torch.stack(each) if each else x.mean((0, 2))": "without samples both are empty",
    "a = ((start) - (x[:0].sum()))": "the sum is that of no frames",
    "top = (logs).amax(0)": "the shift cancels, in the gradient too",
    "top = torch.where(top == -torch.inf, 1.0, top)": "minus infinity less any number is minus infinity",
    "return torch.where(none, -torch.inf, top + torch.log(torch.where(none, 2.0, total)))": (
        "what stands there is not chosen"
    ),
}
