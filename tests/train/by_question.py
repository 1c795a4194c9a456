"""Run by ``torchrun``: a reinforcement run whose answers are drawn by the question, whichever process has it.

``python -m tests.train.by_question RECIPE key=value ...``. In a run the draws depend on the process; here they do not,
so that runs of one process and of several can be compared. Each process leaves a digest of the model that it ends with.
"""

import json
import sys
from pathlib import Path

import torch

from train import grpo, rollouts, run
from train.features import weights_digest

draw_together, train = rollouts.roll_out, grpo.GroupTrainer.train


def roll_out(model, rows, how):
    """The answers to each question drawn from random numbers of its own."""
    made = {}
    for number, places in rollouts._groups(rows).items():
        torch.manual_seed(number)
        made |= dict(zip(places, draw_together(model, [rows[place] for place in places], how), strict=True))
    return [made[place] for place in range(len(rows))]


def tell(self, **more):
    """The training, and what this process's model is at its end."""
    made = train(self, **more)
    end = Path(self.recipe.out) / f"end{self.accelerator.process_index}.json"
    end.write_text(json.dumps(weights_digest(self.accelerator.unwrap_model(self.model).model)))
    return made


if __name__ == "__main__":
    grpo.roll_out, grpo.GroupTrainer.train = roll_out, tell
    sys.exit(run.main(sys.argv[1:]))
