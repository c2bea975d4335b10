"""What a torch-like backend hands to the classes it finds."""

from types import SimpleNamespace

import pytest
import torch

from torchstone.conformance.backend import Unsupported, load
from torchstone.conformance.backends.torch_like import TorchLike
from torchstone.conformance.judge import Verdict
from torchstone.conformance.program import (
    Group,
    LossProgram,
    OptimizerProgram,
    SetOption,
    SparseData,
    Step,
    TensorData,
)

ONE = TensorData("float32", (2,), (1.0, 2.0), "strided")
RATE = TensorData("float64", (), (0.5,))


def seen_on(device, program):
    """The devices of all tensors that a loss or an optimizer is given."""
    devices = set()

    def look(*tensors):
        devices.update(tensor.device.type for tensor in tensors)

    class NLLLoss(torch.nn.NLLLoss):
        def forward(self, input, target):
            look(input, target, self.weight)
            raise ValueError("enough")

    class SGD:
        def __init__(self, params, lr):
            self.param_groups = [{"lr": lr, **group} for group in params]

        def step(self):
            for group in self.param_groups:
                look(group["lr"], *group["params"], *(param.grad for param in group["params"]))
            raise ValueError("enough")

    backend = TorchLike(SimpleNamespace(NLLLoss=NLLLoss, SGD=SGD), "spy", "spy")
    backend.to(device)
    backend.play(program)
    return devices, backend


def test_every_tensor_is_made_on_the_device():
    target = TensorData("int64", (), (1,))
    loss = LossProgram("nll", {"weight": ONE}, {"input": ONE, "target": target}, ("input",))
    step = OptimizerProgram("sgd", {"lr": RATE}, (Group((ONE,)),), (SetOption(0, "lr", RATE), Step((ONE,))))
    for device in ("cpu", "meta"):
        assert seen_on(device, loss)[0] == {device}
        assert seen_on(device, step)[0] == {device}


def test_a_script_names_the_device_where_it_is_not_the_cpu():
    program = LossProgram("l1", {}, {"input": ONE, "target": ONE})
    verdict = Verdict("fail", program, at=(0, "value", ()), expected=1.0, actual=0.0, budget=1e-7)
    for device in ("cpu", "meta"):
        backend = TorchLike(torch, "torch", "torch")
        backend.to(device)
        assert ("set_default_device" in backend.script(verdict, "title")) == (device == "meta")


@pytest.mark.parametrize(
    ("component", "grad"),
    [
        ("sparse_adam", SparseData("float32", (2,), (0,), (1.0,))),
        ("sgd", TensorData("float32", (2,), (1.0, 1.0), "broadcast")),
    ],
)
def test_what_a_fused_kernel_cannot_read_is_unsupported(component, grad):
    program = OptimizerProgram(component, {}, (Group((ONE,)),), (Step((grad,)),))
    with pytest.raises(Unsupported):
        load("torch:fused").play(program)
