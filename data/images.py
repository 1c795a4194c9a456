"""Opening pictures that people give: read properly, or refused in one plain line."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

MOST_PIXELS = 64_000_000  # a decoded picture takes 3 bytes a pixel, and several copies while it is resized


def open_image(source: str | Path | bytes, name: str | None = None, most: int = MOST_PIXELS) -> np.ndarray:
    """Read a picture as ``(H, W, 3)`` uint8 RGB, upright (EXIF orientation applied).

    Palette, grey and CMYK pictures become RGB; transparency is laid on white.

    Args:
        source: a file's path or its bytes.
        name: what to call it in an error; the path if None.
        most: pixels that its header may claim.

    Raises:
        ValueError: it is missing, no picture, damaged, too large, or of 16 bits a channel; the line names it and says
            what to do.
    """
    with _opened(source, _named(source, name), most) as image:
        image.load()
        ImageOps.exif_transpose(image, in_place=True)  # else it copies every picture
        return _rgb(image)


def upright_size(source: str | Path | bytes, name: str | None = None, most: int = MOST_PIXELS) -> tuple[int, int]:
    """``(H, W)`` that :func:`open_image` would give, from the header alone.

    Raises:
        ValueError: as of :func:`open_image`, but for damage behind the header.
    """
    with _opened(source, _named(source, name), most) as image:
        width, height = image.size
        exif = Image.Image.getexif(image)  # PNG's own decodes every pixel, to look behind them as well
        return (width, height) if exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8) else (height, width)


def open_mask(source: str | Path, name: str | None = None, most: int = MOST_PIXELS) -> np.ndarray:
    """Read a picture of a mask as ``(H, W)`` bool: true where a pixel is not 0 (of a palette: not its first colour).

    Raises:
        ValueError: as of :func:`open_image`, or it has an alpha channel, which leaves open what it means.
    """
    named = _named(source, name)
    with _opened(source, named, most) as image:
        if image.format != "PNG":  # a JPEG of a mask has grey around every edge
            raise ValueError(f"{named}: is a {image.format} and no PNG; save the mask as PNG, which keeps every pixel")
        if image.mode not in ("1", "L", "P", "RGB"):
            raise ValueError(f"{named}: is a mask of kind {image.mode}; save it as black and white or grey, no alpha")
        image.load()
        values = np.array(image) != 0
        return values if values.ndim == 2 else values[..., 0] | values[..., 1] | values[..., 2]


def _named(source: str | Path | bytes, name: str | None) -> str:
    return name or (source.name if isinstance(source, Path) else source if isinstance(source, str) else "the picture")


@contextmanager
def _opened(source: str | Path | bytes, named: str, most: int) -> Iterator[Image.Image]:
    """The picture with its header read and checked; what fails inside becomes one plain line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own warnings of large pictures; the limit below is stricter
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as opened:
                width, height = opened.size
                if width * height > most:
                    raise ValueError(
                        f"{named}: claims {width} x {height} pixels, more than the {most:,} that are read; "
                        "make it smaller first"
                    )
                if opened.mode.startswith("I") or opened.mode == "F":
                    raise ValueError(f"{named}: has 16 or more bits a channel; save it with 8 bits a channel")
                yield opened
    except FileNotFoundError as error:
        raise ValueError(f"{named}: there is no such file") from error
    except IsADirectoryError as error:
        raise ValueError(f"{named}: is a folder, not a picture") from error
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{named}: is not a picture that can be read; give a PNG, JPEG, WebP, GIF, BMP or TIFF"
        ) from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"{named}: claims more pixels than are read; make it smaller first") from error
    except (OSError, SyntaxError, EOFError, IndexError, TypeError, OverflowError) as error:
        raise ValueError(f"{named}: is damaged or cut off; get the whole file again") from error


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, "white")
        image = Image.alpha_composite(paper, layer)
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))
