"""What our results say beside their pixels, read by Pillow."""

import io
import tempfile
import unittest
from pathlib import Path

from PIL import Image, ImageCms

import engine

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>author</x:xmpmeta>"
MAKER, ORIENTATION, X_RESOLUTION = 0x010F, 0x0112, 0x011A
TURNED_90, UPRIGHT = 6, 1
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "avif": "AVIF"}
# made once: it says when
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def talkative() -> bytes:
    exif = Image.Exif()
    exif[MAKER], exif[ORIENTATION], exif[X_RESOLUTION] = "Cam", TURNED_90, 300.0
    stored = io.BytesIO()
    picture = Image.radial_gradient("L").resize((80, 40)).convert("RGB")
    picture.save(stored, "JPEG", exif=exif, icc_profile=PROFILE, xmp=XMP)
    return stored.getvalue()


def result(transformation: str) -> Image.Image:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.write_bytes(talkative())
        outcome = engine.transform(transformation, source)
    if outcome.data is None:
        raise AssertionError(outcome.fault or outcome.refusal)
    picture = Image.open(io.BytesIO(outcome.data))
    picture.load()
    return picture


class Metadata(unittest.TestCase):
    def test_nothing_is_said_unless_asked(self) -> None:
        for name, format_name in FORMATS.items():
            with self.subTest(name):
                picture = result(f"f-{name}")
                self.assertEqual(picture.format, format_name)
                self.assertFalse(picture.info.get("icc_profile"))
                self.assertFalse(picture.info.get("xmp"))
                self.assertNotIn(MAKER, picture.getexif())

    def test_all_of_it_is_said_where_it_is_asked_for(self) -> None:
        for name, format_name in FORMATS.items():
            with self.subTest(name):
                picture = result(f"md-true,f-{name}")
                self.assertEqual((picture.format, picture.size), (format_name, (40, 80)))
                self.assertEqual(picture.info["icc_profile"], PROFILE)
                exif = picture.getexif()
                self.assertEqual((exif[MAKER], exif[ORIENTATION], exif[X_RESOLUTION]), ("Cam", UPRIGHT, 300.0))
                # Pillow keeps XMP of a PNG among its texts
                self.assertIn(b"author", picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp", "").encode())

    def test_a_profile_comes_alone_and_a_density_too(self) -> None:
        picture = result("cp-true,f-avif")
        self.assertEqual(picture.info["icc_profile"], PROFILE)
        self.assertFalse(picture.info.get("exif"))
        self.assertEqual(result("dn-150,f-avif").getexif()[X_RESOLUTION], 150.0)


if __name__ == "__main__":
    unittest.main()
