"""Makes an animated WebP of screenshots. Needs Pillow.

usage: animate.py OUT FRAME MILLISECONDS [FRAME MILLISECONDS …]
"""

import sys

from PIL import Image

out, *rest = sys.argv[1:]
frames = [Image.open(path).convert("RGB") for path in rest[::2]]
durations = [int(milliseconds) for milliseconds in rest[1::2]]
# Lossless, because text suffers most, and large even areas cost nothing. Only what changes is stored again.
frames[0].save(
    out, save_all=True, append_images=frames[1:], duration=durations, loop=0, lossless=True, method=3,
)
