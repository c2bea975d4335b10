from torchstone.conformance.judge import Judge
from torchstone.conformance.oracle import play
from torchstone.conformance.program import LossProgram, TensorData
from torchstone.conformance.trace import Entry, Trace


def loss(x, y):
    tensors = {"input": TensorData("bfloat16", (1,), (x,)), "target": TensorData("bfloat16", (1,), (y,))}
    return LossProgram("mse", {"reduction": "none"}, tensors)


for x, y in ((1.0, 3.0), (1.0, 1.0078125)):
    program = loss(x, y)
    exact = play(program).value
    wrong = Trace((Entry({"value": (exact * 1.5).bfloat16()}),))
    verdict = Judge().conforms(program, wrong)
    print(
        f"mse of {x} and {y}: exact {exact.item():.6g}, {verdict.outcome}, budget {verdict.budget / exact.item():.2%}"
    )
