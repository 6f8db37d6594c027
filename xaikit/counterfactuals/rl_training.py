"""How a generator of counterfactuals is trained: an autoencoder, then DDPG on its codes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaikit.core.arguments import checked_unit_inputs, class_count, count, probed
from xaikit.core.devices import own_devices
from xaikit.core.logits import logits_of, meant
from xaikit.core.options import plain_numbers
from xaikit.core.passes import channels_last, every_output, frozen, outputs
from xaikit.core.steadiness import expect_steady
from xaikit.counterfactuals.rl_ddpg import ActorCritic
from xaikit.counterfactuals.rl_networks import LATENT, Generator, critic
from xaikit.counterfactuals.rl_replay import Replay
from xaikit.progress import Bar

BATCH = 128
_BLIND = 100
"""Steps at the beginning whose actions are drawn at random: nothing is known yet."""


@own_devices
@plain_numbers
def train_generator(
    model: nn.Module,
    images: Tensor,
    *,
    epochs: int = 15,
    steps: int = 10_000,
    sparsity: float = 4.0,
    consistency: float = 0.5,
    noise: float = 0.2,
    learning_rate: float = 1e-3,
    mixed_precision: bool = False,
    seed: int = 0,
) -> Generator:
    """Train a generator of counterfactuals for a model, from the model's predictions alone.

    Samoilescu, Van Looveren & Klaise 2021, Model-agnostic and scalable counterfactual explanations
    via reinforcement learning, arXiv:2106.02597. An action is a code, its reward R is what the
    model says about the decoded code. The critic Q learns to foretell the reward of noisy actions
    from a replay buffer, the actor μ raises the critic and is pulled back to the image:

        min E (Q(s, a) − R)²,    min E [−Q(s, μ(s)) + λ₁ mean |x' − x| + λ₂ mean (enc(x') − μ(s))²]

    with state s = (enc(x), prediction, target) and x' = dec(μ(s)). An episode is one action long:
    there is no future to discount, and DDPG (Lillicrap et al. 2016, Continuous control with deep
    reinforcement learning, arXiv:1509.02971) needs no target networks. The reward here is the
    target's probability; that tells the critic more than whether the target is the most likely
    class, and comes from predictions as well. The model is never differentiated.

    Parameters
    ----------
    model
        Maps (N, C, H, W) to logits (N, classes).
    images
        (N, C, H, W) in [0, 1], such as the generator will be asked about; no labels are needed.
    epochs
        Of the autoencoder.
    steps
        Of actor and critic. Each asks the model for 128 predictions.
    sparsity, consistency
        λ₁ and λ₂. The larger λ₁, the closer to the input and the fewer reach the target.
    noise
        Standard deviation of what is added to an action to explore; codes lie in [-1, 1].
    learning_rate
        Adam's, falling to zero over the last third of the steps.
    mixed_precision
        Let the model compute in bfloat16, in which hardware that has it is several times as fast.
    seed
        Decides everything that is random. The global random state is neither used nor changed.

    Returns
    -------
    Generator
        In evaluation mode, where the images are. Its ``card`` is empty.

    Raises
    ------
    ValueError, TypeError
        If the model cannot take the images, they do not lie in [0, 1], or there are fewer than
        two classes.

    Examples
    --------
    >>> import torch
    >>> from xaikit.counterfactuals import train_generator
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
    >>> generator = train_generator(model, torch.rand(8, 1, 8, 8), epochs=1, steps=2)  # far too few
    >>> generator.shape, generator.classes
    ((1, 8, 8), 2)
    """
    count(epochs, "epochs")
    count(steps, "steps")
    images = checked_unit_inputs(model, images)
    random = torch.Generator().manual_seed(seed)

    @torch.no_grad()
    def ask(x: Tensor) -> Tensor:
        with torch.autocast(images.device.type, torch.bfloat16, enabled=mixed_precision):
            return meant(asked, outputs(asked, x).to(images))

    with frozen(model), channels_last(model, images) as other:
        scores = probed(model, images)
        classes = class_count(scores, "a counterfactual")
        expect_steady(model, images, scores, other, "what the generator learns")
        asked = logits_of(model, images, scores, "the training")
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed, which would reseed every GPU as well.
            torch.default_generator.manual_seed(seed)
            generator, judge = Generator(tuple(images.shape[1:]), classes), critic(classes)
        generator.to(images)
        judge.to(images)
        _train_autoencoder(generator, images, epochs, random)
        generator.encoder.requires_grad_(False)
        generator.decoder.requires_grad_(False)
        with torch.no_grad():
            codes = torch.cat([generator.encoder(part) for part in torch.split(images, BATCH)])
            predicted = every_output(model, images, BATCH).argmax(1)
        pair, replay = ActorCritic(generator, judge, learning_rate, steps), Replay(codes)
        for step in Bar(range(steps), "actor and critic"):
            rows = _draw(len(images), random, images)
            targets = _draw(generator.classes, random, images)
            states = generator.state(codes[rows], predicted[rows], targets)
            if step < _BLIND:
                actions = 2 * torch.rand(states[:, :LATENT].shape, generator=random).to(images) - 1
            else:
                actions = pair.act(states, noise, random)
            answers = ask(generator.decoder(actions))
            rewards = answers.gather(1, targets.unsqueeze(1)).squeeze(1)
            replay.add(rows, targets, actions, rewards)

            rows, targets, actions, rewards = replay.draw(BATCH, random)
            states = generator.state(codes[rows], predicted[rows], targets)
            pull = sparsity * min(1.0, 2 * step / steps)
            pair.learn(states, actions, rewards, images[rows], pull, consistency)
    return generator.requires_grad_(True).eval()


def _train_autoencoder(
    generator: Generator, images: Tensor, epochs: int, random: torch.Generator
) -> None:
    """Let the decoder reconstruct what the encoder saw: least squares, one cycle of the rate."""
    weights = [*generator.encoder.parameters(), *generator.decoder.parameters()]
    steps = epochs * math.ceil(len(images) / BATCH)
    optimizer = torch.optim.Adam(weights, fused=True)
    # The last step belongs to the cycle, and fewer than ten would divide by zero.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=max(steps, 10))
    for _ in Bar(range(steps), "autoencoder"):
        x = images[_draw(len(images), random, images)]
        loss = functional.mse_loss(generator.decoder(generator.encoder(x)), x)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


def _draw(end: int, random: torch.Generator, like: Tensor) -> Tensor:
    return torch.randint(end, (BATCH,), generator=random).to(like.device)
