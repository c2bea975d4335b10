"""Controls for optimizers: other orders of the same operations, other places for a state, torch's own vector code."""

# mypy: disallow-subclassing-any=False

import math
from types import SimpleNamespace

import numpy as np
import torch
from torch.optim import adagrad as torch_adagrad
from torch.optim import adam as torch_adam
from torch.optim import sgd as torch_sgd

from tests.controls.clothes import Control, optimizer
from torchstone.reference import torch_api
from torchstone.reference.checks import require


def signed(grad, maximize):
    return grad.neg() if maximize else grad


def decayed(param, grad, weight_decay):
    return torch.add(grad, param, alpha=weight_decay) if weight_decay != 0 else grad


def kept(tensor):
    """A copy that lies in memory row by row."""
    return tensor.clone(memory_format=torch.contiguous_format)


# Adam and AdamW.


def adam_step(param, grad, state, lr, betas, eps, amsgrad, divide):
    """The moments by lerp and addcmul; `divide` makes the step of them."""
    beta1, beta2 = map(float, betas)
    t = state.t + 1
    m = torch.lerp(state.m, grad, 1 - beta1)
    v = (state.v * beta2).addcmul(grad, grad, value=1 - beta2)
    v_max = torch.where((state.v_max > v) | state.v_max.isnan(), state.v_max, v) if amsgrad else state.v_max
    used = v_max if amsgrad else v
    return divide(param, m, used, float(lr), 1 - beta1**t, 1 - beta2**t, float(eps)), type(state)(t, m, v, v_max)


def by_addcdiv(param, m, v, lr, first, second, eps):
    """As torch does it: both corrections are numbers, and the division is the last thing."""
    return torch.addcdiv(param, m, (v.sqrt() / math.sqrt(second)).add(eps), value=-lr / first)


def by_one_number(param, m, v, lr, first, second, eps):
    """Both corrections in the step size, and epsilon made smaller in turn: algorithm 1's faster form."""
    return param - (lr * math.sqrt(second) / first) * (m / (v.sqrt() + eps * math.sqrt(second)))


def by_double(param, m, v, lr, first, second, eps):
    """The step in float64, rounded with the parameter."""
    step = (m.double() / first) / ((v.double() / second).sqrt() + eps)
    return (param.double() - lr * step).to(param.dtype)


def adam(divide):
    def update(param, grad, state, *, lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay):
        g = signed(grad, maximize)
        if decoupled_weight_decay:
            param = param * (1 - lr * weight_decay)
        else:
            g = decayed(param, g, weight_decay)
        return adam_step(param, g, state, lr, betas, eps, amsgrad, divide)

    return update


def adamw(divide):
    def update(param, grad, state, *, lr, betas, eps, weight_decay, amsgrad, maximize):
        param = param * (1 - lr * weight_decay)
        return adam_step(param, signed(grad, maximize), state, lr, betas, eps, amsgrad, divide)

    return update


def wide_init(param):
    """A state in float64, whatever the parameter is."""
    zeros = torch.zeros_like(param, dtype=torch.float64)
    return torch_api.Adam.rule.State(0, zeros, zeros, zeros)


def wide_adam(param, grad, state, **options):
    """All in float64, and the parameter rounded at the end of a step."""
    state = state._replace(m=state.m.double(), v=state.v.double(), v_max=state.v_max.double())
    moved, state = torch_api.Adam.rule.update(param.double(), grad.double(), state, **options)
    return moved.to(param.dtype), state


def torch_code(function, own):
    """torch's own step over tensors that are copies, so that nothing is changed in place."""

    def update(param, grad, state, *, lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay=own):
        param, state = kept(param), state._replace(m=kept(state.m), v=kept(state.v), v_max=kept(state.v_max))
        count = torch.tensor(float(state.t))
        function(
            [param],
            [kept(grad)],
            [state.m],
            [state.v],
            [state.v_max] if amsgrad else [],
            [count],
            amsgrad=amsgrad,
            beta1=float(betas[0]),
            beta2=float(betas[1]),
            lr=float(lr),
            weight_decay=float(weight_decay),
            eps=float(eps),
            maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        return param, state._replace(t=state.t + 1)

    return update


def foreach_adam(*args, **options):
    torch_adam.adam(*args, foreach=True, fused=False, **options)


def fused_adam(*args, **options):
    torch_adam.adam(*args, foreach=False, fused=True, **options)


def foreach_adamw(param, grad, state, **options):
    return torch_code(foreach_adam, True)(param, grad, state, **options)


class FlatAdam(torch_api.Adam):
    """All parameters of a group that have a gradient in one padded vector for each dtype, stepped at once."""

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for dtype in {param.dtype for param in group["params"]}:
                moving = [param for param in group["params"] if param.grad is not None and param.dtype == dtype]
                if moving:
                    self.move(group, moving)
        return loss

    def move(self, group, params):
        sizes = [param.numel() for param in params]
        padding = -sum(sizes) % 16

        def flat(tensors):
            parts = [tensor.reshape(-1) for tensor in tensors]
            return torch.cat([*parts, parts[0].new_zeros(padding)])

        def back(vector):
            parts = vector[: sum(sizes)].split(sizes)
            return [part.reshape(param.shape).clone() for part, param in zip(parts, params, strict=True)]

        states = [self.state[param] or self.fresh(param) for param in params]
        theta, g = flat(params), flat([param.grad for param in params])
        m, v, v_max = (flat([state[name] for state in states]) for name in ("m", "v", "v_max"))
        counts = [state["t"] + 1 for state in states]
        lr, eps, decay = float(group["lr"]), float(group["eps"]), float(group["weight_decay"])
        beta1, beta2 = map(float, group["betas"])
        g = -g if group["maximize"] else g
        if group["decoupled_weight_decay"]:
            theta = theta - (lr * decay) * theta if 0 < lr * decay < 0.5 else theta * (1 - lr * decay)
        elif decay != 0:
            g = g + decay * theta
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (g * (1 - beta2)) * g
        v_max = torch.maximum(v_max, v) if group["amsgrad"] else v_max
        first = self.spread([lr / (1 - beta1**t) for t in counts], sizes, padding, theta.dtype)
        second = self.spread([math.sqrt(1 - beta2**t) for t in counts], sizes, padding, theta.dtype)
        theta = theta - first * m / ((v_max if group["amsgrad"] else v).sqrt() / second + eps)
        for param, moved, *moments in zip(params, back(theta), back(m), back(v), back(v_max), strict=True):
            param.copy_(moved)
            state = self.state[param]
            state["t"] = state.get("t", 0) + 1
            state.update(zip(("m", "v", "v_max"), moments, strict=True))

    def spread(self, numbers, sizes, padding, dtype):
        """One number for each element of the vector."""
        each = torch.tensor([*numbers, 1.0], dtype=torch.float64)
        return each.repeat_interleave(torch.tensor([*sizes, padding])).to(dtype)

    def fresh(self, param):
        zeros = torch.zeros_like(param)
        self.state[param].update(t=0, m=zeros, v=zeros, v_max=zeros)
        return self.state[param]


# The others.


def sgd_in_place(param, grad, state, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """The buffer by mul and add; the step by one add with a factor."""
    g = decayed(param, signed(grad, maximize), float(weight_decay))
    if momentum == 0:
        return param.add(g, alpha=-float(lr)), state
    b = g.clone() if state.b is None else state.b.mul(float(momentum)).add(g, alpha=1 - float(dampening))
    return param.add(g.add(b, alpha=float(momentum)) if nesterov else b, alpha=-float(lr)), type(state)(b)


def foreach_sgd(param, grad, state, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """torch's own vector code."""
    param, buffers = kept(param), [None if state.b is None else kept(state.b)]
    torch_sgd.sgd(
        [param],
        [kept(grad)],
        buffers,
        foreach=True,
        fused=False,
        weight_decay=float(weight_decay),
        momentum=float(momentum),
        lr=float(lr),
        dampening=float(dampening),
        nesterov=nesterov,
        maximize=maximize,
    )
    return param, type(state)(state.b if buffers[0] is None else buffers[0])


def numpy_sgd(param, grad, state, *, lr, momentum, dampening, weight_decay, nesterov, maximize):
    """In numpy's float64 with a buffer in float64, and one rounding of the parameter."""
    with np.errstate(all="ignore"):
        theta, g = param.double().numpy(), grad.double().numpy() * (-1.0 if maximize else 1.0)
        g = g + float(weight_decay) * theta if weight_decay != 0 else g
        step, b = g, state.b
        if momentum != 0:
            last = None if b is None else b.double().numpy()
            now = g if last is None else float(momentum) * last + (1 - float(dampening)) * g
            step, b = g + float(momentum) * now if nesterov else now, torch.from_numpy(np.array(now))
        moved = np.asarray(theta - float(lr) * step)
    return torch.from_numpy(np.array(moved)).reshape(param.shape).to(param.dtype), type(state)(b)


def rmsprop(param, grad, state, *, lr, alpha, eps, weight_decay, momentum, centered, maximize):
    """The variance by addcmul, cut at zero by a maximum."""
    alpha = float(alpha)
    g = decayed(param, signed(grad, maximize), float(weight_decay))
    v = (state.v * alpha).addcmul(g, g, value=1 - alpha)
    a = torch.lerp(state.a, g, 1 - alpha) if centered else state.a
    w = torch.maximum(torch.addcmul(v, a, a, value=-1), torch.zeros_like(v)) if centered else v
    root = w.sqrt().add(float(eps))
    if momentum > 0:
        b = (state.b * float(momentum)).addcdiv(g, root)
        return param.add(b, alpha=-float(lr)), type(state)(v, a, b)
    return param.addcdiv(g, root, value=-float(lr)), type(state)(v, a, state.b)


def adagrad(param, grad, state, *, lr, lr_decay, weight_decay, initial_accumulator_value, eps, maximize):
    """The sum by addcmul from a full tensor, and the step by addcdiv."""
    g = decayed(param, signed(grad, maximize), float(weight_decay))
    start = torch.full_like(param, float(initial_accumulator_value))
    total = torch.addcmul(start if state.total is None else state.total, g, g)
    rate = float(lr) / (1 + state.t * float(lr_decay))
    return param.addcdiv(g, total.sqrt().add(float(eps)), value=-rate), type(state)(state.t + 1, total)


def foreach_adagrad(param, grad, state, *, lr, lr_decay, weight_decay, initial_accumulator_value, eps, maximize):
    """torch's own vector code."""
    start = torch.full_like(param, float(initial_accumulator_value))
    param, total, count = kept(param), kept(start if state.total is None else state.total), torch.tensor(float(state.t))
    torch_adagrad.adagrad(
        [param],
        [kept(grad)],
        [total],
        [count],
        foreach=True,
        fused=False,
        lr=float(lr),
        weight_decay=float(weight_decay),
        lr_decay=float(lr_decay),
        eps=float(eps),
        maximize=maximize,
    )
    return param, type(state)(state.t + 1, total)


def adadelta(param, grad, state, *, lr, rho, eps, weight_decay, maximize):
    """In float64, with both averages kept there."""
    theta = param.double()
    g = decayed(theta, signed(grad, maximize).double(), float(weight_decay))
    v = state.v.double() * float(rho) + (1 - float(rho)) * g * g
    d = torch.sqrt(state.u.double() + float(eps)) * (g / torch.sqrt(v + float(eps)))
    u = state.u.double() * float(rho) + (1 - float(rho)) * d * d
    return theta.sub(d, alpha=float(lr)).to(param.dtype), type(state)(v, u)


def adamax(param, grad, state, *, lr, betas, eps, weight_decay, maximize):
    """The larger of two by a stack and a reduction."""
    beta1, beta2 = map(float, betas)
    g = decayed(param, signed(grad, maximize), float(weight_decay))
    m = torch.lerp(state.m, g, 1 - beta1)
    u = torch.stack([state.u * beta2, g.abs() + float(eps)]).amax(0)
    rate = float(lr) / (1 - beta1 ** (state.t + 1))
    return param.addcdiv(m, u, value=-rate), type(state)(state.t + 1, m, u)


def nadam(param, grad, state, *, lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize):
    """The two parts of the momentum as one sum with two numbers."""
    (beta1, beta2), lr, t = map(float, betas), float(lr), state.t + 1
    g = signed(grad, maximize)
    if decoupled_weight_decay:
        param = param * (1 - lr * float(weight_decay))
    else:
        g = decayed(param, g, float(weight_decay))
    mu, after = (beta1 - beta1 / 2 * math.pow(0.96, k * float(momentum_decay)) for k in (t, t + 1))
    p = state.p * mu
    m = state.m * beta1 + g * (1 - beta1)
    v = (state.v * beta2).addcmul(g, g, value=1 - beta2)
    top = m * (lr * after / (1 - p * after)) + g * (lr * (1 - mu) / (1 - p))
    return param - top / ((v / (1 - beta2**t)).sqrt() + float(eps)), type(state)(t, p, m, v)


def radam(param, grad, state, *, lr, betas, eps, weight_decay, decoupled_weight_decay, maximize):
    """The rectified rate as one number."""
    (beta1, beta2), lr, t = map(float, betas), float(lr), state.t + 1
    g = signed(grad, maximize)
    if decoupled_weight_decay:
        param = param * (1 - lr * float(weight_decay))
    else:
        g = decayed(param, g, float(weight_decay))
    m = state.m * beta1 + g * (1 - beta1)
    v = (state.v * beta2).addcmul(g, g, value=1 - beta2)
    after = type(state)(t, m, v)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    rate = lr / (1 - beta1**t)
    if length > 5:
        rate *= math.sqrt((length - 4) / (longest - 4) * ((length - 2) / (longest - 2)) * (longest / length))
        return param - rate * math.sqrt(1 - beta2**t) * (m / (v.sqrt() + float(eps))), after
    return param - rate * m, after


def rprop(param, grad, state, *, lr, etas, step_sizes, maximize):
    """A table of factors, picked by the sign of the product."""
    g = signed(grad, maximize)
    size = torch.full_like(param, float(lr)) if state.size is None else state.size
    turn = (g * state.previous).sign()
    factors = torch.tensor([float(etas[0]), 1.0, float(etas[1])], dtype=torch.float64)
    factor = factors[turn.nan_to_num(nan=0.0).long() + 1].to(param.dtype)
    size = torch.minimum(
        torch.maximum(size * factor, torch.full_like(size, float(step_sizes[0]))),
        torch.full_like(size, float(step_sizes[1])),
    )
    g = g.masked_fill(turn == -1, 0.0)
    moved = torch.where(g > 0, param - size, torch.where(g < 0, param + size, param))
    return torch.where(g.isnan(), g, moved), type(state)(g, size)


def asgd(param, grad, state, *, lr, lambd, alpha, t0, weight_decay, maximize):
    """The step taken off the decayed parameter by add; the average as a weighted mean of two."""
    lr, lambd, t = float(lr), float(lambd), state.t + 1
    rate = lr if state.rate is None else float(state.rate)
    g = decayed(param, signed(grad, maximize), float(weight_decay))
    theta = param.mul(1 - lambd * rate).add(g, alpha=-rate)
    first = state.average is None or state.weight == 1
    average = theta.clone() if first else state.average.add((theta - state.average) * float(state.weight))
    after = lr * math.pow(1 + lambd * lr * t, -float(alpha))
    return theta, type(state)(t, after, 1 / max(1.0, t - float(t0)), average)


def orthogonalised(u, coefficients, eps, steps):
    """On the side that is shorter, one product after the other, in float32 at least."""
    a, b, c = map(float, coefficients)
    x = u.to(torch.promote_types(u.dtype, torch.float32))
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / torch.maximum((x * x.conj()).sum().sqrt(), torch.tensor(float(eps), dtype=x.dtype))
    for _ in range(int(steps)):
        gram = x @ x.T
        once = gram @ x
        x = torch.add(torch.add(a * x, once, alpha=b), gram @ once, alpha=c)
    return (x.T if tall else x).to(u.dtype)


def adafactor_mean(x, axis):
    """The mean as a sum of quotients' numerator, in float64."""
    return (x.double().sum(axis, keepdim=True) / max(1, x.shape[axis])).to(x.dtype) if x.dim() > 1 else x


def sparse_adam(param, grad, state, *, lr, betas, eps, maximize):
    """Only the rows that are stored are taken out, computed and put back."""
    require(grad.is_sparse, "sparse_adam: a gradient must be sparse", grad.layout)
    (beta1, beta2), t = map(float, betas), state.t + 1
    stored = grad.coalesce()
    rows, g = stored.indices()[0], signed(stored.values(), maximize)
    m = state.m[rows] * beta1 + g * (1 - beta1)
    v = state.v[rows] * beta2 + (g * g) * (1 - beta2)
    rate = float(lr) * math.sqrt(1 - beta2**t) / (1 - beta1**t)
    step = rate * (m / (v.sqrt() + float(eps)))
    put = (lambda whole, new: whole.index_copy(0, rows, new)) if len(rows) else (lambda whole, new: whole)
    return put(param, param[rows] - step), type(state)(t, put(state.m, m), put(state.v, v))


def two_loops(g, pairs):
    """The same direction with the curvatures computed once, in the other sign."""
    q, kept_alphas = g, []
    rhos = [1 / torch.dot(s, y) for s, y in pairs]
    for (s, y), rho in zip(reversed(pairs), reversed(rhos), strict=True):
        alpha = rho * torch.dot(s, q)
        kept_alphas.append(alpha)
        q = q - y * alpha
    if pairs:
        s, y = pairs[-1]
        q = q * (torch.dot(s, y) / torch.dot(y, y))
    for (s, y), rho, alpha in zip(pairs, rhos, reversed(kept_alphas), strict=True):
        q = q + s * (alpha - rho * torch.dot(y, q))
    return -q


def namespace(name, base):
    return SimpleNamespace(**{name: base})


CONTROLS = [
    optimizer("adam by lerp, addcmul and addcdiv", "Adam", update=adam(by_addcdiv)),
    optimizer("adam with one number for both corrections", "Adam", update=adam(by_one_number)),
    optimizer("adam with the step in float64", "Adam", update=adam(by_double)),
    optimizer("adam with a state in float64", "Adam", init=wide_init, update=wide_adam),
    optimizer("adam by torch's foreach", "Adam", update=torch_code(foreach_adam, False)),
    optimizer("adam by torch's fused kernel", "Adam", update=torch_code(fused_adam, False)),
    Control("adam over one padded vector", "Adam", SimpleNamespace(Adam=FlatAdam)),
    optimizer("adamw by lerp, addcmul and addcdiv", "AdamW", update=adamw(by_addcdiv)),
    optimizer("adamw by torch's foreach", "AdamW", update=foreach_adamw),
    optimizer("sgd by mul and add", "SGD", update=sgd_in_place),
    optimizer("sgd by torch's foreach", "SGD", update=foreach_sgd),
    optimizer("sgd in numpy's float64", "SGD", update=numpy_sgd),
    optimizer("rmsprop by addcmul and addcdiv", "RMSprop", update=rmsprop),
    optimizer("adagrad by addcmul and addcdiv", "Adagrad", update=adagrad),
    optimizer("adagrad by torch's foreach", "Adagrad", update=foreach_adagrad),
    optimizer("adadelta in float64", "Adadelta", update=adadelta),
    optimizer("adamax by a stack", "Adamax", update=adamax),
    optimizer("nadam with one sum", "NAdam", update=nadam),
    optimizer("radam with one number", "RAdam", update=radam),
    optimizer("rprop by a table", "Rprop", update=rprop),
    optimizer("asgd by add and numbers in float64", "ASGD", update=asgd),
    optimizer("muon on the shorter side", "Muon", orthogonalised=orthogonalised),
    optimizer("adafactor with means in float64", "Adafactor", _mean=adafactor_mean),
    optimizer("sparse adam over its rows alone", "SparseAdam", update=sparse_adam),
    optimizer("lbfgs with curvatures computed once", "LBFGS", direction=two_loops),
]
