"""Faulty schedulers."""

# mypy: disallow-subclassing-any=False

import math

import torch

from tests.outside.making import Makings
from torchstone.reference import torch_api

made = Makings()
rate, whole, rule = made.rate, made.whole, made.rule


# Staircases and chains.


@rate("StepLR", "boundary equality")
def every_second_step_comes_late(right, t, base, o):
    n = o["step_size"]
    return right(t - 1 if t and t % n == 0 and (t // n) % 2 == 0 else t, base, **o)


@rate("StepLR", "small effect")
def the_rate_is_rounded_to_float32(right, t, base, o):
    lr = right(t, base, **o)
    return lr if t == 0 else float(torch.tensor(float(lr), dtype=torch.float32))


@rate("StepLR", "special values")
def gamma_of_zero_is_taken_for_one(right, t, base, o):
    return right(t, base, **{**o, "gamma": o["gamma"] or 1.0})


@whole("StepLR", "reload")
class the_counter_is_saved_one_short(torch_api.StepLR):
    def state_dict(self):
        said = super().state_dict()
        late = said["last_epoch"] > 2
        return {**said, "last_epoch": said["last_epoch"] - 1} if late else said


@whole("StepLR", "reload")
class resumed_it_repeats_a_step(torch_api.StepLR):
    def __init__(self, optimizer, step_size, gamma=0.1, last_epoch=-1):
        again = last_epoch >= 1 and (last_epoch + 1) % step_size == 0
        super().__init__(optimizer, step_size, gamma, last_epoch - 1 if again else last_epoch)


@whole("StepLR", "rate changed in mid-run")
class a_rate_set_by_hand_is_forgotten(torch_api.StepLR):
    def step(self, *args, **options):
        self.written = self.get_last_lr()
        super().step(*args, **options)


@rate("MultiStepLR", "boundary equality")
def a_milestone_given_twice_counts_once(right, t, base, o):
    return right(t, base, **{**o, "milestones": sorted(set(o["milestones"]))})


@rate("MultiStepLR", "boundary equality")
def a_milestone_of_zero_is_never_reached(right, t, base, o):
    return right(t, base, **{**o, "milestones": [m for m in o["milestones"] if m != 0]})


@rate("MultiStepLR", "non-default option")
def milestones_out_of_order_end_the_search(right, t, base, o):
    reached = 0
    for milestone in o["milestones"]:
        if milestone > t:
            break
        reached += 1
    return base * o["gamma"] ** reached


@rate("MultiStepLR", "many steps")
def after_the_last_milestone_it_goes_on_falling(right, t, base, o):
    last = max(o["milestones"], default=0)
    return right(t, base, **o) * (o["gamma"] if t > last + 12 and o["milestones"] else 1.0)


@rate("ExponentialLR", "many steps")
def the_power_stops_at_twenty(right, t, base, o):
    return right(min(t, 20), base, **o)


@rate("ExponentialLR", "small effect")
def gamma_is_a_float32(right, t, base, o):
    return right(t, base, **{**o, "gamma": float(torch.tensor(float(o["gamma"]), dtype=torch.float32))})


@whole("ExponentialLR", "groups")
class all_groups_take_the_rate_of_the_first_ratio(torch_api.ExponentialLR):
    def write(self):
        super().write()
        groups = self.optimizer.param_groups
        if self.last_epoch > 0 and len(groups) > 2:
            groups[-1]["lr"] = groups[-2]["lr"]
            self.written = self.get_last_lr()


@rate("LinearLR", "boundary equality")
def the_last_step_of_the_line_is_left_out(right, t, base, o):
    n = o["total_iters"]
    return right(n, base, **o) if t == n - 1 and n > 3 else right(t, base, **o)


@rate("LinearLR", "non-default option")
def an_end_of_zero_is_taken_for_one(right, t, base, o):
    return right(t, base, **{**o, "end_factor": o["end_factor"] or 1.0})


@rate("LinearLR", "special values")
def no_steps_at_all_leave_the_start(right, t, base, o):
    return base * o["start_factor"] if o["total_iters"] == 0 else right(t, base, **o)


@whole("LinearLR", "composition")
class it_undoes_what_another_scheduler_does(torch_api.LinearLR):
    def step(self, *args, **options):
        super().step(*args, **options)
        driving = self.driving
        if len(driving) > 1 and driving[0] is not self:
            for group, lr in zip(self.optimizer.param_groups, self.schedule.lrs, strict=True):
                group["lr"] = float(lr)
            for own in driving:
                own.written = self.get_last_lr()


@rate("ConstantLR", "boundary equality")
def it_lasts_one_step_longer(right, t, base, o):
    return right(t, base, **{**o, "total_iters": o["total_iters"] + (o["total_iters"] > 0)})


@rate("ConstantLR", "special values")
def a_factor_of_zero_leaves_the_rate_at_zero(right, t, base, o):
    return base * 0.0 if o["factor"] == 0 and o["total_iters"] > 0 else right(t, base, **o)


@rate("PolynomialLR", "non-default option")
def a_power_below_one_is_taken_for_one(right, t, base, o):
    return right(t, base, **{**o, "power": max(o["power"], 1.0)})


@rate("PolynomialLR", "boundary equality")
def at_the_end_it_keeps_the_last_rate(right, t, base, o):
    return right(min(t, o["total_iters"] - 1) if o["total_iters"] > 4 else t, base, **o)


@whole("PolynomialLR", "reload")
class the_base_rates_are_not_saved(torch_api.PolynomialLR):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        if self.last_epoch > 0 and self.last_epoch < self.schedule.options["total_iters"]:
            lrs = [float(group["lr"]) for group in self.optimizer.param_groups]
            self.schedule.base_lrs = [torch.tensor(lr, dtype=torch.float64) for lr in lrs]


# Cosines.


@rate("CosineAnnealingLR", "many steps")
def after_the_end_it_stays_at_the_floor(right, t, base, o):
    return right(min(t, o["T_max"]), base, **o)


@rate("CosineAnnealingLR", "non-default option")
def a_floor_above_the_base_rate_is_not_reached(right, t, base, o):
    return (
        right(t, base, **{**o, "eta_min": min(float(o["eta_min"]), float(base))}) if base > 0 else right(t, base, **o)
    )


@whole("CosineAnnealingLR", "reload")
class the_step_after_loading_is_left_out(torch_api.CosineAnnealingLR):
    def load_state_dict(self, state_dict):
        super().load_state_dict({**state_dict, "last_epoch": state_dict["last_epoch"] + (state_dict["last_epoch"] > 0)})


@rate("CosineAnnealingLR", "small effect")
def pi_has_seven_digits(right, t, base, o):
    share = (1 + math.cos(3.1415927 * t / o["T_max"])) / 2
    return o["eta_min"] + (base - o["eta_min"]) * share


@whole("CosineAnnealingLR", "rate changed in mid-run")
class the_rate_that_was_set_counts_as_the_base(torch_api.CosineAnnealingLR):
    def step(self, *args, **options):
        for i, (lr, written) in enumerate(zip(self.get_last_lr(), self.written, strict=True)):
            if lr != written:
                self.schedule.base_lrs[i] = torch.tensor(lr, dtype=torch.float64)
        self.written = self.get_last_lr()
        super().step(*args, **options)


@rate("CosineAnnealingWarmRestarts", "boundary equality")
def the_third_restart_comes_one_step_late(right, t, base, o):
    starts, length = [0], o["T_0"]
    while starts[-1] <= t:
        starts.append(starts[-1] + length)
        length *= o["T_mult"]
    return o["eta_min"] if t in starts[3:] else right(t, base, **o)


@rate("CosineAnnealingWarmRestarts", "non-default option")
def cycles_grow_from_the_third_on(right, t, base, o):
    n = o["T_0"]
    if o["T_mult"] == 1 or t < 2 * n:
        return right(t % n if t < 2 * n else t, base, **o)
    return right(t - n, base, **o)


@rate("CosineAnnealingWarmRestarts", "non-default option")
def a_fraction_of_an_epoch_is_cut_off(right, t, base, o):
    return right(int(t) if t == t and 0 <= t < math.inf else t, base, **o)


@rate("CosineAnnealingWarmRestarts", "boundary equality")
def the_cycle_is_found_by_a_logarithm(right, t, base, o):
    first, times = o["T_0"], o["T_mult"]
    if times == 1 or not 0 <= t < math.inf or t < first:
        return right(t, base, **o)
    n = int(math.log(t / first * (times - 1) + 1, times))
    start, length = first * (times**n - 1) / (times - 1), first * times**n
    return o["eta_min"] + (base - o["eta_min"]) * (1 + math.cos(math.pi * (t - start) / length)) / 2


@whole("CosineAnnealingWarmRestarts", "composition")
class a_step_after_a_given_epoch_goes_on_from_the_count(torch_api.CosineAnnealingWarmRestarts):
    def step(self, value=None, **options):
        calls = self.__dict__.setdefault("calls", 0) + 1
        self.calls = calls
        if value is None and options.get("epoch") is None and self.__dict__.get("given"):
            options["epoch"] = calls
        self.given = self.__dict__.get("given", False) or value is not None
        super().step(value, **options)


# Cycles.


@rate("CyclicLR", "non-default option")
def the_way_down_is_as_long_as_the_way_up(right, t, base, o):
    down = o["step_size_down"]
    return right(t, base, **{**o, "step_size_down": None if down is not None and down > 3 else down})


@rate("CyclicLR", "many steps")
def the_third_cycle_is_as_high_as_the_second(right, t, base, o):
    total = o["step_size_up"] + (o["step_size_down"] or o["step_size_up"])
    return right(t - total if o["mode"] == "triangular2" and 2 * total < t < 3 * total else t, base, **o)


@rate("CyclicLR", "non-default option")
def exp_range_counts_cycles(right, t, base, o):
    if o["mode"] != "exp_range" or o["scale_fn"] is not None:
        return right(t, base, **o)
    total = o["step_size_up"] + (o["step_size_down"] or o["step_size_up"])
    plain = right(t, base, **{**o, "mode": "triangular"})
    return o["base_lr"] + (plain - o["base_lr"]) * o["gamma"] ** (t // total)


@rule("CyclicLR", "non-default option")
def the_momentum_is_not_scaled(right):
    def momentum(t, **o):
        return right.momentum(t, **{**o, "mode": "triangular", "scale_fn": None})

    return {"momentum": momentum}


@rate("CyclicLR", "boundary equality")
def at_the_top_it_is_already_on_the_way_down(right, t, base, o):
    total = o["step_size_up"] + (o["step_size_down"] or o["step_size_up"])
    return right(t + 1 if t % total == o["step_size_up"] and total > 2 else t, base, **o)


@whole("CyclicLR", "groups")
class momentum_goes_to_the_first_group_alone(torch_api.CyclicLR):
    def write(self):
        kept = [{n: g[n] for n in ("betas", "momentum") if n in g} for g in self.optimizer.param_groups]
        super().write()
        for group, before in list(zip(self.optimizer.param_groups, kept, strict=True))[1:]:
            group.update(before)


@rate("OneCycleLR", "boundary equality")
def the_top_comes_one_step_early(right, t, base, o):
    total = o["total_steps"] or o["epochs"] * o["steps_per_epoch"]
    top = float(o["pct_start"]) * total - 1
    return right(t + 1 if t == top - 1 and not o["three_phase"] and t > 0 else t, base, **o)


@rate("OneCycleLR", "non-default option")
def three_phases_end_at_the_first_rate(right, t, base, o):
    return right(t, base, **{**o, "final_div_factor": 1.0 if o["three_phase"] else o["final_div_factor"]})


@rate("OneCycleLR", "non-default option")
def the_last_rate_is_a_part_of_the_largest(right, t, base, o):
    return right(t, base, **{**o, "final_div_factor": o["final_div_factor"] / o["div_factor"]})


@rate("OneCycleLR", "validation")
def beyond_the_last_step_the_rate_stays(right, t, base, o):
    total = o["total_steps"] or o["epochs"] * o["steps_per_epoch"]
    return right(min(t, total), base, **o)


@rule("OneCycleLR", "non-default option")
def the_momentum_is_always_annealed_by_the_cosine(right):
    def momentum(t, **o):
        return right.momentum(t, **{**o, "anneal_strategy": "cos"})

    return {"momentum": momentum}


# Functions.


@whole("LambdaLR", "groups")
class all_groups_take_the_first_function_but_the_last(torch_api.LambdaLR):
    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        if isinstance(lr_lambda, list | tuple) and len(lr_lambda) > 2 and len(lr_lambda) == len(optimizer.param_groups):
            lr_lambda = [lr_lambda[0]] * (len(lr_lambda) - 1) + [lr_lambda[-1]]
        super().__init__(optimizer, lr_lambda, last_epoch)


@whole("LambdaLR", "groups")
class a_list_of_the_wrong_length_is_filled_up(torch_api.LambdaLR):
    def __init__(self, optimizer, lr_lambda, last_epoch=-1):
        if isinstance(lr_lambda, list | tuple) and lr_lambda:
            n = len(optimizer.param_groups)
            lr_lambda = [*lr_lambda, *[lr_lambda[-1]] * n][:n]
        super().__init__(optimizer, lr_lambda, last_epoch)


@rate("LambdaLR", "boundary equality")
def nothing_is_asked_at_zero(right, t, base, o):
    return base if t == 0 else right(t, base, **o)


@rate("MultiplicativeLR", "value")
def the_first_factor_is_that_of_zero(right, t, base, o):
    lr = right(t, base, **o)
    return lr if t == 0 else base * math.prod(float(o["lr_lambda"](k)) for k in range(t))


@rate("MultiplicativeLR", "special values")
def a_factor_of_zero_is_passed_over(right, t, base, o):
    return base * math.prod(float(o["lr_lambda"](k)) or 1.0 for k in range(1, t + 1))


@whole("MultiplicativeLR", "reload")
class loading_multiplies_once_more(torch_api.MultiplicativeLR):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        if self.last_epoch > 1:
            for i, options in enumerate(self.schedule.each):
                self.schedule.base_lrs[i] = self.schedule.base_lrs[i] * options["lr_lambda"](self.last_epoch)


# Compositions.


@rate("SequentialLR", "boundary equality")
def the_third_schedule_starts_one_step_late(right, t, base, o):
    marks = o["milestones"]
    return right(t - 1 if len(marks) > 1 and t == marks[1] > marks[0] else t, base, **o)


@rate("SequentialLR", "composition")
def a_later_schedule_counts_from_the_beginning(right, t, base, o):
    index = sum(milestone <= t for milestone in o["milestones"])
    return o["schedulers"][index].rate(t if index > 1 else t - (0, *o["milestones"])[index], base)


@rate("SequentialLR", "composition")
def a_later_schedule_starts_from_the_rate_it_finds(right, t, base, o):
    marks = o["milestones"]
    index = sum(milestone <= t for milestone in marks)
    if index == 0 or marks[0] == 0:
        return right(t, base, **o)
    return right(t, right(marks[0] - 1, base, **o), **o)


@rate("SequentialLR", "composition")
def of_two_equal_milestones_the_first_counts(right, t, base, o):
    marks = list(o["milestones"])
    if len(set(marks)) == len(marks):
        return right(t, base, **o)
    index = sum(milestone <= t for milestone in sorted(set(marks)))
    return o["schedulers"][index].rate(t - (0, *sorted(set(marks)))[index], base)


@whole("SequentialLR", "reload")
class the_local_counter_begins_anew(torch_api.SequentialLR):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        marks = self.schedule.options["milestones"]
        passed = [mark for mark in marks if mark <= self.last_epoch]
        if passed and passed[-1] > 0:
            self.schedule.t = passed[-1]


@rate("ChainedScheduler", "composition")
def the_third_of_the_chain_is_left_out(right, t, base, o):
    return right(t, base, schedulers=[*o["schedulers"][:2], *o["schedulers"][3:]])


@rate("ChainedScheduler", "composition")
def the_last_of_the_chain_lags_by_a_step(right, t, base, o):
    *before, last = o["schedulers"]
    if not before or t == 0:
        return right(t, base, **o)
    return last.rate(t - 1, right(t, base, schedulers=before))


@whole("ChainedScheduler", "reload")
class the_chain_is_not_saved(torch_api.ChainedScheduler):
    def load_state_dict(self, state_dict):
        keep = self.schedule.t
        super().load_state_dict(state_dict)
        self.schedule.t = keep


# Plateaus.


def plateau(axis, **changes):
    """A fault of `update`, which is given the right one, the state, the metric, the rates and the options."""

    def decorate(fault):
        right = torch_api.ReduceLROnPlateau.rule

        def update(state, metric, lrs, **o):
            return fault(right, state, metric, lrs, o)

        made.rule("ReduceLROnPlateau", axis, update=update)(fault)
        return fault

    return decorate


@plateau("boundary equality")
def a_metric_equal_to_the_best_is_better(right, state, metric, lrs, o):
    if state.best is not None and metric == state.best and o["threshold"] == 0:
        return right.update(state._replace(best=None), metric, lrs, **o)
    return right.update(state, metric, lrs, **o)


@plateau("boundary equality")
def patience_of_zero_waits_for_one(right, state, metric, lrs, o):
    return right.update(state, metric, lrs, **{**o, "patience": max(o["patience"], 1)})


@plateau("non-default option")
def the_cooldown_is_one_step_longer(right, state, metric, lrs, o):
    return right.update(state, metric, lrs, **{**o, "cooldown": o["cooldown"] + (o["cooldown"] > 0)})


@plateau("non-default option")
def in_a_cooldown_nothing_is_the_best(right, state, metric, lrs, o):
    lrs, after = right.update(state, metric, lrs, **o)
    return lrs, after._replace(best=state.best) if state.cooldown > 0 else after


@plateau("special values")
def a_negative_best_has_its_bar_on_the_other_side(right, state, metric, lrs, o):
    if o["threshold_mode"] == "rel" and state.best is not None and state.best < 0:
        return right.update(
            state, metric, lrs, **{**o, "threshold_mode": "abs", "threshold": -float(state.best) * o["threshold"]}
        )
    return right.update(state, metric, lrs, **o)


@plateau("special values")
def a_metric_that_is_nan_is_passed_over(right, state, metric, lrs, o):
    return (list(lrs), state) if metric != metric else right.update(state, metric, lrs, **o)


@plateau("small effect")
def any_better_metric_becomes_the_best(right, state, metric, lrs, o):
    lrs, after = right.update(state, metric, lrs, **o)
    better = state.best is not None and (metric < state.best if o["mode"] == "min" else metric > state.best)
    return lrs, after._replace(best=metric) if better else after


@plateau("boundary equality")
def a_reduction_of_just_eps_is_left_out(right, state, metric, lrs, o):
    eps = float(o["eps"])
    return right.update(state, metric, lrs, **{**o, "eps": math.nextafter(eps, math.inf)})


@plateau("many steps")
def the_second_reduction_keeps_the_count(right, state, metric, lrs, o):
    new, after = right.update(state, metric, lrs, **o)
    lowered = any(a < b for a, b in zip(new, lrs, strict=True))
    return new, after._replace(bad=1) if lowered and after.bad == 0 and state.bad > 1 else after


@plateau("groups")
def a_floor_a_group_is_that_of_the_first(right, state, metric, lrs, o):
    floor = o["min_lr"]
    return right.update(
        state, metric, lrs, **{**o, "min_lr": [floor[0]] * len(lrs) if isinstance(floor, list | tuple) else floor}
    )


@whole("ReduceLROnPlateau", "reload")
class the_bad_epochs_are_not_saved(torch_api.ReduceLROnPlateau):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        self.schedule.state = self.schedule.state._replace(bad=0)


@whole("ReduceLROnPlateau", "reload")
class the_cooldown_is_not_saved(torch_api.ReduceLROnPlateau):
    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        self.schedule.state = self.schedule.state._replace(cooldown=0)


@whole("ReduceLROnPlateau", "rate changed in mid-run")
class a_rate_set_by_hand_is_overwritten(torch_api.ReduceLROnPlateau):
    def step(self, *args, **options):
        last = self.__dict__.get("mine")
        if last is not None and len(last) == len(self.optimizer.param_groups):
            for group, lr in zip(self.optimizer.param_groups, last, strict=True):
                group["lr"] = min(lr, float(group["lr"]))
        super().step(*args, **options)
        self.mine = self.get_last_lr()


@whole("ReduceLROnPlateau", "validation")
class a_factor_of_one_is_accepted(torch_api.ReduceLROnPlateau):
    def __init__(self, optimizer, mode="min", factor=0.1, *args, **options):
        super().__init__(optimizer, mode, 0.9999 if factor == 1 else factor, *args, **options)


# The rate of an average.


@rate("SWALR", "boundary equality")
def the_last_step_of_the_annealing_is_the_one_before(right, t, base, o):
    n = o["anneal_epochs"]
    return right(t - 1 if t == n > 1 else t, base, **o)


@rate("SWALR", "non-default option")
def without_annealing_the_base_rate_is_kept_for_one_step(right, t, base, o):
    return base if t == 0 and o["anneal_epochs"] == 0 else right(t, base, **o)


@whole("SWALR", "groups")
class the_last_group_takes_the_largest_rate(torch_api.SWALR):
    def __init__(self, optimizer, swa_lr, *args, **options):
        if isinstance(swa_lr, list | tuple) and len(swa_lr) == len(optimizer.param_groups) > 2:
            swa_lr = [*swa_lr[:-1], max(swa_lr)]
        super().__init__(optimizer, swa_lr, *args, **options)


# What all schedulers share.


@whole("StepLR", "groups")
class it_changes_the_decay_too(torch_api.StepLR):
    def step(self, *args, **options):
        before = self.get_last_lr()
        super().step(*args, **options)
        for group, old, new in zip(self.optimizer.param_groups, before, self.get_last_lr(), strict=True):
            if old != new and old != 0 and group.get("weight_decay"):
                group["weight_decay"] *= new / old


@whole("ExponentialLR", "composition")
class stepped_before_the_optimizer_it_does_not_count(torch_api.ExponentialLR):
    def step(self, *args, **options):
        if self.last_epoch == 0 and not any(self.optimizer.state.values()) and not self.__dict__.get("late"):
            self.late = isinstance(self.optimizer, torch_api.Adam)
            if self.late:
                return
        super().step(*args, **options)


@whole("MultiStepLR", "validation")
class a_whole_number_as_a_float_and_below_zero_is_a_milestone(torch_api.MultiStepLR):
    def __init__(self, optimizer, milestones, *args, **options):
        if isinstance(milestones, list | tuple) and all(isinstance(m, int | float) for m in milestones):
            milestones = [m for m in milestones if not m < 0]
        super().__init__(optimizer, milestones, *args, **options)


@whole("LinearLR", "validation")
class a_start_above_one_is_accepted(torch_api.LinearLR):
    def __init__(self, optimizer, start_factor=1 / 3, *args, **options):
        super().__init__(
            optimizer, min(start_factor, 1.0) if start_factor == start_factor else start_factor, *args, **options
        )


@whole("CosineAnnealingLR", "validation")
class a_last_epoch_below_minus_one_starts_anew(torch_api.CosineAnnealingLR):
    def __init__(self, optimizer, T_max, eta_min=0.0, last_epoch=-1):
        super().__init__(optimizer, T_max, eta_min, max(last_epoch, -1))


MUTANTS = made.mutants
