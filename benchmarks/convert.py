"""Memory and time of a conversion: a LISA of 13B's width, CLIP ViT-L/14 and SAM ViT-H, in shards, of random values.

python -m benchmarks.convert --layers 12 --shards 3
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WIDTH, INNER, HEADS, ROWS = 5120, 13824, 40, 32003
CLIP = {
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 224,
    "patch_size": 14,
    "projection_dim": 768,
}


def main() -> None:
    """Make the checkpoint, convert it, print the peak resident memory beside the largest shard's size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, default=12, help="of the language model; 40 at full size")
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to make it, instead of a temporary folder's place")
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)  # in a process of its own: it needs memory, too
    args = parser.parse_args()
    if args.make:
        make(args.make, args.layers, args.shards)
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        words = ["--layers", str(args.layers), "--shards", str(args.shards), "--make", folder]
        subprocess.run([sys.executable, "-m", "benchmarks.convert", *words], check=True)
        source, target = Path(folder, "release"), Path(folder, "made")
        sizes = [path.stat().st_size for path in source.glob("*.bin")]
        begin = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "convert", "--from", "lisa", str(source), str(target)]
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
    if status:
        raise SystemExit(f"the conversion failed with status {status}")
    print(
        f"{args.layers} layers, {sum(sizes) / 1e9:.1f} GB in {args.shards} shards, the largest {max(sizes) / 1e9:.2f} "
        f"GB; peak resident memory {usage.ru_maxrss * 1024 / 1e9:.2f} GB, {seconds:.0f} s"
    )


def make(folder: Path, layers: int, shards: int) -> None:
    """A released folder and CLIP's beside it, one shard in memory at a time."""
    import torch
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    from model.config import ModelConfig, Part
    from model.convert._sizes import SAMS
    from model.grounding import GroundingModel
    from model.tokens import IMAGE

    marks = ["[SEG]", "<im_start>", "<im_end>"]
    known = ["<unk>", "<s>", "</s>", *(f"w{index}" for index in range(ROWS - 3 - len(marks)))]
    backend = Tokenizer(models.WordLevel({word: at for at, word in enumerate(known)}, unk_token="<unk>"))
    backend.add_tokens(marks)
    release = folder / "release"
    release.mkdir()
    backend.save(str(release / "tokenizer.json"))
    text = {
        "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": layers, "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "vocab_size": ROWS,
    }  # fmt: skip
    more = {"model_type": "llava", "mm_vision_tower": "openai/clip", "mm_use_im_start_end": True}
    (release / "config.json").write_text(json.dumps({**text, **more}))
    words = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<unk>", bos_token="<s>", eos_token="</s>")
    words.add_special_tokens({"extra_special_tokens": [IMAGE]})
    vision = {"model_type": "clip_vision_model", **CLIP}
    options = {"input_size": 224, "seg": "[SEG]", "rej": None, "vision": vision}
    config = ModelConfig(
        Part("llava", {**options, "text": {"model_type": "llama", **text, "tie_word_embeddings": False}}),
        Part("sam", vars(SAMS[1280, 32])),
        {"embedding": {}},
    )
    state = GroundingModel.build(config, words, device="meta").state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items() if "linear_2" not in name}
    clip = {name: shape for name, shape in shapes.items() if ".vision_tower." in name}

    def drawn(of: dict[str, tuple[int, ...]], dtype: torch.dtype) -> dict[str, torch.Tensor]:
        return {published(name): torch.empty(shape, dtype=dtype).uniform_(-1, 1) for name, shape in of.items()}

    (folder / "clip").mkdir()
    (folder / "clip" / "config.json").write_text(json.dumps({"vision_config": CLIP}))
    torch.save(drawn(clip, torch.float32), folder / "clip" / "pytorch_model.bin")
    rest = [name for name in shapes if name not in clip]
    total, index, at = sum(torch.Size(shapes[name]).numel() for name in rest), {}, 0
    parts: list[dict[str, tuple[int, ...]]] = [{} for _ in range(shards)]
    for name in rest:
        parts[min(at * shards // total, shards - 1)][name] = shapes[name]
        at += torch.Size(shapes[name]).numel()
    for number, part in enumerate(parts, start=1):
        file = f"pytorch_model-{number:05}-of-{shards:05}.bin"
        torch.save(drawn(part, torch.bfloat16), release / file)
        index.update({published(name): file for name in part})
    (release / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": index}))


def published(name: str) -> str:
    """The released name of one of our weights; CLIP's in its own folder."""
    for ours, theirs in (
        ("backbone.llava.model.vision_tower.", "vision_model."),
        ("backbone.llava.model.language_model.", "model."),
        ("backbone.llava.model.multi_modal_projector.linear_1.", "model.mm_projector."),
        ("backbone.llava.", ""),
        ("segmenter.", "model.visual_model."),
        ("channels.embedding.project.", "model.text_hidden_fcs.0."),
    ):
        if name.startswith(ours):
            return theirs + name.removeprefix(ours)
    raise ValueError(f"no released name for {name}")


if __name__ == "__main__":
    main()
