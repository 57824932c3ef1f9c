"""One job in Pillow, repeated: pillow_job.py FORMAT WIDTH HEIGHT QUALITY REPEAT INPUT OUTPUT

`draft` lets the JPEG decoder scale, down to twice the size that is wanted, as `Image.thumbnail` does by itself.
"""

import io
import sys
from pathlib import Path

from PIL import Image

format, width, height, quality, repeat = sys.argv[1], *map(int, sys.argv[2:6])
source = Path(sys.argv[6]).read_bytes()
options = {} if format == "png" else {"quality": quality}
for _ in range(repeat):
    picture = Image.open(io.BytesIO(source))
    picture.draft(None, (width * 2, height * 2))
    resized = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    result = io.BytesIO()
    resized.save(result, format, **options)
Path(sys.argv[7]).write_bytes(result.getvalue())
