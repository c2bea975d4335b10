"""Faulty optimizers."""

# mypy: disallow-subclassing-any=False

import math

import torch

from tests.outside.making import Makings, as_it_lies, options_of
from torchstone.reference import torch_api

made = Makings()
update, whole = made.update, made.whole


def stepped(cls, group, params, closure=None):
    """One step of some parameters of a group alone."""
    kept = group["params"]
    group["params"] = params
    try:
        return cls.step(closure)
    finally:
        group["params"] = kept


def changed(o, **changes):
    return {**o, **changes}


# Adam.


@update("Adam", "small effect")
def eps_is_under_the_root(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    beta1, beta2 = o["betas"]
    if o["amsgrad"] or o["decoupled_weight_decay"]:
        return moved, after
    v_hat, m_hat = after.v / (1 - beta2**after.t), after.m / (1 - beta1**after.t)
    return param - o["lr"] * m_hat / (v_hat + o["eps"] ** 2).sqrt(), after


@update("Adam", "small effect")
def eps_is_added_before_the_correction(right, param, grad, state, o):
    beta2 = o["betas"][1]
    return right(param, grad, state, **changed(o, eps=o["eps"] / (1 - beta2 ** (state.t + 1)) ** 0.5))


@update("Adam", "non-default option")
def amsgrad_takes_the_largest_of_corrected_squares(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    if not o["amsgrad"]:
        return moved, after
    beta1, beta2 = o["betas"]
    v_max = torch.maximum(state.v_max, after.v / (1 - beta2**after.t))
    moved, _ = right(param, grad, state, **changed(o, lr=0.0))
    return moved - o["lr"] * (after.m / (1 - beta1**after.t)) / (v_max.sqrt() + o["eps"]), after._replace(v_max=v_max)


@update("Adam", "non-default option")
def maximize_turns_the_decay_round_too(right, param, grad, state, o):
    if not o["maximize"] or o["decoupled_weight_decay"] or o["weight_decay"] == 0:
        return right(param, grad, state, **o)
    return right(param, -(grad + o["weight_decay"] * param), state, **changed(o, maximize=False, weight_decay=0))


@update("Adam", "many steps")
def from_the_tenth_step_on_nothing_is_corrected(right, param, grad, state, o):
    if state.t + 1 < 10:
        return right(param, grad, state, **o)
    moved, after = right(param, grad, state._replace(t=10**6), **o)
    return moved, after._replace(t=state.t + 1)


@update("Adam", "small effect")
def the_corrections_are_computed_in_float32(right, param, grad, state, o):
    beta1, beta2 = o["betas"]
    if o["decoupled_weight_decay"] or o["amsgrad"]:
        return right(param, grad, state, **o)
    _, after = right(param, grad, state, **o)
    t = torch.tensor(float(after.t), dtype=torch.float32)
    first, second = (float(1 - torch.tensor(float(b), dtype=torch.float32) ** t) for b in (beta1, beta2))
    return param - o["lr"] * (after.m / first) / ((after.v / second).sqrt() + o["eps"]), after


@update("Adam", "special values")
def a_gradient_that_is_nan_is_passed_over(right, param, grad, state, o):
    if grad.isnan().any():
        return param, state
    return right(param, grad, state, **o)


@update("Adam", "skipped gradients")
def a_gradient_of_zeros_is_none(right, param, grad, state, o):
    if grad.numel() and not grad.any():
        return param.clone(), state
    return right(param, grad, state, **o)


@update("Adam", "layout and dtype")
def the_gradient_is_read_as_it_lies(right, param, grad, state, o):
    return right(param, as_it_lies(grad), state, **o)


@update("Adam", "layout and dtype")
def the_tail_of_a_large_parameter_has_no_eps(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    n = param.numel()
    if n < 64 or n % 16 == 0:
        return moved, after
    bare, _ = right(param, grad, state, **changed(o, eps=0.0))
    tail = (torch.arange(n) >= n - n % 16).reshape(param.shape)
    return torch.where(tail, bare, moved), after


@update("Adam", "layout and dtype")
def the_last_element_beyond_a_thousand_stays(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    if param.numel() <= 1024:
        return moved, after
    return torch.cat([moved.reshape(-1)[:-1], param.reshape(-1)[-1:]]).reshape(param.shape), after


@whole("Adam", "skipped gradients")
class parameters_share_a_step_count(torch_api.Adam):
    def step(self, closure=None):
        found = super().step(closure)
        states = [self.state[p] for group in self.param_groups for p in group["params"] if self.state[p]]
        for state in states:
            state["t"] = max(other["t"] for other in states)
        return found


@whole("Adam", "skipped gradients")
class a_parameter_without_gradient_decays_all_the_same(torch_api.Adam):
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None and group["decoupled_weight_decay"]:
                    param.mul_(1 - float(group["lr"]) * float(group["weight_decay"]))
        return super().step(closure)


@whole("Adam", "rate changed in mid-run")
class a_lower_rate_is_not_taken(torch_api.Adam):
    def step(self, closure=None):
        found = None
        for i, group in enumerate(self.param_groups):
            rates = self.__dict__.setdefault("rates", {})
            now, group["lr"] = group["lr"], rates.setdefault(i, group["lr"])
            rates[i] = now if abs(float(now)) > abs(float(rates[i])) else rates[i]
            self.__dict__.setdefault("now", {})[i] = now
        found = super().step(closure)
        for i, group in enumerate(self.param_groups):
            group["lr"] = self.now[i]
        return found


@whole("Adam", "reload")
class the_step_count_is_not_saved(torch_api.Adam):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for state in self.state.values():
            if "t" in state:
                state["t"] = 0


@whole("Adam", "reload")
class the_largest_squares_are_not_saved(torch_api.Adam):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for state in self.state.values():
            if "v_max" in state:
                state["v_max"] = torch.zeros_like(state["v_max"])


@whole("Adam", "reload")
class a_loaded_step_count_has_the_dtype_of_the_parameter(torch_api.Adam):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for param, state in self.state.items():
            if "t" in state:
                state["t"] = int(torch.tensor(float(state["t"])).to(param.dtype))


@whole("Adam", "reload")
class loading_keeps_the_options_of_the_constructor(torch_api.Adam):
    def load_state_dict(self, state_dict):
        own = [options_of(self.rule, group) for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, options in zip(self.param_groups, own, strict=True):
            group["betas"], group["eps"] = options["betas"], options["eps"]


@whole("Adam", "groups")
class a_later_group_takes_the_betas_of_the_first(torch_api.Adam):
    def step(self, closure=None):
        kept = [group["betas"] for group in self.param_groups]
        for group in self.param_groups:
            group["betas"] = kept[0]
        found = super().step(closure)
        for group, betas in zip(self.param_groups, kept, strict=False):
            group["betas"] = betas
        return found


@whole("Adam", "groups")
class a_group_added_late_starts_with_the_count_of_the_others(torch_api.Adam):
    def add_param_group(self, param_group):
        super().add_param_group(param_group)
        counts = [state["t"] for state in self.state.values() if "t" in state]
        if counts:
            for param in self.param_groups[-1]["params"]:
                zeros = torch.zeros_like(param)
                self.state[param].update(t=max(counts), m=zeros, v=zeros, v_max=zeros)


@whole("Adam", "non-default option")
class a_rate_in_a_tensor_is_rounded_to_float32(torch_api.Adam):
    def step(self, closure=None):
        kept = [group["lr"] for group in self.param_groups]
        for group in self.param_groups:
            lr = group["lr"]
            group["lr"] = float(lr.float()) if isinstance(lr, torch.Tensor) else lr
        found = super().step(closure)
        for group, lr in zip(self.param_groups, kept, strict=True):
            group["lr"] = lr
        return found


@whole("Adam", "validation")
class an_option_of_a_group_is_not_looked_at(torch_api.Adam):
    def add_param_group(self, param_group):
        wrong = {name: param_group.pop(name) for name in ("eps",) if name in param_group}
        super().add_param_group(param_group)
        self.param_groups[-1].update(wrong)


# AdamW.


@update("AdamW", "small effect")
def the_decay_comes_after_the_step(right, param, grad, state, o):
    moved, after = right(param, grad, state, **changed(o, weight_decay=0))
    return moved * (1 - o["lr"] * o["weight_decay"]), after


@update("AdamW", "non-default option")
def the_decay_of_a_small_rate_is_that_of_the_default(right, param, grad, state, o):
    if o["lr"] > 1e-3:
        return right(param, grad, state, **o)
    return right(param * (1 - 1e-3 * o["weight_decay"]), grad, state, **changed(o, weight_decay=0))


@update("AdamW", "value")
def vectors_do_not_decay(right, param, grad, state, o):
    return right(param, grad, state, **(changed(o, weight_decay=0) if param.dim() == 1 and len(param) > 2 else o))


@update("AdamW", "non-default option")
def maximize_grows_the_weights(right, param, grad, state, o):
    if not o["maximize"]:
        return right(param, grad, state, **o)
    return right(param * (1 + o["lr"] * o["weight_decay"]), grad, state, **changed(o, weight_decay=0))


@update("AdamW", "non-default option")
def amsgrad_switched_off_forgets_the_largest_squares(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after if o["amsgrad"] else after._replace(v_max=torch.zeros_like(after.v))


@whole("AdamW", "rate changed in mid-run")
class the_decay_has_the_rate_of_the_step_before(torch_api.AdamW):
    @torch.no_grad()
    def step(self, closure=None):
        last = self.__dict__.setdefault("last", {})
        for i, group in enumerate(self.param_groups):
            lr, decay = float(group["lr"]), float(group["weight_decay"])
            before = last.get(i, lr)
            for param in group["params"]:
                if param.grad is not None and before != lr and lr * decay != 1:
                    param.mul_((1 - before * decay) / (1 - lr * decay))
            last[i] = lr
        return super().step(closure)


@whole("AdamW", "groups")
class the_second_group_decays_by_the_default(torch_api.AdamW):
    def step(self, closure=None):
        kept = [group["weight_decay"] for group in self.param_groups]
        for group in self.param_groups[1:]:
            group["weight_decay"] = self.defaults["weight_decay"]
        found = super().step(closure)
        for group, decay in zip(self.param_groups, kept, strict=True):
            group["weight_decay"] = decay
        return found


# SGD.


@update("SGD", "non-default option")
def the_first_gradient_is_dampened(right, param, grad, state, o):
    if state.b is None and o["momentum"] != 0 and o["dampening"] != 0:
        return right(param, grad, state._replace(b=torch.zeros_like(param)), **o)
    return right(param, grad, state, **o)


@update("SGD", "rate changed in mid-run")
def the_rate_is_inside_of_the_buffer(right, param, grad, state, o):
    if o["momentum"] == 0 or o["nesterov"] or o["lr"] == 0:
        return right(param, grad, state, **o)
    _, after = right(param, grad, state if state.b is None else type(state)(state.b / o["lr"]), **o)
    b = after.b * o["lr"]
    return param - b, type(state)(b)


@update("SGD", "rate changed in mid-run")
def a_step_without_momentum_forgets_the_buffer(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after if o["momentum"] != 0 else type(state)(None)


@update("SGD", "non-default option")
def nesterov_looks_ahead_with_the_old_buffer(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    if not o["nesterov"] or state.b is None:
        return moved, after
    g = (-grad if o["maximize"] else grad) + o["weight_decay"] * param
    return param - o["lr"] * (g + o["momentum"] * state.b), after


@update("SGD", "layout and dtype")
def a_parameter_with_strides_keeps_no_momentum(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after if param.is_contiguous() else type(state)(None)


@update("SGD", "layout and dtype")
def float16_buffers_are_kept_in_bfloat16(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    if param.dtype != torch.float16 or after.b is None:
        return moved, after
    return moved, type(state)(after.b.bfloat16().half())


@whole("SGD", "reload")
class the_buffer_is_not_saved(torch_api.SGD):
    def state_dict(self):
        said = super().state_dict()
        return {**said, "state": {}}


@whole("SGD", "reload")
class a_buffer_that_was_never_begun_is_loaded_as_zeros(torch_api.SGD):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            for param in group["params"]:
                if self.state[param].get("b") is None:
                    self.state[param]["b"] = torch.zeros_like(param)


@whole("SGD", "value")
class the_first_buffer_is_the_gradient_itself(torch_api.SGD):
    @torch.no_grad()
    def step(self, closure=None):
        fresh = {p: p.grad for g in self.param_groups for p in g["params"] if not self.state[p] and p.grad is not None}
        found = super().step(closure)
        for group in self.param_groups:
            plain = group["momentum"] != 0 and group["weight_decay"] == 0 and not group["maximize"]
            for param in group["params"]:
                if param in fresh and plain and param.grad is fresh[param]:
                    self.state[param]["b"] = param.grad
        return found


@whole("SGD", "groups")
class a_group_with_no_momentum_takes_that_of_the_defaults(torch_api.SGD):
    def step(self, closure=None):
        kept = [group["momentum"] for group in self.param_groups]
        for group in self.param_groups:
            group["momentum"] = group["momentum"] or self.defaults["momentum"]
        found = super().step(closure)
        for group, momentum in zip(self.param_groups, kept, strict=True):
            group["momentum"] = momentum
        return found


@whole("SGD", "value")
class the_closure_is_called_without_gradients(torch_api.SGD):
    @torch.no_grad()
    def step(self, closure=None):
        found = None if closure is None else closure()
        super().step()
        return found


@whole("SGD", "validation")
class nesterov_needs_no_momentum(torch_api.SGD):
    def __init__(self, *args, **options):
        wrong = options.get("nesterov") and not options.get("momentum", 0) > 0 and options.get("momentum", 0) == 0
        super().__init__(*args, **{**options, "nesterov": False} if wrong else options)


# RMSprop.


@update("RMSprop", "small effect")
def centered_has_eps_under_the_root(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    if not o["centered"] or o["momentum"] > 0:
        return moved, after
    g = (-grad if o["maximize"] else grad) + (o["weight_decay"] * param if o["weight_decay"] != 0 else 0.0)
    w = (after.v - after.a**2).clamp(min=0)
    return param - o["lr"] * g / (w + o["eps"]).sqrt(), after


@update("RMSprop", "rate changed in mid-run")
def the_momentum_holds_the_rate(right, param, grad, state, o):
    if not o["momentum"] > 0 or o["lr"] == 0:
        return right(param, grad, state, **o)
    _, after = right(param, grad, state._replace(b=state.b / o["lr"]), **o)
    b = after.b * o["lr"]
    return param - b, after._replace(b=b)


@update("RMSprop", "special values")
def a_variance_below_zero_is_not_cut(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    if not o["centered"]:
        return moved, after
    return torch.where(after.v - after.a**2 < 0, math.nan, moved), after


@update("RMSprop", "non-default option")
def a_mean_is_kept_when_it_is_not_asked_for(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    if o["centered"]:
        return moved, after
    g = (-grad if o["maximize"] else grad) + o["weight_decay"] * param
    return moved, after._replace(a=o["alpha"] * state.a + (1 - o["alpha"]) * g)


@whole("RMSprop", "reload")
class the_mean_gradient_is_not_saved(torch_api.RMSprop):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for state in self.state.values():
            if "a" in state:
                state["a"] = torch.zeros_like(state["a"])


@whole("RMSprop", "groups")
class alpha_is_that_of_the_last_group(torch_api.RMSprop):
    def step(self, closure=None):
        kept = [group["alpha"] for group in self.param_groups]
        for group in self.param_groups:
            group["alpha"] = kept[-1]
        found = super().step(closure)
        for group, alpha in zip(self.param_groups, kept, strict=True):
            group["alpha"] = alpha
        return found


# Adagrad and Adadelta.


@update("Adagrad", "non-default option")
def the_decay_of_the_rate_begins_one_step_early(right, param, grad, state, o):
    moved, after = right(param, grad, state._replace(t=state.t + 1), **o)
    return moved, after._replace(t=state.t + 1)


@update("Adagrad", "small effect")
def eps_joins_the_sum(right, param, grad, state, o):
    _, after = right(param, grad, state, **o)
    g = (-grad if o["maximize"] else grad) + (o["weight_decay"] * param if o["weight_decay"] != 0 else 0.0)
    rate = o["lr"] / (1 + state.t * o["lr_decay"])
    return param - rate * g / (after.total + o["eps"] ** 2).sqrt(), after


@update("Adagrad", "many steps")
def the_sum_stops_at_the_eighth_step(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after if after.t < 8 else after._replace(total=state.total)


@whole("Adagrad", "groups")
class a_group_starts_its_sums_from_the_default(torch_api.Adagrad):
    def step(self, closure=None):
        kept = [group["initial_accumulator_value"] for group in self.param_groups]
        for group in self.param_groups[1:]:
            group["initial_accumulator_value"] = self.defaults["initial_accumulator_value"]
        found = super().step(closure)
        for group, start in zip(self.param_groups, kept, strict=True):
            group["initial_accumulator_value"] = start
        return found


@whole("Adagrad", "skipped gradients")
class the_rate_decays_by_the_calls_of_step(torch_api.Adagrad):
    def step(self, closure=None):
        for state in self.state.values():
            if "t" in state:
                state["t"] = max(state["t"], self.__dict__.get("calls", 0))
        self.calls = self.__dict__.get("calls", 0) + 1
        return super().step(closure)


@update("Adadelta", "value")
def the_step_uses_the_steps_so_far_with_this_one(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    if param.dim() < 2:
        return moved, after
    return right(param, grad, state._replace(u=after.u), **o)[0], after


@update("Adadelta", "small effect")
def eps_is_beside_the_root_of_the_squares(right, param, grad, state, o):
    _, after = right(param, grad, state, **o)
    g = (-grad if o["maximize"] else grad) + (o["weight_decay"] * param if o["weight_decay"] != 0 else 0.0)
    d = (state.u + o["eps"]).sqrt() / (after.v.sqrt() + o["eps"] ** 0.5) * g
    return param - o["lr"] * d, after._replace(u=o["rho"] * state.u + (1 - o["rho"]) * d**2)


@update("Adadelta", "non-default option")
def the_mean_of_the_steps_has_the_rate_in_it(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after._replace(u=o["rho"] * state.u + (after.u - o["rho"] * state.u) * o["lr"] ** 2)


# Adamax, NAdam, RAdam.


@update("Adamax", "small effect")
def eps_is_added_after_the_maximum(right, param, grad, state, o):
    _, after = right(param, grad, state, **o)
    beta1, beta2 = o["betas"]
    g = (-grad if o["maximize"] else grad) + (o["weight_decay"] * param if o["weight_decay"] != 0 else 0.0)
    u = torch.maximum(beta2 * state.u, g.abs())
    return param - o["lr"] / (1 - beta1**after.t) * after.m / (u + o["eps"]), after._replace(u=u)


@update("Adamax", "special values")
def the_larger_of_nan_and_a_number_is_the_number(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    good = grad.nan_to_num(0.0)
    fine, fresh = right(param, good, state, **o)
    once = grad.isnan() & (state.u > 0)
    return torch.where(once, fine, moved), after._replace(
        u=torch.where(once, fresh.u, after.u), m=torch.where(once, fresh.m, after.m)
    )


@update("Adamax", "many steps")
def the_maximum_is_never_less_than_the_first(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after._replace(u=torch.maximum(after.u, state.u * 0.9995)) if o["betas"][1] < 0.9995 else after


@update("NAdam", "many steps")
def from_the_third_step_on_the_count_is_one_less(right, param, grad, state, o):
    if state.t < 2:
        return right(param, grad, state, **o)
    moved, after = right(param, grad, state._replace(t=state.t - 1), **o)
    return moved, after._replace(t=state.t + 1)


@whole("NAdam", "reload")
class the_product_of_the_weights_is_not_saved(torch_api.NAdam):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for state in self.state.values():
            if "p" in state:
                state["p"] = 1.0


@whole("NAdam", "skipped gradients")
class parameters_share_the_product_of_the_weights(torch_api.NAdam):
    def step(self, closure=None):
        found = super().step(closure)
        states = [self.state[p] for group in self.param_groups for p in group["params"] if self.state[p]]
        for state in states:
            state["p"] = min(other["p"] for other in states)
        return found


@update("NAdam", "small effect")
def the_product_of_the_weights_is_kept_in_float32(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after._replace(p=float(torch.tensor(float(after.p), dtype=torch.float32)))


@update("RAdam", "many steps")
def rectified_from_four_on(right, param, grad, state, o):
    beta2 = o["betas"][1]
    t = state.t + 1
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    moved, after = right(param, grad, state, **o)
    if not 4 < length <= 5 or longest <= 5:
        return moved, after
    r = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
    still, _ = right(param, grad, state, **changed(o, lr=0.0))
    scale = (1 - beta2**t) ** 0.5 / (after.v.sqrt() + o["eps"])
    decay = 1 - o["lr"] * o["weight_decay"] if o["decoupled_weight_decay"] else 1.0
    return still * decay - o["lr"] * r * after.m / (1 - o["betas"][0] ** t) * scale, after


@update("RAdam", "small effect")
def eps_is_added_after_the_correction(right, param, grad, state, o):
    beta2 = o["betas"][1]
    return right(param, grad, state, **changed(o, eps=o["eps"] * (1 - beta2 ** (state.t + 1)) ** 0.5))


@update("RAdam", "non-default option")
def decoupled_decay_is_rectified_too(right, param, grad, state, o):
    if not o["decoupled_weight_decay"] or state.t > 4:
        return right(param, grad, state, **o)
    return right(param, grad, state, **changed(o, weight_decay=0.0))


# Rprop and ASGD.


@update("Rprop", "value")
def a_gradient_that_turned_is_kept(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after._replace(previous=-grad if o["maximize"] else grad)


@update("Rprop", "rate changed in mid-run")
def the_largest_size_is_multiplied_by_the_rate(right, param, grad, state, o):
    return (
        right(param, grad, state, **o)
        if state.size is None or o["lr"] == 0
        else right(
            param,
            grad,
            state._replace(size=torch.minimum(state.size, state.size * 0 + o["step_sizes"][1] * o["lr"])),
            **o,
        )
    )


@update("Rprop", "boundary equality")
def sizes_are_held_only_where_they_change(right, param, grad, state, o):
    _, after = right(param, grad, state, **o)
    size = torch.zeros_like(param) + o["lr"] if state.size is None else state.size
    turn = (-grad if o["maximize"] else grad) * state.previous
    after = after._replace(size=torch.where(turn == 0, size, after.size))
    sign = torch.where(after.previous.isnan(), after.previous, after.previous.sign())
    return param - sign * after.size, after


@update("Rprop", "special values")
def the_sign_of_nan_is_zero(right, param, grad, state, o):
    return right(param, grad.nan_to_num(nan=0.0, posinf=math.inf, neginf=-math.inf), state, **o)


@update("ASGD", "boundary equality")
def the_average_begins_one_step_late(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after._replace(weight=1 / max(1, after.t - o["t0"] - 1))


@update("ASGD", "rate changed in mid-run")
def the_rate_never_changes_after_the_first_step(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    if state.rate is None:
        return moved, after
    before = (1 + o["lambd"] * o["lr"] * state.t) ** o["alpha"]
    first = state.rate * before if state.t else o["lr"]
    return moved, after._replace(rate=first / (1 + o["lambd"] * first * after.t) ** o["alpha"])


@update("ASGD", "non-default option")
def the_shrinking_has_the_rate_of_the_option(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    rate = o["lr"] if state.rate is None else state.rate
    return moved - o["lambd"] * (o["lr"] - rate) * param, after


@whole("ASGD", "reload")
class the_average_begins_anew_from_the_parameter(torch_api.ASGD):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for param, state in self.state.items():
            if state.get("ax") is not None:
                state["ax"] = param.detach().clone()


# LBFGS.


@update("LBFGS", "many steps")
def the_history_is_one_pair_too_long(right, param, grad, state, o):
    return right(param, grad, state, **changed(o, history_size=o["history_size"] + 1))


@whole("LBFGS", "value")
class the_last_loss_is_returned(torch_api.LBFGS):
    def step(self, closure=None):
        found = []

        def seen():
            found.append(closure())
            return found[-1]

        super().step(None if closure is None else seen)
        return found[-1]


@whole("LBFGS", "reload")
class the_pairs_are_not_saved(torch_api.LBFGS):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        for state in self.state.values():
            if "pairs" in state:
                state["pairs"] = ()


@update("LBFGS", "many steps")
def the_first_iteration_of_a_late_step_is_short(right, param, grad, state, o):
    return right(param, grad, state._replace(n=0 if len(state.pairs) > 2 else state.n), **o)


@update("LBFGS", "non-default option")
def the_limit_of_evaluations_is_that_of_iterations(right, param, grad, state, o):
    most = o["max_iter"] if o["max_eval"] is None and o["line_search_fn"] else o["max_eval"]
    return right(param, grad, state, **changed(o, max_eval=most))


@update("LBFGS", "boundary equality")
def a_gradient_at_the_tolerance_is_not_small_enough(right, param, grad, state, o):
    return right(param, grad, state, **changed(o, tolerance_grad=o["tolerance_grad"] * (1 - 1e-12)))


# Muon, Adafactor, SparseAdam.


@made.rule("Muon", "small effect")
def eps_is_added_to_the_norm(right):
    def orthogonalised(u, coefficients, eps, steps):
        return right.orthogonalised(u, coefficients, float(torch.linalg.vector_norm(u)) + eps, steps)

    return {"orthogonalised": orthogonalised}


@update("Muon", "non-default option")
def a_wide_matrix_has_the_ratio_of_a_tall_one(right, param, grad, state, o):
    rows, columns = param.shape
    if o["adjust_lr_fn"] == "match_rms_adamw" or rows >= columns or rows == 0:
        return right(param, grad, state, **o)
    return right(
        param,
        grad,
        state,
        **changed(o, lr=o["lr"] * (columns / rows) ** 0.5, weight_decay=o["weight_decay"] * (rows / columns) ** 0.5),
    )


@update("Muon", "non-default option")
def the_decay_has_the_ratio_too(right, param, grad, state, o):
    rows, columns = param.shape
    if rows <= columns or columns == 0:
        return right(param, grad, state, **o)
    return right(param, grad, state, **changed(o, weight_decay=o["weight_decay"] * (rows / columns) ** 0.5))


@update("Muon", "rate changed in mid-run")
def the_buffer_shrinks_with_a_small_rate(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after._replace(
        b=after.b * (o["lr"] / (o["lr"] + 1e-3)) if o["lr"] < 0.01 and o["lr"] > 0 else after.b
    )


@whole("Muon", "groups")
class nesterov_is_that_of_the_first_group(torch_api.Muon):
    def step(self, closure=None):
        kept = [group["nesterov"] for group in self.param_groups]
        for group in self.param_groups:
            group["nesterov"] = kept[0]
        found = super().step(closure)
        for group, nesterov in zip(self.param_groups, kept, strict=True):
            group["nesterov"] = nesterov
        return found


@update("Adafactor", "non-default option")
def eps_of_none_is_that_of_float32(right, param, grad, state, o):
    eps = (torch.finfo(torch.float32).eps, o["eps"][1]) if o["eps"][0] is None else o["eps"]
    return right(param, grad, state, **changed(o, eps=eps))


@update("Adafactor", "small effect")
def the_size_of_the_parameter_is_taken_after_the_decay(right, param, grad, state, o):
    if o["weight_decay"] == 0:
        return right(param, grad, state, **o)
    return right((1 - o["lr"] * o["weight_decay"]) * param, grad, state, **changed(o, weight_decay=0.0))


@update("Adafactor", "layout and dtype")
def matrices_of_a_stack_share_their_mean(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    if param.dim() < 3 or param.shape[0] < 2:
        return moved, after
    return moved, after._replace(rows=after.rows.mean(0, keepdim=True).expand_as(after.rows).clone())


@update("Adafactor", "many steps")
def the_rate_falls_as_the_step_count(right, param, grad, state, o):
    return (
        right(param, grad, state, **changed(o, lr=min(o["lr"], 1 / (state.t + 1))))
        if o["weight_decay"] == 0
        else right(param, grad, state, **o)
    )


@update("SparseAdam", "value")
def a_row_stored_twice_takes_the_last_value(right, param, grad, state, o):
    if not grad.is_sparse or grad.is_coalesced():
        return right(param, grad, state, **o)
    last = {int(i): n for n, i in enumerate(grad._indices()[0])}
    order = list(last.values())
    once = torch.sparse_coo_tensor(grad._indices()[:, order], grad._values()[order], grad.shape)
    return right(param, once, state, **o)


@update("SparseAdam", "skipped gradients")
def a_gradient_that_stores_nothing_does_not_count(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    return moved, after if grad._nnz() else state


@update("SparseAdam", "special values")
def a_stored_zero_is_not_stored(right, param, grad, state, o):
    moved, after = right(param, grad, state, **o)
    dense = grad.coalesce().to_dense()
    gone = dense == 0
    return torch.where(gone, param, moved), after._replace(
        m=torch.where(gone, state.m, after.m), v=torch.where(gone, state.v, after.v)
    )


@update("SparseAdam", "small effect")
def eps_is_added_to_the_corrected_root(right, param, grad, state, o):
    beta2 = o["betas"][1]
    return right(param, grad, state, **changed(o, eps=o["eps"] * (1 - beta2 ** (state.t + 1)) ** 0.5))


MUTANTS = made.mutants
