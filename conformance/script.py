"""Writes a program as a script that needs only torch and the class under test."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from torchstone.conformance.clauses import cycles_momentum
from torchstone.conformance.judge import Verdict
from torchstone.conformance.program import (
    AddGroup,
    AverageProgram,
    Function,
    Gradient,
    GradientProgram,
    Group,
    LossProgram,
    Minimize,
    SaveAndReload,
    Schedule,
    ScheduleProgram,
    ScheduleStep,
    SetOption,
    SparseData,
    Step,
    StepWithClosure,
    TensorData,
)

Import = Callable[[str], tuple[str, str]]  # a component -> the line that imports its class, and the class's name


def torch_script(verdict: Verdict, title: str, imported: Import, device: str = "cpu") -> str:
    """A script that plays the program of a verdict and raises AssertionError where the verdict found fault."""
    program = verdict.program
    line, name = imported(program.component)
    lines = [f'"""{title}"""', "", "import copy", "", "import torch", line]
    match program:
        case LossProgram():
            body = list(_loss(program, name))
        case GradientProgram():
            body = list(_gradients(program, name))
        case AverageProgram():
            body = list(_averages(program, name, line, lines))
        case _:
            body = list(_run(program, name, imported, lines))
    if not any("copy." in each for each in body):
        lines.remove("import copy")
    lines += ["", f'torch.set_default_device("{device}")'] if device != "cpu" else []
    if verdict.expected is None and "must be refused" in verdict.rule:
        lines += ["", "try:", *(f"    {each}" if each else "" for each in body)]
        lines += ["except (ValueError, TypeError, IndexError, RuntimeError) as error:", '    print("refused:", error)']
        lines += ["else:", f"    raise AssertionError({verdict.rule!r})"]
    else:
        lines += ["", *body, *_check(verdict)]
    return "\n".join(lines) + "\n"


def _check(verdict: Verdict) -> Iterator[str]:
    """The comparison: the element the judge found, its expected value, and its budget."""
    if verdict.at is None:
        yield f"raise AssertionError({verdict.rule!r})"
        return
    index, name, element = verdict.at
    if isinstance(verdict.program, LossProgram):
        if name in ("log_prob", "predicted"):
            first = next(iter(verdict.program.tensors))
            yield f"rows = torch.atleast_2d({first})"
            yield "log_prob = loss.log_prob(rows)"
            yield "predicted = log_prob.gather(1, loss.predict(rows).unsqueeze(1)).squeeze(1)"
        found = f"{_input(name.removeprefix('grad '))}.grad" if name.startswith("grad ") else name
    else:
        found = f"trace[{index}][{name!r}]"
    yield f"actual = {found}.detach(){list(element) if element else ''}.item()"
    expected = float("nan") if verdict.expected is None else verdict.expected
    if math.isfinite(expected):
        yield f"expected, budget = {expected!r}, {verdict.budget!r}"
        yield 'print(f"expected {expected}, got {actual}: off by {abs(actual - expected)}, allowed is {budget}")'
        yield "assert abs(actual - expected) <= budget"
    else:
        same = "actual != actual" if math.isnan(expected) else f"actual == float({str(expected)!r})"
        yield f'print("expected {expected}, got", actual)'
        yield f"assert {same}"


def _tensor(data: Gradient) -> str:
    values = ", ".join(f'float("{v}")' if isinstance(v, float) and not math.isfinite(v) else repr(v) for v in data.data)
    made = f"torch.tensor([{values}], dtype=torch.{data.dtype})"
    if isinstance(data, SparseData):
        shape = (len(data.rows), *data.shape[1:])
        return f"torch.sparse_coo_tensor([{list(data.rows)}], {made}.reshape({shape}), {data.shape})"
    if data.shape != (len(data.data),):
        made += f".reshape({data.shape})"
    if data.layout == "transposed":
        axes = tuple(reversed(range(len(data.shape))))
        made += f".permute({axes}).contiguous().permute({axes})"
    elif data.layout == "strided" and data.shape:
        made += ".repeat_interleave(2, dim=-1)[..., ::2]"
    elif data.layout == "broadcast" and data.shape and data.shape[0]:
        made += f"[:1].clone().expand({data.shape})"
    return made


def _value(value: Any) -> str:
    if isinstance(value, TensorData):
        return _tensor(value)
    if isinstance(value, Function):
        return _function(value)
    if isinstance(value, tuple):
        return f"({', '.join(_value(item) for item in value)},)"
    return f'float("{value}")' if isinstance(value, float) and not math.isfinite(value) else repr(value)


def _function(value: Function) -> str:
    numbers = [_value(number) for number in value.numbers]
    match value.name:
        case "manhattan":
            return "lambda x, y: (x - y).abs().sum(-1)"
        case "squared":
            return "lambda x, y: ((x - y) ** 2).sum(-1)"
        case "one_sided":
            return "lambda x, y: (x - y).clamp(min=0).sum(-1)"
        case "table":
            return f"lambda x: [{', '.join(numbers)}][min(x, {len(numbers) - 1})]"
        case "linear":
            return f"lambda x: ({numbers[0]} * x).sum()"
        case "quadratic":
            return f"lambda x: ({numbers[0]} * (x - {numbers[1]}) ** 2).sum() / 2 + x.sum() ** 2 / 2"
        case "hyperbola":
            return f"lambda x: (1 + (x - {numbers[0]}) ** 2).sqrt().sum()"
        case "valley":
            return f"lambda x: ((1 - x) ** 2).sum() + ({numbers[0]} * (x[1:] - x[:-1] ** 2) ** 2).sum()"
        case "wells":
            return f"lambda x: (x**4 / 4 - {numbers[0]} * x**2 / 2).sum()"
        case "waves":
            return f"lambda x: (x**2 / 2 + {numbers[0]} * ({numbers[1]} * x).cos()).sum()"
        case "power":
            return f"lambda x: {numbers[0]} * {numbers[1]}**x"
        case _:
            return f"lambda x: {numbers[0]} / (1 + {numbers[1]} * x)"


def _options(options: Any, *more: str) -> str:
    return ", ".join([*more, *(f"{name}={_value(value)}" for name, value in options.items())])


def _input(name: str) -> str:
    """An input of a loss by its name, or a parameter of its own."""
    return f"loss.get_parameter({name!r})" if "." in name else name


def _loss(program: LossProgram, name: str) -> Iterator[str]:
    for tensor, data in program.arguments.items():
        yield f"{tensor} = {_tensor(data)}" + (".requires_grad_()" if tensor in program.differentiate else "")
    yield f"loss = {name}({_options(program.options)})"
    for tensor, data in program.parameters.items():
        yield f"{_input(tensor)}.data = {_tensor(data)}"
    yield f"value = loss({', '.join(program.arguments)})"
    if program.parameters:
        yield 'output, value = getattr(value, "output", None), getattr(value, "loss", value)'
    if program.differentiate:
        yield f"upstream = torch.tensor({list(program.upstream)!r}, dtype=value.dtype)"
        yield "upstream = upstream.repeat(value.numel() // len(upstream) + 1)[: value.numel()]"
        yield "value.backward(upstream.reshape(value.shape))"


def _gradients(program: GradientProgram, name: str) -> Iterator[str]:
    yield f"grads = [{', '.join('None' if grad is None else _tensor(grad) for grad in program.grads)}]"
    yield "params = [torch.ones(1) if grad is None else torch.ones_like(grad) for grad in grads]"
    yield "for param, grad in zip(params, grads):"
    yield "    param.requires_grad_().grad = grad"
    yield f"norm = {name}({_options(program.options, 'params')})"
    yield 'trace = [{"norm": norm, **{f"grad {i}": grad for i, grad in enumerate(grads)}}]'


def _averages(program: AverageProgram, name: str, line: str, lines: list[str]) -> Iterator[str]:
    place, _, function = name.rpartition(".")
    averaged_model = f"{place}.AveragedModel" if place else "AveragedModel"
    if not place:
        lines.append(line.replace(function, "AveragedModel"))
    options = {name: value for name, value in program.options.items() if name != "use_buffers"}
    buffered = program.options.get("use_buffers", False)

    def model(of: Any) -> str:
        params, buffers = (", ".join(map(_tensor, tensors)) for tensors in (of.params, of.buffers))
        return f"model([{params}], [{buffers}])"

    yield "def model(params, buffers):"
    yield "    made = torch.nn.Module()"
    yield "    for i, param in enumerate(params):"
    yield '        made.register_parameter(f"param{i}", torch.nn.Parameter(param))'
    yield "    for i, buffer in enumerate(buffers):"
    yield '        made.register_buffer(f"buffer{i}", buffer)'
    yield "    return made"
    yield ""
    yield ""
    yield "def see():"
    yield '    trace.append({f"average {i}": p.detach().clone() for i, p in enumerate(averaged.module.parameters())})'
    yield '    trace[-1].update({f"buffer {i}": b.clone() for i, b in enumerate(averaged.module.buffers())})'
    yield ""
    yield ""
    given = f"avg_fn={name}({_options(options)}), use_buffers={buffered}"
    built = f"averaged = {averaged_model}({model(program)}, {given})"
    yield "trace = []"
    yield built
    yield "see()"
    for event in program.events:
        if isinstance(event, SaveAndReload):
            yield "state = copy.deepcopy(averaged.state_dict())"
            yield built
            yield "averaged.load_state_dict(state)"
        else:
            yield f"averaged.update_parameters({model(event)})"
        yield "see()"


def _group(group: Group) -> str:
    params = ", ".join(f"{_tensor(param)}.requires_grad_()" for param in group.params)
    items = [f'"params": [{params}]', *(f'"{name}": {_value(value)}' for name, value in group.options.items())]
    return "{" + ", ".join(items) + "}"


def _run(program: Any, name: str, imported: Import, lines: list[str]) -> Iterator[str]:
    """The script of a program with events: `trace[i]` is what can be seen after event i."""
    schedules = [] if not hasattr(program, "schedules") else list(program.schedules)
    optimizer, options = name, program.options if hasattr(program, "groups") else {}
    alone = isinstance(program, ScheduleProgram)
    if alone:
        optimizer, schedules = "torch.optim.SGD", [program]
        groups = [f'{{"params": [torch.zeros(1)], "lr": {base!r}}}' for base in program.base_lrs]
    else:
        groups = [_group(group) for group in program.groups]
    built = []
    for schedule in schedules:
        built.append(_scheduler(schedule, "optimizer", imported, lines))
    yield f"groups = [{', '.join(groups)}]"
    if alone and program.lrs:
        started = {name: value for name, value in program.options.items() if name != "last_epoch"}
        yield f"interrupted = {optimizer}(groups)"
        yield _scheduler(Schedule(program.component, started), "interrupted", imported, lines)
        yield f"rates = {list(program.lrs)!r}"
        yield 'groups = [{**group, "lr": lr} for group, lr in zip(interrupted.param_groups, rates)]'
    yield f"optimizer = {optimizer}({_options(options, 'groups')})"
    yield f"schedulers = [{', '.join(built)}]"
    yield ""
    yield ""
    yield "def params():"
    yield '    return [param for group in optimizer.param_groups for param in group["params"]]'
    yield ""
    yield ""
    yield "def see():"
    if alone:
        yield '    rates = [group["lr"] for group in optimizer.param_groups]'
        yield '    trace.append({"lr": torch.tensor(rates, dtype=torch.float64)})'
    else:
        yield '    trace.append({f"param {i}": param.detach().clone() for i, param in enumerate(params())})'
        yield "    for i, param in enumerate(params()):"
        yield '        if "ax" in optimizer.state.get(param, {}):'
        yield '            trace[-1][f"average {i}"] = optimizer.state[param]["ax"].clone()'
    if schedules and not alone:
        yield '    rates = [float(group["lr"]) for group in optimizer.param_groups]'
        yield '    trace[-1]["lr"] = torch.tensor(rates, dtype=torch.float64)'
    if cycles_momentum(schedules):
        yield "    groups = optimizer.param_groups"
        yield '    momenta = [group["betas"][0] if "betas" in group else group["momentum"] for group in groups]'
        yield '    trace[-1]["momentum"] = torch.tensor(momenta, dtype=torch.float64)'
    yield ""
    yield ""
    if any(isinstance(event, Minimize) for event in program.events):
        yield "def minimize(objective):"
        yield "    def closure():"
        yield "        optimizer.zero_grad()"
        yield "        loss = objective(torch.cat([param.reshape(-1) for param in params()]))"
        yield "        loss.backward()"
        yield "        return loss"
        yield ""
        yield "    return optimizer.step(closure)"
        yield ""
        yield ""
    yield "trace = []"
    yield "see()"
    for event in program.events:
        yield from _event(event, optimizer, options, built, alone)
        yield "see()"
        if isinstance(event, StepWithClosure | Minimize):
            yield 'trace[-1]["loss"] = torch.as_tensor(loss)'


def _scheduler(schedule: Any, optimizer: str, imported: Import, lines: list[str]) -> str:
    """The call that builds a scheduler, with those that it is composed of."""
    line, name = imported(schedule.component)
    if line not in lines:
        lines.append(line)
    if "schedulers" not in schedule.options:
        return f"{name}({_options(schedule.options, optimizer)})"
    parts = ", ".join(_scheduler(part, optimizer, imported, lines) for part in schedule.options["schedulers"])
    others = {option: value for option, value in schedule.options.items() if option != "schedulers"}
    return f"{name}({_options(others, f'optimizer={optimizer}', f'schedulers=[{parts}]')})"


def _event(event: Any, optimizer: str, options: Any, built: list[str], alone: bool) -> Iterator[str]:
    match event:
        case Step(grads) | StepWithClosure(grads):
            for i, grad in enumerate(grads):
                yield f"params()[{i}].grad = {'None' if grad is None else _tensor(grad)}"
            yield (
                "optimizer.step()"
                if isinstance(event, Step)
                else f"loss = optimizer.step(lambda: torch.tensor({event.loss!r}, dtype=torch.float64))"
            )
        case Minimize(objective):
            yield f"loss = minimize({_function(objective)})"
        case SetOption(group, name, value):
            yield f'optimizer.param_groups[{group}]["{name}"] = {_value(value)}'
        case AddGroup(group):
            yield f"optimizer.add_param_group({_group(group)})"
        case ScheduleStep(metric, index, epoch):
            if alone:
                yield "optimizer.step()"
            given = [_value(each) for each in (metric, epoch) if each is not None]
            yield f"schedulers[{index}].step({', '.join(given)})"
        case SaveAndReload(of) if of != "all":
            yield f"for each in {'[optimizer]' if of == 'optimizer' else 'schedulers'}:"
            yield "    each.load_state_dict(copy.deepcopy(each.state_dict()))"
        case SaveAndReload():
            yield "states = copy.deepcopy([each.state_dict() for each in (optimizer, *schedulers)])"
            yield "fresh = [dict(group) for group in optimizer.param_groups]"
            yield "for group in fresh:"
            yield '    group["params"] = [param.detach().clone().requires_grad_() for param in group["params"]]'
            yield f"optimizer = {optimizer}({_options(options, 'fresh')})"
            yield f"schedulers = [{', '.join(built)}]"
            yield "for each, state in zip((optimizer, *schedulers), states):"
            yield "    each.load_state_dict(state)"
