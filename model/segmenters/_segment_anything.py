"""The segment-anything package, also where torchvision is missing.

Its ``__init__`` imports torchvision for a resizing helper and the automatic mask generator, neither of which is needed
here. Next to a CPU build of torch no working torchvision may be at hand; then the package is entered past its
``__init__``.
"""

import importlib.util
import sys
import types


def _enter() -> None:
    if "segment_anything" in sys.modules:
        return
    try:
        import segment_anything  # noqa: F401
    except (ImportError, RuntimeError):  # torchvision is absent, or built for another torch
        for name in [name for name in sys.modules if name.split(".")[0] == "segment_anything"]:
            del sys.modules[name]
        spec = importlib.util.find_spec("segment_anything")
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError("the package segment-anything is not installed: run make setup") from None
        package = types.ModuleType("segment_anything")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["segment_anything"] = package


_enter()

from segment_anything.modeling import (  # noqa: E402
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    TwoWayTransformer,
)

__all__ = ["ImageEncoderViT", "MaskDecoder", "PromptEncoder", "TwoWayTransformer"]
