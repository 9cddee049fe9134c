"""Class activation maps: where a classifier saw the evidence for a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from napari_wsol.models.localizer import Localizer

ActivationMap = Literal['cam', 'grad-cam', 'grad-cam++', 'layer-cam']

LAST = -1
"""Stage of the encoder's last map, which the classifier reads."""


def grad_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM: each channel counts by its mean gradient.

    ``w_k = mean_ij dy/dA_k(i, j)`` and ``relu(sum_k w_k A_k)`` (Selvaraju et
    al., ICCV 2017, eq. 1 and 2).

    Parameters
    ----------
    activations, gradients
        ``(B, K, h, w)``: A, and what a class score y before the softmax
        changes with it.

    Returns
    -------
    Tensor
        ``(B, h, w)``, at least 0.
    """
    weights = gradients.mean((2, 3), keepdim=True)
    return (weights * activations).sum(1).relu()


def grad_cam_plus_plus(activations: Tensor, gradients: Tensor) -> Tensor:
    """Grad-CAM++: each channel counts by its weighted positive gradients.

    With g the gradient of the score, ``alpha = g^2 / (2 g^2 + g^3 sum_ab
    A_k(a, b))``, ``w_k = sum_ij alpha relu(g)`` and ``relu(sum_k w_k A_k)``
    (Chattopadhay et al., WACV 2018, eq. 5 and 19; the factor exp(y) is left
    out, which no stretched map shows). Parameters as for ``grad_cam``.
    """
    squares = gradients.square()
    total = activations.sum((2, 3), keepdim=True)
    below = 2 * squares + squares * gradients * total
    alpha = torch.where(below != 0, squares / below, 0)
    weights = (alpha * gradients.relu()).sum((2, 3), keepdim=True)
    return (weights * activations).sum(1).relu()


def layer_cam(activations: Tensor, gradients: Tensor) -> Tensor:
    """LayerCAM: each cell of each channel counts by its positive gradient.

    ``relu(sum_k relu(dy/dA_k(i, j)) A_k(i, j))`` (Jiang et al., IEEE TIP 30,
    2021, eq. 6-8), also for finer maps than the last. Parameters as for
    ``grad_cam``.
    """
    return (gradients.relu() * activations).sum(1).relu()


_OF_GRADIENTS: dict[ActivationMap, Callable[[Tensor, Tensor], Tensor]] = {
    'grad-cam': grad_cam,
    'grad-cam++': grad_cam_plus_plus,
    'layer-cam': layer_cam,
}


def stretched(maps: Tensor) -> Tensor:
    """``(B, h, w)``, each between its own minimum and maximum; flat ones 0."""
    low = maps.amin((1, 2), keepdim=True)
    width = maps.amax((1, 2), keepdim=True) - low
    return torch.where(width > 0, (maps - low) / width, 0)


def map_of_features(
    network: Localizer, features: Tensor, target: int, kind: ActivationMap
) -> Tensor:
    """The raw map of a class from the encoder's last map.

    ``'cam'`` is the classifier's own map of the class, ``sum_k w_k A_k`` and
    its bias (Zhou et al., CVPR 2016, eq. 2); whatever the pooling, it is
    where the score comes from. The others follow the score's gradient, which
    is taken whether or not gradients are wanted outside.

    Parameters
    ----------
    network
        In eval mode; its weights stay as they are.
    features
        ``(B, K, h, w)``.
    target
        Index of the class.

    Returns
    -------
    Tensor
        ``(B, h, w)`` float32, not stretched.
    """
    if kind == 'cam':
        with torch.no_grad():
            maps: Tensor = network.classifier(features)
            return maps[:, target].float()
    with torch.inference_mode(False), torch.enable_grad():
        leaf = features.detach().clone().requires_grad_()
        score = _score(network, leaf, target)
        (gradients,) = torch.autograd.grad(score, leaf)
    return _OF_GRADIENTS[kind](leaf.detach().float(), gradients.float())


def activation_map(
    network: Localizer,
    images: Tensor,
    target: int,
    kind: ActivationMap,
    *,
    stage: int = LAST,
) -> Tensor:
    """The raw map of a class at one of the encoder's stages.

    Parameters
    ----------
    network
        In eval mode; its weights stay as they are.
    images
        ``(B, 3, H, W)``, normalised.
    target
        Index of the class.
    stage
        Which of the encoder's maps, finest first.

    Returns
    -------
    Tensor
        ``(B, H/s, W/s)`` float32, s being the stage's stride; not stretched.

    Raises
    ------
    ValueError
        For ``'cam'`` of another stage than the last: the classifier does not
        read it.
    """
    if stage in (LAST, len(network.encoder.strides) - 1):
        with torch.no_grad():
            last = network.encoder(images)[LAST]
        return map_of_features(network, last, target, kind)
    if kind == 'cam':
        raise ValueError("'cam' is of the encoder's last stage")
    with torch.inference_mode(False), torch.enable_grad():
        leaf = images.detach().clone().requires_grad_()
        features = network.encoder(leaf)
        score = _score(network, features[LAST], target)
        (gradients,) = torch.autograd.grad(score, features[stage])
    activations = features[stage].detach()
    return _OF_GRADIENTS[kind](activations.float(), gradients.float())


def _score(network: Localizer, features: Tensor, target: int) -> Tensor:
    """A class's score, summed over the images."""
    scores = network.image_scores(network.classifier(features))
    return scores[:, target].sum()
