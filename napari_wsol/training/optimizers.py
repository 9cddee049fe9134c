"""Which weights learn how fast, and how the rates fall."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from napari_wsol.models.encoders import Encoder
from napari_wsol.models.localizer import Localizer
from napari_wsol.training.config import TrainingConfig

PROBE_SIDE = 64
"""Pixels along a side of the image that tells an encoder's stages apart."""


def make_optimizer(
    network: Localizer, config: TrainingConfig
) -> torch.optim.Optimizer:
    """An optimizer of all that requires a gradient: encoder and heads."""
    inside = {id(p) for p in network.encoder.parameters()}
    heads = [
        p
        for p in network.parameters()
        if p.requires_grad and id(p) not in inside
    ]
    groups = [
        *_encoder_groups(network.encoder, config),
        {'params': heads, 'lr': config.learning_rate_heads},
    ]
    groups = [group for group in groups if group['params']]
    if config.optimizer == 'sgd':
        return torch.optim.SGD(
            groups,
            momentum=0.9,
            nesterov=True,
            weight_decay=config.weight_decay,
        )
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay)


def rate_factor(
    step: int, total: int, per_epoch: int, config: TrainingConfig
) -> float:
    """What the rates are multiplied by at a step (an update of weights).

    A linear warm-up, then a half cosine, drops, or nothing.

    Parameters
    ----------
    total, per_epoch
        Steps of the stage and of one epoch.
    """
    warmup = config.warmup_steps
    if step < warmup:
        return (step + 1) / warmup
    factor = 1.0
    if config.schedule == 'cosine':
        share = (step - warmup) / max(1, total - warmup)
        factor = 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
    elif config.schedule == 'step':
        drops = step // (per_epoch * config.step_epochs)
        factor = config.step_factor**drops
    return config.rate_floor + (1 - config.rate_floor) * factor


def _encoder_groups(
    encoder: Encoder, config: TrainingConfig
) -> list[dict[str, Any]]:
    """One group, or one per stage where layers differ in rate."""
    rate = config.learning_rate_encoder
    if config.layer_decay == 1:
        learning = [p for p in encoder.parameters() if p.requires_grad]
        return [{'params': learning, 'lr': rate}]
    stages = encoder_stages(encoder)
    return [
        {'params': stage, 'lr': rate * config.layer_decay**depth}
        for depth, stage in enumerate(reversed(stages))
    ]


def encoder_stages(encoder: Encoder) -> list[list[nn.Parameter]]:
    """Learning weights by the first feature map that they have a part in.

    Found by asking autograd, so that it holds for any encoder, whatever its
    modules are called.
    """
    left = [p for p in encoder.parameters() if p.requires_grad]
    if not left:
        return []
    was_training = encoder.training
    encoder.eval()
    features = encoder(
        torch.zeros(1, 3, PROBE_SIDE, PROBE_SIDE, device=left[0].device)
    )
    encoder.train(was_training)
    stages = []
    for feature in features:
        gradients = torch.autograd.grad(
            feature.sum(), left, retain_graph=True, allow_unused=True
        )
        reached = [g is not None for g in gradients]
        stages.append([p for p, r in zip(left, reached, strict=True) if r])
        left = [p for p, r in zip(left, reached, strict=True) if not r]
        if not left:
            break
    stages[-1] += left
    return stages
