"""Layer policies: which of the language model's layers speaks for a mark."""

from dataclasses import dataclass

from model.tracing import Trace


@dataclass(frozen=True)
class LayerPolicy:
    """A layer chosen once and for all.

    Attributes:
        layer: "last" (after the final norm), or an index; 0 is the embedding.
    """

    layer: str | int = "last"

    def candidates(self, count: int) -> tuple[int, ...]:
        """The layers a backbone with ``count`` states (layers + 1) must keep.

        Raises:
            ValueError: the layer is not there.
        """
        index = count - 1 if self.layer == "last" else self.layer
        if not isinstance(index, int) or not 0 <= index < count:
            raise ValueError(f"layer: {self.layer!r} is neither 'last' nor an index from 0 to {count - 1}")
        return (index,)

    def choose(self, trace: Trace) -> int:
        """Position in ``trace.layers`` of the layer that speaks."""
        return len(trace.layers) - 1 if self.layer == "last" else trace.layers.index(int(self.layer))
