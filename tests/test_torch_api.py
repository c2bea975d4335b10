"""The reference in torch's clothes trains where torch's classes do."""

import copy
import gc
import pickle
import weakref

import pytest
import torch
from torch import nn, optim

from torchstone.conformance.clauses import components
from torchstone.conformance.oracle import rule
from torchstone.reference import torch_api


def test_every_component_has_its_class():
    assert set(torch_api.__all__) == {page.torch_name for page in components()}
    for page in components():
        found, module = getattr(torch_api, page.torch_name).rule, rule(page.kind, page.stem)
        assert found is (getattr(module, page.stem) if page.kind == "losses" else module)


def test_a_name_that_is_none_of_them_is_no_attribute():
    with pytest.raises(AttributeError, match="there is no component 'Adan'"):
        _ = torch_api.Adan


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def trained(api_loss, api_optimizer, api_scheduler, steps=30):
    """The parameters after some steps of an ordinary script, with a checkpoint in the middle of it."""
    net = model()
    inputs, targets = torch.randn(16, 4, dtype=torch.float64), torch.arange(16) % 3
    loss_of = api_loss(weight=torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64), label_smoothing=0.1)
    optimizer = api_optimizer(net.parameters(), 0.05, weight_decay=0.01)
    scheduler = api_scheduler(optimizer, 7, 0.5)

    def closure():
        optimizer.zero_grad()
        loss = loss_of(net(inputs), targets)
        loss.backward()
        return loss

    for step in range(steps):
        assert optimizer.step(closure) > 0
        scheduler.step()
        if step == steps // 2:
            saved = copy.deepcopy((net.state_dict(), optimizer.state_dict(), scheduler.state_dict()))
            net = model()
            optimizer = api_optimizer(net.parameters(), 0.05, weight_decay=0.01)
            scheduler = api_scheduler(optimizer, 7, 0.5)
            for each, state in zip((net, optimizer, scheduler), saved, strict=True):
                each.load_state_dict(state)
    return torch.cat([param.detach().flatten() for param in net.parameters()]), scheduler.get_last_lr()


def test_a_script_trains_the_same_with_another_import():
    ours, our_lr = trained(torch_api.CrossEntropyLoss, torch_api.AdamW, torch_api.StepLR)
    theirs, their_lr = trained(nn.CrossEntropyLoss, optim.AdamW, optim.lr_scheduler.StepLR)
    # Rounding apart the two are one computation; a forgotten state or rate is 1e-3 and more.
    assert (ours - theirs).abs().max() < 1e-12
    assert our_lr == pytest.approx(their_lr, rel=1e-15)


def test_the_classes_are_torchs_to_those_who_ask():
    net = model()
    optimizer = torch_api.SGD(net.parameters(), lr=0.1, momentum=0.9, foreach=False)
    assert isinstance(optimizer, optim.Optimizer)
    assert isinstance(torch_api.StepLR(optimizer, 3), optim.lr_scheduler.LRScheduler)
    assert isinstance(torch_api.L1Loss(), nn.Module)


def test_a_schedule_of_torch_drives_an_optimizer_of_the_reference():
    optimizer = torch_api.SGD(model().parameters(), lr=1.0)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.5]


def test_an_optimizer_that_nothing_holds_is_gone_with_its_schedules():
    optimizer = torch_api.Adam([torch.zeros(3)], lr=0.1)
    torch_api.StepLR(optimizer, step_size=1)
    scheduler, held = torch_api.ExponentialLR(optimizer, gamma=0.5), weakref.ref(optimizer)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.05)
    del optimizer, scheduler
    gc.collect()
    assert held() is None


def test_a_loss_is_pickled_and_moves_with_its_weights():
    loss = torch_api.CrossEntropyLoss(weight=torch.ones(3))
    again = pickle.loads(pickle.dumps(loss)).double()
    assert again.weight.dtype is torch.float64
    assert again(torch.zeros(1, 3, dtype=torch.float64), torch.tensor([1])).item() == pytest.approx(1.0986122886681098)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda params: torch_api.SGD(params, lr=-1.0), ValueError, "sgd: lr must be >= 0, got -1.0"),
        (lambda params: torch_api.SGD([{"params": params, "lr": -1.0}]), ValueError, "sgd: lr must be >= 0"),
        (lambda params: torch_api.SGD(params, lrr=1.0), TypeError, "lrr"),
        (lambda params: torch_api.SGD(params, differentiable=True), ValueError, "differentiable"),
    ],
)
def test_what_is_out_of_domain_is_refused(build, error, message):
    with pytest.raises(error, match=message):
        build(list(model().parameters()))


def minimised(api, **options):
    """The parameters after some steps on a small problem of two parameters, with a checkpoint in the middle."""
    inputs = torch.linspace(-1, 1, 9, dtype=torch.float64)
    slope, offset = (torch.tensor([value], dtype=torch.float64, requires_grad=True) for value in (3.0, -2.0))
    optimizer = api.LBFGS([slope, offset], **options)

    def closure():
        optimizer.zero_grad()
        loss = ((torch.tanh(slope * inputs + offset) - 0.5 * inputs) ** 2).sum()
        loss.backward()
        return loss

    losses = []
    for step in range(4):
        losses.append(optimizer.step(closure).item())
        if step == 1:
            saved = copy.deepcopy(optimizer.state_dict())
            optimizer = api.LBFGS([slope, offset], **options)
            optimizer.load_state_dict(saved)
    return [*losses, slope.item(), offset.item()]


@pytest.mark.parametrize("options", [{}, {"line_search_fn": "strong_wolfe", "max_iter": 3}, {"lr": 0.1, "max_iter": 2}])
def test_an_optimizer_that_minimises_evaluates_the_closure_itself(options):
    # Rounding apart the two are one computation; a forgotten pair is 1e-3 and more.
    assert minimised(torch_api, **options) == pytest.approx(minimised(optim, **options), rel=1e-9)


def test_an_optimizer_that_minimises_needs_a_closure_and_one_group():
    params = list(model().parameters())
    optimizer = torch_api.LBFGS(params[:1])
    with pytest.raises(ValueError, match="needs a closure"):
        optimizer.step()
    with pytest.raises(ValueError, match="has one group"):
        optimizer.add_param_group({"params": params[1:]})


def test_a_sparse_gradient_moves_the_rows_it_stores():
    moved = []
    for api in (torch_api, optim):
        weight = torch.ones(4, 2, dtype=torch.float64, requires_grad=True)
        optimizer = api.SparseAdam([weight], lr=0.1)
        for rows in ([1, 3, 1], [0, 1]):
            optimizer.zero_grad()
            nn.functional.embedding(torch.tensor(rows), weight, sparse=True).pow(2).sum().backward()
            optimizer.step()
        moved.append(weight.detach())
    assert (moved[0] - moved[1]).abs().max() < 1e-12
    assert (moved[0][2] == 1).all()


def test_a_loss_with_parameters_of_its_own_has_torchs():
    torch.manual_seed(0)
    arguments = {"in_features": 4, "n_classes": 6, "cutoffs": [2, 4], "div_value": 2.0, "head_bias": True}
    theirs = nn.AdaptiveLogSoftmaxWithLoss(**arguments).double()
    ours = torch_api.AdaptiveLogSoftmaxWithLoss(**arguments).double()
    ours.load_state_dict(theirs.state_dict())
    inputs, targets = torch.randn(5, 4, dtype=torch.float64), torch.tensor([0, 2, 5, 1, 3])
    output, loss = ours(inputs, targets)
    torch.testing.assert_close(output, theirs(inputs, targets).output)
    torch.testing.assert_close(loss, theirs(inputs, targets).loss)
    assert ours.predict(inputs).equal(theirs.predict(inputs))


def test_a_loss_with_parameters_of_its_own_refuses_what_torch_divides_by():
    with pytest.raises(ValueError, match=r"div_value must be > 0, got 0\.0"):
        torch_api.AdaptiveLogSoftmaxWithLoss(2, 5, [1, 3], div_value=0.0)


def test_gradients_are_clipped_in_place():
    params = [nn.Parameter(torch.tensor([3.0, -4.0])), nn.Parameter(torch.tensor(0.0))]
    params[0].grad = grad = torch.tensor([3.0, -4.0])
    assert torch_api.clip_grad_norm_(params, 1.0, foreach=False).item() == 5.0
    torch.testing.assert_close(grad, torch.tensor([0.6, -0.8]))
    torch_api.clip_grad_value_(params, 0.5)
    assert grad.tolist() == [0.5, -0.5]


def test_a_model_is_averaged_by_the_reference():
    net = nn.Linear(1, 1)
    averaged = optim.swa_utils.AveragedModel(net, avg_fn=torch_api.get_ema_avg_fn(0.75))
    for value in (1.0, 3.0):
        net.weight.data.fill_(value)
        averaged.update_parameters(net)
    assert averaged.module.weight.item() == 1.5
