"""How many samples of the drawn world one core makes in a second.

python -m benchmarks.world
"""

import time
from collections.abc import Callable

from data.world.world import World

COUNT = 300


def rate(make: Callable[[int], object]) -> float:
    """Calls a second over COUNT indices, after a few that warm the caches up."""
    for index in range(COUNT, COUNT + 20):
        make(index)
    begin = time.perf_counter()
    for index in range(COUNT):
        make(index)
    return COUNT / (time.perf_counter() - begin)


def main() -> None:
    """Print a line for each way to ask the world."""
    for split in ("train", "test_crowd"):
        world = World(split, COUNT + 20)
        picture = rate(world.facts)
        print(f"{split:10}  picture with masks          {picture:6.0f} a second")
        for name, make in {
            "sample, picture opened": lambda i, world=world: world.sample(i).load(),
            "picture with ten questions": lambda i, world=world: world.pack(i, 10),
        }.items():
            made = rate(make)
            print(f"{split:10}  {name:26}  {made:6.0f} a second, {made / picture:.2f} of the picture alone")


if __name__ == "__main__":
    main()
