import math

import pytest
import torch
from torch import distributed
from torch.distributions import Categorical
from torch.multiprocessing import spawn

from model.policy import Choice, LayerPolicy, Options, group_advantage, likeliest


def policy(kind: str, layers: int = 3, width: int = 4, **options: object) -> LayerPolicy:
    made = LayerPolicy(Options(kind, **options), tuple(range(layers)), width)  # type: ignore[arg-type]
    if made.options.learned:
        torch.nn.init.normal_(made.weight, generator=torch.Generator().manual_seed(1))
    return made


def marks(count: int = 5, layers: int = 3, width: int = 4) -> torch.Tensor:
    return torch.randn(count, layers, width, generator=torch.Generator().manual_seed(2))


def test_only_a_learned_policy_keeps_every_layer():
    assert Options().candidates(33) == (32,)
    assert Options("fixed", 7).candidates(33) == (7,)
    assert Options("fixed", 7, layer_for="map").candidates(33) == (7, 32)
    assert Options("sampled").candidates(4) == (0, 1, 2, 3)


@pytest.mark.parametrize("index", [33, -1])
def test_a_layer_that_is_not_there_is_refused(index):
    with pytest.raises(ValueError, match="none from 0 to 32"):
        Options("fixed", index).candidates(33)


def test_an_index_belongs_to_the_fixed_policy():
    with pytest.raises(ValueError, match="fixed"):
        Options("fixed").candidates(33)
    with pytest.raises(ValueError, match="fixed"):
        Options("last", 3).candidates(33)


@pytest.mark.parametrize("kind", ["soft", "sampled", "group"])
def test_what_it_thinks_is_float32_also_where_the_networks_run_in_bfloat16(kind):
    made, given = policy(kind), marks()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = made.choose(given)
    whole = made.choose(given)
    assert half.weights.dtype == half.log_probabilities.dtype == torch.float32
    assert torch.equal(half.weights, whole.weights) and torch.equal(half.log_probabilities, whole.log_probabilities)


def test_a_policy_that_learns_nothing_names_its_one_layer():
    last, fixed = LayerPolicy(Options(), (32,), 4), LayerPolicy(Options("fixed", 7, layer_for="map"), (7, 32), 4)
    assert last.choose(torch.zeros(2, 1, 4)).layers.tolist() == [0, 0]
    assert fixed.choose(torch.zeros(2, 2, 4)).weights.tolist() == [[1, 0], [1, 0]]
    assert not last.state_dict() and not fixed.state_dict()
    assert last.choose(torch.zeros(0, 1, 4)).weights.shape == (0, 1)


def test_at_the_beginning_every_layer_is_as_likely():
    fresh = LayerPolicy(Options("sampled"), (0, 1, 2), 4)
    assert torch.allclose(fresh.choose(marks()).probabilities, torch.full((5, 3), 1 / 3))


def test_logits_are_products_with_the_detached_states():
    made, states = policy("soft"), marks().requires_grad_()
    choice = made.choose(states)
    logits = [
        sum(float(a * b) for a, b in zip(states[1, layer].detach(), made.weight[layer].detach(), strict=True))
        for layer in range(3)
    ]
    total = sum(math.exp(value) for value in logits)
    assert choice.weights[1].tolist() == pytest.approx([math.exp(value) / total for value in logits], abs=1e-6)
    assert choice.layers is None
    choice.weights[:, 0].sum().backward()
    assert states.grad is None and made.weight.grad.abs().sum() > 0


def test_in_use_the_most_probable_layer_speaks_or_the_last():
    made = policy("sampled")
    choice = made.choose(marks())
    assert choice.layers.tolist() == choice.probabilities.argmax(dim=1).tolist()
    assert made.choose(marks(), use="last").layers.tolist() == [2] * 5
    assert policy("sampled", at_use="last").choose(marks()).weights.argmax(dim=1).tolist() == [2] * 5
    assert policy("soft").choose(marks(), use="last").weights.argmax(dim=1).tolist() == [2] * 5
    ranked = made.ranked(marks())
    order = choice.probabilities.argsort(dim=1, descending=True)
    assert torch.equal(torch.stack([r.layers for r in ranked], dim=1), order)
    assert len(policy("group", top=2).ranked(marks())) == 2


def test_draws_follow_the_probabilities_and_the_seed():
    made = policy("group", draws=4000)
    torch.manual_seed(5)
    first = made.draw(marks(2))
    torch.manual_seed(5)
    again = made.draw(marks(2))
    assert all(torch.equal(a.layers, b.layers) for a, b in zip(first, again, strict=True))
    shares = torch.stack([choice.weights for choice in first]).mean(dim=0)
    assert (shares - first[0].probabilities).abs().max() < 0.03
    assert len(policy("sampled").draw(marks())) == 1
    assert policy("sampled").draw(marks(0))[0].layers.shape == (0,)


def test_choices_can_be_taken_apart_and_joined():
    made = policy("group", draws=3)
    drawn = made.draw(marks())
    halves = [drawn[0].select(torch.tensor([0, 1])), drawn[0].select(torch.tensor([2, 3, 4]))]
    again = Choice.joined(halves)
    assert torch.equal(again.layers, drawn[0].layers) and torch.equal(again.log_prob, drawn[0].log_prob)
    best = likeliest(drawn)
    for mark in range(5):
        assert best.log_prob[mark] == max(choice.log_prob[mark] for choice in drawn)


def test_the_average_is_moved_before_it_is_used_and_kept():
    made, states = policy("sampled"), marks()
    drawn = made.draw(states)
    rewards = torch.tensor([[0.1, 0.2, 0.9, 0.4, 0.4]])
    loss = made.loss(states, drawn, rewards)
    average = 0.1 * 0.4  # from 0 by a tenth of the mean
    expected = (
        -sum((float(r) - average) * float(p) for r, p in zip(rewards[0], drawn[0].log_prob.detach(), strict=True)) / 5
    )
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-6)
    assert float(made.state_dict()["average"]) == pytest.approx(average)
    made.loss(states, drawn, rewards)
    assert float(made.average) == pytest.approx(0.9 * average + 0.1 * 0.4)


def test_the_gradient_of_a_draw_is_reinforce_s():
    """d log softmax / dw_l = (1[l drawn] - p_l) s_l, times minus the advantage, averaged over the marks."""
    made, states = policy("sampled"), marks()
    (drawn,) = made.draw(states)
    rewards = torch.rand(1, 5)
    made.loss(states, [drawn], rewards).backward()
    advantage = rewards[0] - float(made.average)
    expected = torch.zeros(3, 4)
    for mark in range(5):
        for layer in range(3):
            step = float(drawn.layers[mark] == layer) - float(drawn.probabilities[mark, layer].detach())
            expected[layer] -= advantage[mark] * step * states[mark, layer] / 5
    assert torch.allclose(made.weight.grad, expected, atol=1e-6)
    assert expected.abs().sum() > 0


def test_a_critic_learns_the_reward_and_does_not_move_the_layers_by_its_error():
    made, states = policy("sampled", baseline="critic"), marks()
    for _ in range(300):
        drawn = made.draw(states)
        made.zero_grad()
        made.loss(states, drawn, torch.full((1, 5), 0.7)).backward()
        with torch.no_grad():
            for parameter in made.critic.parameters():
                parameter -= 0.1 * parameter.grad
    assert (made.critic(drawn[0].probabilities.detach()) - 0.7).abs().max() < 0.02
    assert {name.split(".")[0] for name in made.state_dict()} == {"weight", "critic"}


def test_a_group_compares_draws_of_the_same_mark_alone():
    rewards = torch.tensor([[0.2, 0.5], [0.6, 0.5], [0.4, 0.5], [0.8, 0.51]])
    made = group_advantage(rewards)
    deviation = math.sqrt(sum((r - 0.5) ** 2 for r in (0.2, 0.6, 0.4, 0.8)) / 4)
    assert made[:, 0].tolist() == pytest.approx([(r - 0.5) / deviation for r in (0.2, 0.6, 0.4, 0.8)], abs=1e-5)
    assert made[3, 1] == pytest.approx(0.0075 / 0.05, abs=1e-5)  # floored: draws that do equally well move little


def test_a_group_learns_which_layer_is_rewarded():
    made, states = LayerPolicy(Options("group", draws=4), (0, 1, 2), 4), marks(20)
    states[:, :, 0] = 1.0  # what tells the layers apart is the same for every mark
    optimizer = torch.optim.SGD(made.parameters(), lr=0.3)
    for _ in range(60):
        drawn = made.draw(states)
        optimizer.zero_grad()
        made.loss(states, drawn, torch.stack([choice.layers == 1 for choice in drawn]).float()).backward()
        optimizer.step()
    assert (made.choose(states).layers == 1).all()
    assert made.choose(states).probabilities[:, 1].mean() > 0.7


SHARES = {"some and none": (5, 0), "unequal": (2, 3)}


def _gradient(rank: int, kind: str, share: tuple[int, int], folder: str) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/met", rank=rank, world_size=2)
    torch.set_num_threads(1)
    made, place = _fresh(kind), slice(0, share[0]) if rank == 0 else slice(share[0], None)
    wrapped = torch.nn.parallel.DistributedDataParallel(_Loss(made, kind))
    wrapped(marks()[place], place).backward()
    if rank == 0:
        average = made.state_dict().get("average", torch.zeros(()))
        torch.save({"weight": made.weight.grad, "average": average}, f"{folder}/made")
    distributed.barrier()  # neither leaves while the other still talks
    distributed.destroy_process_group()


def _fresh(kind: str) -> LayerPolicy:
    """The same weights in every process; a critic is a baseline of "sampled"."""
    torch.manual_seed(0)
    return policy("sampled", baseline="critic") if kind == "critic" else policy(kind)


class _Loss(torch.nn.Module):
    """The policy's loss on some of five marks whose draws and rewards are given."""

    def __init__(self, made: LayerPolicy, kind: str) -> None:
        super().__init__()
        self.policy, self.times = made, made.options.draws if kind == "group" else 1

    def forward(self, states: torch.Tensor, place: slice) -> torch.Tensor:
        generator = torch.Generator().manual_seed(4)
        layers = torch.randint(3, (self.times, 5), generator=generator)[:, place]
        rewards = torch.rand(self.times, 5, generator=generator)[:, place]
        known = self.policy.log_probabilities(states)
        one_hot = torch.nn.functional.one_hot(layers, 3).float()
        drawn = [Choice(weights, known, line) for weights, line in zip(one_hot, layers, strict=True)]
        return self.policy.loss(states, drawn, rewards)


@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
@pytest.mark.parametrize("kind", ["sampled", "critic", "group"])
def test_two_processes_have_the_gradient_of_one(kind, share, tmp_path):
    spawn(_gradient, (kind, share, str(tmp_path)), nprocs=2)
    both = torch.load(tmp_path / "made", weights_only=True)
    made = _fresh(kind)
    _Loss(made, kind)(marks(), slice(None)).backward()
    assert made.weight.grad.abs().sum() > 1e-3
    assert torch.allclose(both["weight"], made.weight.grad, atol=1e-6)
    if kind == "sampled":
        assert torch.allclose(both["average"], made.average) and made.average > 0


def test_draws_are_those_of_torch_s_own_law():
    made = policy("sampled")
    torch.manual_seed(9)
    drawn = made.draw(marks())[0].layers
    torch.manual_seed(9)
    assert torch.equal(drawn, Categorical(logits=made.log_probabilities(marks())).sample())


def test_entropy_is_raised_where_no_draw_is_better():
    made, states = policy("group", draws=4, entropy=1.0), marks(20)
    before = (made.choose(states).probabilities * made.choose(states).probabilities.log()).sum(dim=1).mean().detach()
    for _ in range(30):
        made.zero_grad()
        drawn = made.draw(states)
        made.loss(states, drawn, torch.full((4, 20), 0.5)).backward()
        with torch.no_grad():
            made.weight -= 0.2 * made.weight.grad
    after = (made.choose(states).probabilities * made.choose(states).probabilities.log()).sum(dim=1).mean()
    assert after < before - 0.1  # sums of p log p: less is more entropy


def test_a_critic_s_advantage_moves_the_layers_as_an_average_s_does():
    made, states = policy("sampled", baseline="critic"), marks()
    (drawn,) = made.draw(states)
    rewards = torch.rand(1, 5)
    made.loss(states, [drawn], rewards).backward()
    shares = drawn.probabilities.detach()
    advantage = (rewards[0] - made.critic(shares)[:, 0]).detach()
    expected = torch.zeros(3, 4)
    for mark in range(5):
        for layer in range(3):
            step = float(drawn.layers[mark] == layer) - float(shares[mark, layer])
            expected[layer] -= advantage[mark] * step * states[mark, layer] / 5
    assert torch.allclose(made.weight.grad, expected, atol=1e-6)


def test_a_batch_without_marks_leaves_the_average_alone():
    made = policy("sampled")
    made.average.fill_(0.5)
    assert made.loss(marks(0), made.draw(marks(0)), torch.zeros(1, 0)) == 0
    assert float(made.average) == 0.5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policy": "group", "draws": 1}, "at least 2 draws"),
        ({"policy": "sampled", "top": 0}, "top"),
        ({"policy": "sampled", "decay": 1.5}, "decay"),
        ({"policy": "soft", "at_use": "best"}, "draws"),
    ],
)
def test_settings_that_could_only_fail_later_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        Options(**options)


def test_a_policy_that_leans_begins_at_the_last_layer_and_can_leave_it():
    leaning = LayerPolicy(Options("group", lean=math.log(4)), (0, 1, 2), 4)
    assert torch.allclose(leaning.choose(marks()).probabilities, torch.tensor([1 / 6, 1 / 6, 2 / 3]).expand(5, 3))
    with torch.no_grad():
        leaning.weight[0] = 10 * marks()[0, 0]
    assert leaning.choose(marks()[:1]).layers.tolist() == [0]
