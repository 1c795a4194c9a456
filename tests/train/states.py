"""Run by ``torchrun``: what each process of a run at every ZeRO stage leaves behind, and what a merge must give.

``python -m tests.train.states FOLDER``: FOLDER/recipe.yaml is the run's.
"""

import copy
import json
import sys
from pathlib import Path

import deepspeed
import torch

from train import lora, objectives, origin
from train.parameters import groups, select
from train.recipe import load
from train.run import start


def leave(folder, stage):
    """One saved state at a stage; what learns has moved from where it began."""
    recipe = load(str(folder / "recipe.yaml"))
    model = start(recipe)
    lora.attach(model, recipe.lora)
    module = objectives.load(recipe.objective)
    objective = module.Objective(model, module.Options())
    select(objective, recipe.train)
    origin.hold(model, recipe)
    torch.manual_seed(stage)
    for parameter in objective.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    expected = lora.merged(copy.deepcopy(model))
    config = {
        "train_micro_batch_size_per_gpu": 1,
        "zero_optimization": {"stage": stage},
        "zero_allow_untested_optimizer": True,
    }
    optimizer = torch.optim.AdamW(groups(objective, recipe.train, 0.0))
    engine, *_ = deepspeed.initialize(model=objective, optimizer=optimizer, config=config, dist_init_required=False)
    run = folder / f"zero{stage}"
    saved = run / "checkpoints" / "checkpoint-3"
    if torch.distributed.get_rank() == 0:
        saved.mkdir(parents=True)
        (run / "recipe.yaml").write_text((folder / "recipe.yaml").read_text())
        expected.save_pretrained(run / "expected")
    torch.distributed.barrier()
    engine.save_checkpoint(str(saved), tag="global_step3")
    (saved / f"rng_state_{torch.distributed.get_rank()}.pth").touch()  # as the Trainer's processes leave theirs
    torch.distributed.barrier()
    if torch.distributed.get_rank() == 0:
        (saved / "trainer_state.json").write_text(json.dumps({"global_step": 3}))


if __name__ == "__main__":
    deepspeed.init_distributed(dist_backend="gloo")
    for each in range(4):
        leave(Path(sys.argv[1]), each)
    torch.distributed.destroy_process_group()
