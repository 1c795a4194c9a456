"""Where the networks run and what they compute in: chosen for the machine, or as asked."""

import importlib.util
import os
import shutil
from dataclasses import dataclass, replace
from typing import Literal

import torch

LARGE = 4_000_000_000  # bytes stored: a backbone beyond this fits few machines in float32

EXTRA = "pip install 'pinpoint[quantised]'"


@dataclass(frozen=True)
class Machine:
    """What of a machine decides.

    Attributes:
        gpus: how many of them torch can use.
        gpu_bfloat16, cpu_bfloat16: it multiplies matrices in bfloat16 itself, not by way of float32.
        flash: the package flash-attn is installed.
        quantises: the package bitsandbytes is installed.
        compiles_on: kinds of device that torch can compile for: there is a C++ compiler, there is triton.
    """

    gpus: int = 0
    gpu_bfloat16: bool = False
    cpu_bfloat16: bool = False
    flash: bool = False
    quantises: bool = False
    compiles_on: tuple[str, ...] = ()

    @classmethod
    def here(cls) -> "Machine":
        """The machine that this runs on."""
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        compilers = {"cpu": shutil.which(os.environ.get("CXX", "g++")), "cuda": importlib.util.find_spec("triton")}
        return cls(
            gpus=gpus,
            gpu_bfloat16=bool(gpus) and torch.cuda.is_bf16_supported(including_emulation=False),
            cpu_bfloat16=_cpu_bfloat16(),
            flash=importlib.util.find_spec("flash_attn") is not None,
            quantises=importlib.util.find_spec("bitsandbytes") is not None,
            compiles_on=tuple(kind for kind, found in compilers.items() if found),
        )


@dataclass(frozen=True)
class Placement:
    """Where a model runs. "auto" is what :meth:`settled` chooses, by the rules of docs/performance.md.

    Attributes:
        device: "auto" (a GPU where there is one), or as torch names it: "cpu", "cuda", "cuda:1".
        precision: what the networks compute in. "float32"; "bfloat16" (autocast, and a backbone read in bfloat16);
            "auto": float32 for a backbone of at most :data:`LARGE` bytes, for a larger one bfloat16 where the device
            multiplies in it. Similarity maps, points and prompts are float32 always.
        bits: the language model's layers, rounded to 8 or 4 bits each; as they are if None.
        offload: the segmenter's encoder waits in main memory, and is on the device only while it encodes.
        attention: the language model's: torch's fused kernel ("sdpa"), "eager", "products" (ours, for CPUs) or
            "flash_attention_2".
        compile: torch.compile for the segmenter's encoder, whose input has one shape.
    """

    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    bits: Literal[8, 4] | None = None
    offload: bool = False
    attention: Literal["auto", "sdpa", "eager", "products", "flash_attention_2"] = "auto"
    compile: bool = False

    def check(self, machine: Machine | None = None) -> None:
        """See that the machine has what is asked.

        Raises:
            ValueError: it lacks the device or a package; the line says which.
        """
        machine = machine or Machine.here()
        kind = self._kind(machine)
        if self.bits is not None and not machine.quantises:
            raise ValueError(f"{self.bits} bits need the package bitsandbytes, which is not installed: {EXTRA}")
        if self.attention == "flash_attention_2" and not (kind == "cuda" and machine.flash):
            raise ValueError("flash_attention_2 needs a GPU and the package flash-attn: leave attention at auto")
        if self.compile and kind not in machine.compiles_on:
            needs = "triton" if kind == "cuda" else "a C++ compiler (g++)"
            raise ValueError(f"to compile for {kind}, {needs} is needed and not there: leave compile away")

    def weights(self, stored: int, machine: Machine | None = None) -> torch.dtype | None:
        """The dtype to read a backbone of ``stored`` bytes in, None for the one that it is stored in.

        A large one stays as it is stored on a GPU; a CPU reads it in bfloat16, for float16 is slow there.
        """
        if self.precision != "auto":
            return torch.float32 if self.precision == "float32" else torch.bfloat16
        if stored <= LARGE:
            return torch.float32
        return None if self._kind(machine or Machine.here()) == "cuda" else torch.bfloat16

    def settled(self, stored: int, machine: Machine | None = None) -> "Placement":
        """The same with nothing left to choose, for a backbone of ``stored`` bytes.

        Raises:
            ValueError: as :meth:`check`, or the attention that is asked for does not compute in the precision.
        """
        machine = machine or Machine.here()
        self.check(machine)
        kind = self._kind(machine)
        computes = {"cuda": machine.gpu_bfloat16, "cpu": machine.cpu_bfloat16}.get(kind, False)
        made = self if self.device != "auto" else replace(self, device=kind)
        if self.precision == "auto":
            made = replace(made, precision="bfloat16" if stored > LARGE and computes else "float32")
        if made.attention == "flash_attention_2" and made.precision == "float32":
            raise ValueError("flash_attention_2 does not compute in float32: give precision bfloat16 as well")
        return replace(made, attention="sdpa") if self.attention == "auto" else made

    def _kind(self, machine: Machine) -> str:
        """The kind of the device: "cpu", "cuda", ...

        Raises:
            ValueError: torch knows no such device, or the machine does not have it.
        """
        if self.device == "auto":
            return "cuda" if machine.gpus else "cpu"
        try:
            device = torch.device(self.device)
            if device.type == "cuda":
                here = (device.index or 0) < machine.gpus
            else:
                here = device.type != "meta" and torch.empty(0, device=device) is not None
        except (RuntimeError, AssertionError):  # how torch says it depends on the kind
            here = False
        if not here:
            found = f"there {'is' if machine.gpus == 1 else 'are'} {machine.gpus} GPU{'s' * (machine.gpus != 1)}"
            raise ValueError(f"no device {self.device!r} here ({found}): give cpu, cuda or cuda:1, or leave it away")
        return device.type


def _cpu_bfloat16() -> bool:
    """This CPU has instructions for products in bfloat16 (AVX-512, AMX or ARM's); without them it is slower than
    float32."""
    if not hasattr(torch.cpu, "get_capabilities"):  # an older torch
        return False
    known = torch.cpu.get_capabilities()
    return any(known.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))


PLAIN = Placement(device="cpu", precision="float32", attention="sdpa")
