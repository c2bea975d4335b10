"""adam: what others ship, and what goes wrong."""

from torchstone.conformance.variants import dialect, mutant

VARIANTS = (
    dialect(
        "eps_hat",
        "adam.9",
        ("m_hat / (v_hat.sqrt() + eps)", "m_hat / (v_hat.sqrt() + eps / (1 - beta2**t) ** 0.5)"),
        shipped_by="TensorFlow and Keras, after the remark below algorithm 1 of the paper",
    ),
    mutant(
        "never_divides_by_zero",
        "adam.19",
        ("lr * m_hat / (v_hat.sqrt() + eps)", "(lr * m_hat / (v_hat.sqrt() + eps)).nan_to_num(nan=0.0)"),
    ),
)
