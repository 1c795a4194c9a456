"""What is done between steps, without a run."""

from types import SimpleNamespace

import pytest

from train.callbacks import Rounds
from train.grpo import GroupTrainer
from train.processes import Processes
from train.recipe import Recipe


def after(step, told, reuse=1, minutes=0.0):
    """What is asked for after a step of reinforcement whose answers serve so many."""
    recipe = Recipe("grpo", "", "", {}, steps=8, batch=1, save_minutes=minutes)
    trainer = SimpleNamespace(
        recipe=recipe,
        processes=Processes.alone(),
        state=SimpleNamespace(global_step=step),
        options=SimpleNamespace(reuse=reuse),
    )
    trainer.resumable = GroupTrainer.resumable.fget(trainer)
    rounds = Rounds(trainer, SimpleNamespace(split=False), SimpleNamespace(asked=told))
    rounds._saved -= 100
    control = SimpleNamespace(should_save=False, should_training_stop=False)
    rounds.on_step_end(None, trainer.state, control)
    return control.should_save, control.should_training_stop


@pytest.mark.parametrize(("step", "reuse", "can"), [(3, 1, True), (3, 2, False), (4, 2, True), (4, 3, False)])
def test_a_state_is_saved_between_sets_of_answers_alone(step, reuse, can):
    assert after(step, told=True, reuse=reuse) == (can, can)
    assert after(step, told=False, reuse=reuse, minutes=1.0) == (can, False)
    assert after(step, told=False, reuse=reuse) == (False, False)
