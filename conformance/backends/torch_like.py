"""Any namespace with torch's names and signatures as a backend: `torch-like:package.module[:attribute]`.

Classes may lie flat in it or under `nn`, `optim` and `optim.lr_scheduler`. A name or an option that it lacks is
unsupported. Everything that comes out is checked for what a class of that kind may not do: change its inputs, return
something that is no tensor, or lose the gradient.
"""

import contextlib
import copy
import importlib
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor

from torchstone.conformance.backend import Broken, UnknownBackend, Unsupported, Work
from torchstone.conformance.clauses import component, cycles_momentum
from torchstone.conformance.judge import Judge, Verdict
from torchstone.conformance.oracle import rule
from torchstone.conformance.program import (
    AddGroup,
    Average,
    AverageProgram,
    Function,
    Gradient,
    GradientProgram,
    Group,
    LossProgram,
    Minimize,
    OptimizerProgram,
    Program,
    SaveAndReload,
    Schedule,
    ScheduleProgram,
    ScheduleStep,
    SetOption,
    Step,
    StepWithClosure,
    TensorData,
    TrainingProgram,
    is_float,
)
from torchstone.conformance.script import torch_script
from torchstone.conformance.trace import Entry, Refusal, Trace, same
from torchstone.conformance.training.recipe import Recipe
from torchstone.conformance.training.trainer import TorchTrainer
from torchstone.reference.optimizer import minimises

REFUSALS = (ValueError, TypeError, IndexError, RuntimeError)
PLACES = ("", "nn", "optim", "optim.lr_scheduler", "optim.swa_utils", "nn.utils")

Tensors = dict[str, Tensor]


class TorchLike:
    """Plays programs on the classes of a namespace."""

    def __init__(self, namespace: Any, name: str, path: str, version: str = "") -> None:
        self.namespace = namespace
        self.path = path  # where a script imports it from: package.module[:attribute]
        self.name = name
        self.version = version or str(getattr(namespace, "__version__", "unknown"))
        self.device = "cpu"
        self.dialects: Mapping[str, str] = getattr(namespace, "dialects", {})

    def to(self, device: str) -> None:
        """Play on this device from now on. Raises what torch raises where there is none such."""
        torch.zeros(1, device=device)
        self.device = device

    def play(self, program: Program) -> Trace:
        with torch.device(self.device) if self.device != "cpu" else contextlib.nullcontext():
            return self.played(program)

    def played(self, program: Program) -> Trace:
        """The trace, with every tensor made on the device that is the default."""
        entries: list[Entry] = []
        steps: Iterator[Tensors]
        match program:
            case LossProgram():
                steps = self.loss(program)
            case GradientProgram():
                steps = self.gradients(program)
            case AverageProgram():
                steps = self.averages(program)
            case _:
                steps = Run(self, program).entries()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                for tensors in steps:
                    entries.append(Entry(tensors))
            except REFUSALS as error:
                if isinstance(error, NotImplementedError) and is_float(program.dtype):
                    raise Unsupported(str(error)) from error  # a kernel is missing for this dtype
                entries.append(Entry(refusal=Refusal(type(error).__name__, str(error))))
        return Trace(tuple(entries))

    def prepare(self, program: Program) -> Work:
        """The classes at work on a program that is timed."""
        if isinstance(program, OptimizerProgram | ScheduleProgram):
            return StepWork(Run(self, program))
        if not isinstance(program, LossProgram):
            raise Unsupported(f"{self.name} prepares losses, optimizers and schedulers")
        try:
            return LossWork(self, program)
        except NotImplementedError as error:
            raise Unsupported(str(error)) from error  # a kernel is missing for this dtype

    def find(self, stem: str, options: Mapping[str, Any] = {}) -> Any:
        """The class of a component, if the namespace has it with these options."""
        name = component(stem).torch_name
        found = lookup(self.namespace, name)
        if found is None:
            raise Unsupported(f"{self.name} has no {name}")
        known, anything = parameters(found)
        missing = [option for option in options if option not in known]
        if missing and not anything:
            raise Unsupported(f"{self.name}'s {name} has no option {missing[0]}")
        return found

    def script(self, verdict: Verdict, title: str) -> str:
        """A script with torch and the class alone that fails where the verdict says."""
        if verdict.at is None and "refused" not in verdict.rule:
            # A plain statement failed: where the numbers differ from the reference too, the script can show them.
            with contextlib.suppress(Exception):
                verdict = next(
                    v for v in (Judge().conforms(verdict.program, self.play(verdict.program)), verdict) if not v
                )
        return torch_script(verdict, title, self.imported, self.device)

    def imported(self, stem: str) -> tuple[str, str]:
        """The line that imports the class of a component, and the name it then has."""
        name = component(stem).torch_name
        place = next((p for p in PLACES if _at(self.namespace, p, name) is not None), "")
        path = ".".join(filter(None, (self.path, place)))
        module, _, attribute = path.partition(":")
        if attribute:
            attribute = attribute.split(".")[0]
            rest = ".".join([*path.partition(":")[2].split("."), name])
            return f"from {module} import {attribute}", rest
        return f"from {module} import {name}", name

    def loss_class(self, stem: str, options: Mapping[str, Any]) -> Any:
        return self.find(stem, options)

    def optimizer_class(self, stem: str, options: Mapping[str, Any]) -> Any:
        return self.find(stem, options)

    def gradient_function(self, stem: str, options: Mapping[str, Any]) -> Any:
        return self.find(stem, options)

    def average_function(self, stem: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """What a model's average is built with: the function by which it averages."""
        return {"avg_fn": self.find(stem, options)(**options)}

    def leaves(self, params: list[Tensor]) -> list[Tensor]:
        """The tensors an optimizer is given, from those that hold the values."""
        return params

    def trainer(self, recipe: Recipe, params: Sequence[Tensor]) -> TorchTrainer:
        """The classes in a training run, over parameters that they change in place."""
        loss, optimizer, scheduler = recipe.loss, recipe.optimizer, recipe.scheduler
        built = self.optimizer_class(optimizer.component, optimizer.options)(
            [{"params": self.leaves([param.requires_grad_() for param in params])}], **_values(optimizer.options)
        )
        schedule = self.scheduler(scheduler.component, scheduler.options, built) if scheduler else None
        return TorchTrainer(self.find(loss.component, loss.options)(**_values(loss.options)), built, schedule)

    def scheduler(self, component: str, options: Mapping[str, Any], optimizer: Any) -> Any:
        """A scheduler over an optimizer, with those that its options name built first."""
        found, given = self.find(component, options), {}
        for name, value in options.items():
            parts = [part for part in value if isinstance(part, Schedule)] if isinstance(value, tuple) else []
            built = [self.scheduler(part.component, part.options, optimizer) for part in parts]
            given[name] = built or _value(value)
        return found(optimizer=optimizer, **given)

    def loss(self, program: LossProgram) -> Iterator[Tensors]:
        options = _values(program.options)
        loss = self.loss_class(program.component, options)
        inputs = {name: data.torch() for name, data in program.tensors.items()}
        before = {name: tensor.clone() for name, tensor in inputs.items()}
        for name in program.differentiate:
            inputs[name].requires_grad_()
        built = loss(**options)
        if program.parameters:
            inputs |= _put(built, {name: inputs[name] for name in program.parameters})
        value, more = _outputs(built, [inputs[name] for name in program.arguments])
        if not isinstance(value, Tensor):
            raise Broken(f"the value must be a tensor, got {type(value).__name__}")
        gradients: Tensors = {}
        if program.differentiate:
            upstream = torch.tensor(program.upstream_for(value.numel()), dtype=value.dtype).reshape(value.shape)
            gradients = _gradients(value, {name: inputs[name] for name in program.differentiate}, upstream)
        for name, tensor in inputs.items():
            _unchanged(tensor, before[name], name)
        yield {"value": value.detach(), **more, **{f"grad {name}": gradient for name, gradient in gradients.items()}}

    def gradients(self, program: GradientProgram) -> Iterator[Tensors]:
        """What becomes of the very tensors that are the gradients of some parameters."""
        options = _values(program.options)
        change = self.gradient_function(program.component, options)
        grads = [None if grad is None else grad.torch() for grad in program.grads]
        params = [torch.ones(1) if grad is None else torch.ones_like(grad) for grad in grads]
        for param, grad in zip(params, grads, strict=True):
            param.requires_grad_().grad = grad
        norm = change(params, **options)
        for i, (param, grad) in enumerate(zip(params, grads, strict=True)):
            _unchanged(param, torch.ones_like(param), f"parameter {i}")
            if grad is None and param.grad is not None:
                raise Broken(f"a parameter without a gradient must stay without one, and parameter {i} did not")
        seen = {} if norm is None else {"norm": norm.detach()}
        yield seen | {f"grad {i}": grad.clone() for i, grad in enumerate(grads) if grad is not None}

    def averages(self, program: AverageProgram) -> Iterator[Tensors]:
        """The average of a model that has the program's tensors for its parameters and buffers."""
        options = _values(program.options)
        build = lookup(self.namespace, "AveragedModel")
        if build is None:
            raise Unsupported(f"{self.name} has no AveragedModel")
        own = {"use_buffers": options.pop("use_buffers")} if "use_buffers" in options else {}

        def built() -> Any:
            model = _model(program.params, program.buffers)
            return build(model, **self.average_function(program.component, options), **own)

        averaged = built()
        yield _seen(averaged.module)
        for event in program.events:
            if isinstance(event, Average):
                model = _model(event.params, event.buffers)
                averaged.update_parameters(model)
                for name, now, then in zip(
                    ("parameter", "buffer"), _tensors(model), _tensors(_model(event.params, event.buffers)), strict=True
                ):
                    for i, pair in enumerate(zip(now, then, strict=True)):
                        _unchanged(*pair, f"{name} {i} of the model")
            else:
                state = copy.deepcopy(averaged.state_dict())
                averaged = built()
                averaged.load_state_dict(state)
            yield _seen(averaged.module)


class Run:
    """One optimizer and its schedulers in the middle of a program."""

    def __init__(self, backend: TorchLike, program: OptimizerProgram | ScheduleProgram | TrainingProgram) -> None:
        self.backend = backend
        self.program = program
        self.added: list[Group] = []
        self.schedules = _schedules(program)

    def build(self, values: list[list[Tensor]]) -> None:
        """The optimizer and the schedulers, as if for the first time, over parameters with these values."""
        program = self.program
        if isinstance(program, ScheduleProgram):
            optimizer = lookup(self.backend.namespace, "SGD") or torch.optim.SGD
            groups: list[dict[str, Any]] = [{"lr": base} for base in program.base_lrs]
            options: dict[str, Any] = {"lr": 0.0}
            if program.lrs:
                groups = self.interrupted(optimizer(_with_params(groups), **options), program)
        else:
            given = [group.options for group in (*program.groups, *self.added)]
            groups = [_values(group) for group in given]
            options = _values(program.options)
            names = {name: None for group in (options, *groups) for name in group}
            optimizer = self.backend.optimizer_class(program.component, names)
        self.leaves = [tensor.requires_grad_() for group in values for tensor in group]
        # Under a scheduler alone there is a plain optimizer, whatever code is asked for.
        plain = isinstance(program, ScheduleProgram)
        counts = iter(self.leaves if plain else self.backend.leaves(self.leaves))
        groups = [{"params": [next(counts) for _ in group], **more} for group, more in zip(values, groups, strict=True)]
        self.optimizer = optimizer(groups[: len(groups) - len(self.added)], **options)
        for group in groups[len(groups) - len(self.added) :]:
            self.optimizer.add_param_group(group)
        self.schedulers = [
            self.backend.scheduler(schedule.component, schedule.options, self.optimizer) for schedule in self.schedules
        ]

    def interrupted(self, optimizer: Any, program: ScheduleProgram) -> list[dict[str, Any]]:
        """The groups as a run of the scheduler leaves them that was interrupted, with the rates in force."""
        options = {name: value for name, value in program.options.items() if name != "last_epoch"}
        self.backend.scheduler(program.component, options, optimizer)
        left = [{name: value for name, value in g.items() if name != "params"} for g in optimizer.param_groups]
        return [{**group, "lr": lr} for group, lr in zip(left, program.lrs or (), strict=True)]

    @property
    def params(self) -> list[Tensor]:
        return [param for group in self.optimizer.param_groups for param in group["params"]]

    def values(self) -> list[list[Tensor]]:
        return [[param.detach().clone() for param in group["params"]] for group in self.optimizer.param_groups]

    def seen(self) -> Tensors:
        tensors: Tensors = {}
        if not isinstance(self.program, ScheduleProgram):
            tensors = {f"param {i}": param.detach().clone() for i, param in enumerate(self.params)}
            state = getattr(self.optimizer, "state", {})  # torch's name for an average of a parameter is ax
            averages = {i: state[param]["ax"] for i, param in enumerate(self.params) if "ax" in state.get(param, {})}
            tensors |= {f"average {i}": average.detach().clone() for i, average in averages.items()}
        if self.schedulers:
            tensors["lr"] = torch.tensor([float(g["lr"]) for g in self.optimizer.param_groups], dtype=torch.float64)
        if cycles_momentum(self.schedules):
            momenta = [g["betas"][0] if "betas" in g else g["momentum"] for g in self.optimizer.param_groups]
            tensors["momentum"] = torch.tensor(momenta, dtype=torch.float64)
        return tensors

    def start(self) -> None:
        """Build all, over parameters with the values that the program gives."""
        program = self.program
        if isinstance(program, ScheduleProgram):
            self.build([[torch.zeros(1)] for _ in program.base_lrs])
        else:
            self.build([[param.torch() for param in group.params] for group in program.groups])

    def entries(self) -> Iterator[Tensors]:
        program = self.program
        self.start()
        yield self.seen()
        for event in program.events:
            match event:
                case Step(grads):
                    self.step(grads)
                case StepWithClosure(grads, loss):
                    yield {**self.step(grads, loss), **self.seen()}
                    continue
                case Minimize(objective):
                    yield {**self.minimize(objective), **self.seen()}
                    continue
                case SetOption(index, name, value):
                    self.optimizer.param_groups[index][name] = _value(value)
                case AddGroup(group):
                    self.add(group)
                case ScheduleStep():
                    self.schedule(event)
                case SaveAndReload(of):
                    self.reload(of)
            yield self.seen()

    def step(self, grads: tuple[Gradient | None, ...], loss: float | None = None) -> Tensors:
        """One step; with a loss, through a closure that sets the gradients and returns it."""
        given = [None if grad is None else grad.torch() for grad in grads]
        before = [None if grad is None else grad.clone() for grad in given]
        calls: list[bool] = []

        def closure() -> Tensor:
            calls.append(torch.is_grad_enabled())
            for param, grad in zip(self.params, given, strict=True):
                param.grad = grad
            return torch.tensor(loss, dtype=torch.float64)

        if loss is None:
            for param, grad in zip(self.params, given, strict=True):
                param.grad = grad
            self.optimizer.step()
        else:
            returned = self.optimizer.step(closure)
            self.called(calls, returned)
        for i, (now, then) in enumerate(zip(given, before, strict=True)):
            if now is not None and then is not None:
                _unchanged(now, then, f"the gradient of parameter {i}")
                _overwrite(now)
        return {} if loss is None else {"loss": torch.as_tensor(returned).detach().double()}

    def minimize(self, objective: Function) -> Tensors:
        """One step through a closure that computes this function and its gradient."""
        calls: list[bool] = []

        def closure() -> Tensor:
            calls.append(torch.is_grad_enabled())
            self.optimizer.zero_grad()
            with torch.enable_grad():
                loss: Tensor = objective(torch.cat([param.reshape(-1) for param in self.params]))
                loss.backward()
            return loss

        returned = self.optimizer.step(closure)
        self.called(calls, returned)
        return {"loss": torch.as_tensor(returned).detach().double()}

    def called(self, calls: list[bool], returned: Any) -> None:
        """What the calls of a closure, each with gradients enabled or not, and the loss that was returned may be."""
        once = not minimises(rule("optimizers", self.program.component))
        if not calls or not all(calls) or (once and len(calls) > 1):
            often = "once" if once else "at least once"
            raise Broken(f"a closure must be called {often}, with gradients enabled, got {len(calls)} calls: {calls}")
        if returned is None:
            raise Broken("a step with a closure must return the closure's loss, got None")

    def add(self, group: Group) -> None:
        leaves = [param.torch().requires_grad_() for param in group.params]
        options = _values(group.options)
        self.leaves += leaves
        self.optimizer.add_param_group({"params": self.backend.leaves(leaves), **options})
        self.added.append(group)

    def schedule(self, event: ScheduleStep) -> None:
        scheduler = self.schedulers[event.index]
        if isinstance(self.program, ScheduleProgram):
            self.optimizer.step()  # there is nothing to step, but the order is the one a user must keep
        scheduler.step(*(given for given in (event.metric, event.epoch) if given is not None))
        last = [float(lr) for lr in scheduler.get_last_lr()]
        rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        if last != rates:
            raise Broken(f"get_last_lr must be the optimizer's rates {rates}, got {last}")

    def reload(self, of: str) -> None:
        saved = slice(None) if of == "all" else slice(1) if of == "optimizer" else slice(1, None)
        states = [copy.deepcopy(each.state_dict()) for each in (self.optimizer, *self.schedulers)[saved]]
        if of == "all":
            self.build(self.values())
        for each, state in zip((self.optimizer, *self.schedulers)[saved], states, strict=True):
            each.load_state_dict(state)


class LossWork:
    """A loss, built once, and the tensors that it is called with again and again."""

    def __init__(self, backend: TorchLike, program: LossProgram) -> None:
        options = {name: _value(value) for name, value in program.options.items()}
        inputs = {name: data.torch() for name, data in program.tensors.items()}
        for name in program.differentiate:
            inputs[name].requires_grad_()
        self.loss = backend.loss_class(program.component, options)(**options)
        if program.parameters:
            inputs |= _put(self.loss, {name: inputs[name] for name in program.parameters})
        self.given = [inputs[name] for name in program.arguments]
        self.wrt = {name: inputs[name] for name in program.differentiate}
        self.gradients: Sequence[Tensor] = ()
        value = self.called()
        self.upstream = torch.tensor(program.upstream_for(value.numel()), dtype=value.dtype).reshape(value.shape)

    def called(self) -> Tensor:
        value = self.loss(*self.given)
        found: Tensor = getattr(value, "loss", value)
        return found

    def __call__(self) -> None:
        self.value = self.called()
        if self.wrt:
            self.gradients = torch.autograd.grad(self.value, list(self.wrt.values()), self.upstream)

    def seen(self) -> Tensors:
        grads = {f"grad {name}": grad for name, grad in zip(self.wrt, self.gradients, strict=True)}
        with torch.no_grad():
            _, more = _outputs(self.loss, self.given)
        return {"value": self.value.detach(), **more, **grads}


class StepWork:
    """An optimizer with its gradients in place, or a scheduler, that takes the same step again and again."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.said: Any = None
        run.start()
        (event,) = run.program.events
        match event:
            case Step(grads):
                for param, grad in zip(run.params, grads, strict=True):
                    param.grad = None if grad is None else grad.torch()
                self.step: Callable[[], Any] = run.optimizer.step
            case Minimize(objective):
                self.step = partial(run.minimize, objective)
            case ScheduleStep(metric):
                run.optimizer.step()  # once, since a scheduler warns where it is stepped before its optimizer
                self.step = partial(run.schedulers[0].step, *([] if metric is None else [metric]))
            case _:
                raise Unsupported(f"a {type(event).__name__} is not timed")

    def __call__(self) -> None:
        self.said = self.step()

    def seen(self) -> Tensors:
        """What an optimizer says is the loss where it was asked to find one, and nothing of the others."""
        return {**(self.said if isinstance(self.said, dict) else {}), **self.run.seen()}


@cache
def parameters(found: Any) -> tuple[frozenset[str], bool]:
    """The names of the arguments that a class takes, and whether it takes any others too."""
    known = inspect.signature(found).parameters.values()
    return frozenset(p.name for p in known), any(p.kind is p.VAR_KEYWORD for p in known)


def lookup(namespace: Any, name: str) -> Any:
    """A class by its bare name, wherever in a torch-shaped namespace it lies; None if it does not."""
    return next((found for place in PLACES if (found := _at(namespace, place, name)) is not None), None)


def _at(namespace: Any, place: str, name: str) -> Any:
    for part in filter(None, (*place.split("."), name)):
        namespace = getattr(namespace, part, None)
    return namespace


def _with_params(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"params": [torch.zeros(1, requires_grad=True)], **group} for group in groups]


def _schedules(program: Any) -> tuple[Schedule, ...]:
    if isinstance(program, ScheduleProgram):
        return (Schedule(program.component, program.options),)
    return getattr(program, "schedules", ())


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_value(item) for item in value)
    if isinstance(value, Function):
        return lambda *given: value(*given)  # a scheduler saves the attributes of an object, and nothing of a function
    return value.torch() if isinstance(value, TensorData) else value


def _values(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in options.items()}


def _put(loss: Any, given: Tensors) -> Tensors:
    """Give the parameters of a loss these values; it must have these and no others, in these shapes."""
    own = dict(loss.named_parameters())
    shapes = {name: tuple(param.shape) for name, param in own.items()}
    expected = {name: tuple(tensor.shape) for name, tensor in given.items()}
    if shapes != expected:
        raise Broken(f"the parameters of the loss must have the names and shapes {expected}, got {shapes}")
    for name, tensor in given.items():
        own[name].requires_grad_(False).data = tensor.detach()
        own[name].requires_grad_(tensor.requires_grad)
    return own


def _outputs(loss: Any, given: list[Tensor]) -> tuple[Any, Tensors]:
    """The value of a loss, and what else it has to say, where that is more."""
    value = loss(*given)
    if not hasattr(value, "loss"):
        return value, {}
    with torch.no_grad():
        rows = torch.atleast_2d(given[0])
        log_prob = loss.log_prob(rows)
        predicted = log_prob.gather(1, loss.predict(rows).unsqueeze(1)).squeeze(1)
    return value.loss, {"output": value.output.detach(), "log_prob": log_prob, "predicted": predicted}


def _model(params: Sequence[TensorData], buffers: Sequence[TensorData]) -> torch.nn.Module:
    """A model with these parameters and buffers, and nothing to compute."""
    model = torch.nn.Module()
    for i, data in enumerate(params):
        model.register_parameter(f"param{i}", torch.nn.Parameter(data.torch()))
    for i, data in enumerate(buffers):
        model.register_buffer(f"buffer{i}", data.torch())
    return model


def _tensors(model: torch.nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    return [param.detach() for param in model.parameters()], list(model.buffers())


def _seen(model: torch.nn.Module) -> Tensors:
    params, buffers = _tensors(model)
    tensors = {f"average {i}": param.clone() for i, param in enumerate(params)}
    return tensors | {f"buffer {i}": buffer.clone() for i, buffer in enumerate(buffers)}


def _overwrite(gradient: Tensor) -> None:
    """Do with a gradient what a caller may do once the step is made: keep other numbers there."""
    stored = gradient._values() if gradient.is_sparse else gradient
    stored.as_strided((stored.untyped_storage().size() // stored.element_size(),), (1,), 0).fill_(torch.nan)


def _gradients(value: Tensor, inputs: Tensors, upstream: Tensor) -> Tensors:
    if not value.requires_grad:
        raise Broken("the value must be differentiable, got a tensor without a gradient")
    gradients = torch.autograd.grad(value, list(inputs.values()), upstream, materialize_grads=True)
    return dict(zip(inputs, gradients, strict=True))


def _unchanged(now: Tensor, before: Tensor, name: str) -> None:
    now, before = (each.detach().to_dense() if each.is_sparse else each.detach() for each in (now, before))
    if not same(now, before):
        raise Broken(f"inputs must not be changed, and {name} was")


def make(path: str) -> TorchLike:
    """The backend for `package.module[:attribute]`."""
    module, _, attribute = path.partition(":")
    if not module:
        raise UnknownBackend(
            "backend: torch-like needs a namespace, got nothing; write torch-like:package.module[:attribute]"
        )
    namespace: Any = importlib.import_module(module)
    for part in filter(None, attribute.split(".")):
        namespace = getattr(namespace, part)
    return TorchLike(namespace, f"torch-like:{path}", path)
