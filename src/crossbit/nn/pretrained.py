"""Pretrained dual encoders such as CLIP and SigLIP as two towers, which can be fine-tuned and saved without pickle."""

from __future__ import annotations

import json
from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..data.pairs import Modality
from ..errors import InputError
from ..io.hub import load_dual_encoder, load_pretrained, model_folder, projections, transformers_package

#: Prefixes of the parameter names of each side.
_SIDES: dict[Modality, tuple[str, ...]] = {"image": ("vision", "visual"), "text": ("text",)}


@final
class Pretrained(nn.Module):
    """One side of a dual encoder: projects pixels `(n, height, width, 3)` of 0 to 255, or token ids `(n, length)`.

    `options` are the model's configuration as plain data, from which it is rebuilt without its files. Pixels are
    normalised by `mean` and `std`; a negative id is padding, which the attention mask leaves out.
    """

    def __init__(self, modality: Modality, options: dict[str, Any], mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.modality, self.options, self.mean, self.std = modality, options, mean, std
        self.model = _built(options)
        own = _SIDES[modality]
        for name in [name for name, _ in (*self.model.named_children(), *self.model.named_parameters(recurse=False))]:
            if not name.startswith(own):
                delattr(self.model, name)

    @property
    def description(self) -> dict[str, Any]:
        """The configuration that rebuilds the module, without its weights."""
        return {"modality": self.modality, "options": self.options, "mean": self.mean, "std": self.std}

    def forward(self, x: Tensor) -> Float[Tensor, "n dim"]:
        """Return a vector for each picture or text."""
        try:
            rows: Tensor = projections(self._of_pixels(x) if self.modality == "image" else self._of_ids(x))
        except ValueError as fault:
            raise InputError(
                f"{fault}; take the model's own inputs, as in --features 'clip(model=...,inputs=true)'"
            ) from None
        return rows

    def _of_pixels(self, x: Tensor) -> Any:
        mean, std = (torch.tensor(values, device=x.device) for values in (self.mean, self.std))
        return self.model.get_image_features(pixel_values=((x / 255 - mean) / std).movedim(-1, 1))

    def _of_ids(self, x: Tensor) -> Any:
        seen = (x >= 0).long()
        return self.model.get_text_features(input_ids=x * seen, attention_mask=seen)


def pretrained_towers(name: str, revision: str = "main") -> tuple[Pretrained, Pretrained]:
    """Return the image tower and the text tower of a model, given as a folder or as a name on the hub."""
    folder = model_folder(name, revision)
    model, processor = load_dual_encoder(folder), load_pretrained(folder, "AutoImageProcessor")
    options = _plain(json.loads(model.config.to_json_string(use_diff=False)))
    mean, std = ([*map(float, values)] for values in (processor.image_mean, processor.image_std))
    towers = Pretrained("image", options, mean, std), Pretrained("text", options, [], [])
    for side in towers:
        side.model.load_state_dict({key: model.state_dict()[key] for key in side.model.state_dict()})
    return towers


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration without entries of this machine, such as the model's path."""
    kept = {key: value for key, value in options.items() if not key.startswith("_")}
    return {key: _plain(value) if isinstance(value, dict) else value for key, value in kept.items()}


def _built(options: dict[str, Any]) -> Any:
    """Return a model with random weights; eager attention computes the same on every machine."""
    transformers = transformers_package()
    try:
        kind = options["model_type"]
        config = transformers.AutoConfig.for_model(kind, **{k: v for k, v in options.items() if k != "model_type"})
        model = transformers.AutoModel.from_config(config, attn_implementation="eager", trust_remote_code=False)
    except Exception as fault:  # transformers raises many types for a configuration that it does not know
        raise InputError(f"no model can be built of this configuration: {fault}; refit the model") from None
    return model.float()
