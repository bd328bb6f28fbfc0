"""A CLIP of two layers with random weights, a BPE of our own and CLIP's preprocessing at 32 pixels."""

import json
from pathlib import Path

LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
TOKENS = [*LETTERS, *(f"{letter}</w>" for letter in LETTERS), "re", "red</w>", "<|startoftext|>", "<|endoftext|>"]
START, END = len(TOKENS) - 2, len(TOKENS) - 1


def write(path: Path) -> Path:
    """Write the model into a folder."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {"vocab_size": len(TOKENS), "max_position_embeddings": 16, "bos_token_id": START, "eos_token_id": END}
    config = CLIPConfig(
        text_config=small | text | {"pad_token_id": END},
        vision_config=small | {"image_size": 32, "patch_size": 8},
        projection_dim=12,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        CLIPModel(config).save_pretrained(path)
    (path / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(TOKENS)}))
    (path / "merges.txt").write_text("#version: 0.2\nr e\nre d</w>\n")
    special = {"bos_token": TOKENS[START], "eos_token": TOKENS[END], "unk_token": TOKENS[END], "pad_token": TOKENS[END]}
    (path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 16, **special})
    )
    (path / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "image_processor_type": "CLIPImageProcessor",
                "size": {"shortest_edge": 32},
                "crop_size": {"height": 32, "width": 32},
                "do_center_crop": True,
                "do_convert_rgb": True,
                "do_normalize": True,
                "do_rescale": True,
                "do_resize": True,
                "resample": 3,
                "rescale_factor": 1 / 255,
                "image_mean": [0.48145466, 0.4578275, 0.40821073],
                "image_std": [0.26862954, 0.26130258, 0.27577711],
            }
        )
    )
    return path
