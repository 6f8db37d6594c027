"""One step of deep deterministic policy gradients: explore with noise, learn from the buffer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from xaikit.counterfactuals.rl_networks import Generator


class ActorCritic:
    """The actor of a generator and the critic that teaches it, each with its optimizer.

    Parameters
    ----------
    generator
        Its encoder and decoder stay as they are.
    critic
        Maps state and action to the reward foretold.
    learning_rate
        Adam's, falling to zero over the last third of the steps.
    steps
        How often :meth:`learn` will be called.
    """

    def __init__(
        self, generator: Generator, critic: nn.Module, learning_rate: float, steps: int
    ) -> None:
        self.generator, self.critic = generator, critic
        self._actor_descent = _Descent(generator.actor, learning_rate, steps)
        self._critic_descent = _Descent(critic, learning_rate, steps)

    @torch.no_grad()
    def act(self, states: Tensor, noise: float, random: torch.Generator) -> Tensor:
        """Return the actor's actions (n, LATENT) with Gaussian noise, within [-1, 1]."""
        actions: Tensor = self.generator.actor(states)
        drawn = torch.randn(actions.shape, generator=random, dtype=actions.dtype)
        return (actions + noise * drawn.to(actions)).clamp(-1, 1)

    def learn(
        self,
        states: Tensor,
        actions: Tensor,
        rewards: Tensor,
        images: Tensor,
        sparsity: float,
        consistency: float,
    ) -> None:
        """Let the critic learn from n entries of the buffer, then the actor from the critic."""
        foretold = self.critic(torch.cat([states, actions], 1)).squeeze(1)
        self._critic_descent(functional.mse_loss(foretold, rewards))

        own = self.generator.actor(states)
        drawn = self.generator.decoder(own)
        with torch.no_grad():
            again = self.generator.encoder(drawn)
        self.critic.requires_grad_(False)
        loss = -self.critic(torch.cat([states, own], 1)).mean()
        loss = loss + sparsity * functional.l1_loss(drawn, images)
        self._actor_descent(loss + consistency * functional.mse_loss(own, again))
        self.critic.requires_grad_(True)


class _Descent:
    """Adam on one network."""

    def __init__(self, network: nn.Module, rate: float, steps: int) -> None:
        self.optimizer = torch.optim.Adam(network.parameters(), rate, fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: min(1.0, 3 * (1 - step / steps))
        )

    def __call__(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
