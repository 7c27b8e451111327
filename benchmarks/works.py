"""The pieces of work that the benchmark measures, as data.

A piece of work is one step of training, described twice: by the settings that sinegan is given, and by the
fields that the JAX peer builds its step from. `benchmarks.agreement` checks that both describe the same step.
"""

from dataclasses import dataclass

LATENT, CURVE_POINTS = 5, 16
WITHOUT_CURVES = {"gaussian_ring": 2}
"""Targets of the plane, with their points; any other target is a curve."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """One step of training, and how it is measured."""

    name: str
    """The name on the command line and in the tables."""
    words: str
    settings: tuple[str, ...] = ()
    """The arguments of `python -m sinegan.main` that choose this work."""
    loss: str = "minimax"
    penalty: str = ""
    target: str = "sine"
    discriminator_steps: int = 1
    batch: int = 64
    generator: tuple[int, ...] = (64, 128)
    """The hidden layers of the generator."""
    discriminator: tuple[int, ...] = (64, 256)
    """The hidden layers of the discriminator."""
    lanes: tuple[int, ...] = (4, 8)
    """The numbers of runs that JAX trains at once, each of which is tried."""
    cost: float = 1.0
    """The rough cost of a step, in steps of the original, to choose how many steps are timed."""
    goal: float = 1.2
    """The least ratio of the engine's rate to JAX's."""

    @property
    def points(self) -> int:
        return WITHOUT_CURVES.get(self.target, CURVE_POINTS)

    @property
    def generator_sizes(self) -> tuple[int, ...]:
        return (LATENT, *self.generator, self.points)

    @property
    def discriminator_sizes(self) -> tuple[int, ...]:
        return (self.points, *self.discriminator, 1)


ORIGINAL = Work(name="original", words="the tutorial's GAN, which is the default", goal=1.3)
WORKS = {
    work.name: work
    for work in (
        ORIGINAL,
        Work(
            name="r1_ring",
            words="non-saturating with R1, on the ring of gaussians",
            settings=("loss=non_saturating", "penalty=r1", "target=gaussian_ring"),
            loss="non_saturating",
            penalty="r1",
            target="gaussian_ring",
            cost=2.5,
        ),
        Work(
            name="wgan_gp",
            words="Wasserstein with a gradient penalty, 5 critic steps",
            settings=("loss=wasserstein", "penalty=wgan_gp", "training.discriminator_steps=5"),
            loss="wasserstein",
            penalty="wgan_gp",
            discriminator_steps=5,
            cost=9,
        ),
        Work(
            name="large",
            words="minimax, three hidden layers up to 512 wide",
            settings=("network=large",),
            generator=(128, 256, 512),
            discriminator=(128, 256, 512),
            cost=11,
        ),
        Work(
            name="wide",
            words="minimax, one hidden layer of 512",
            settings=("network=wide",),
            generator=(512,),
            discriminator=(512,),
            cost=0.9,
        ),
        Work(
            name="batch_256",
            words="minimax, batches of 256",
            settings=("training.batch_size=256",),
            batch=256,
            cost=4,
        ),
    )
}
"""All pieces of work by name, in the order in which they are measured."""
