"""URLs that the official SDK builds and signs, fetched from serving."""

import os
import struct
import unittest
import urllib.error
import urllib.request

from imagekitio import ImageKit

SERVING = os.environ["LIMPID_SERVING"].rstrip("/")
IMAGE_PATH = os.environ["LIMPID_IMAGE_PATH"]
ENDPOINT = f"{SERVING}/{os.environ.get('LIMPID_IMAGEKIT_ID', 'demo')}"
TRANSFORMATION = [{"width": 40, "height": 30, "format": "png"}]


class DeliveryTest(unittest.TestCase):
    def setUp(self):
        self.client = ImageKit(private_key=os.environ["IMAGEKIT_PRIVATE_KEY"])
        self.addCleanup(self.client.close)

    def build(self, **options):
        return self.client.helper.build_url(url_endpoint=ENDPOINT, src=IMAGE_PATH, **options)

    def assert_png_of_40_by_30(self, url):
        with urllib.request.urlopen(url, timeout=30) as response:
            body = response.read()
        self.assertEqual(body[:4], b"\x89PNG", url)
        self.assertEqual(struct.unpack(">II", body[16:24]), (40, 30), url)

    def test_a_plain_url(self):
        with urllib.request.urlopen(self.build(), timeout=30) as response:
            self.assertTrue(response.headers["content-type"].startswith("image/"))

    def test_transformed_and_signed_urls_of_both_positions(self):
        for position in ("query", "path"):
            for signing in ({}, {"signed": True}, {"expires_in": 600}):
                with self.subTest(f"{position} {signing}"):
                    url = self.build(transformation=TRANSFORMATION, transformation_position=position, **signing)
                    self.assertEqual("ik-s=" in url, bool(signing))
                    self.assert_png_of_40_by_30(url)

    def test_a_signed_url_that_was_changed_is_refused(self):
        url = self.build(transformation=TRANSFORMATION, transformation_position="path", signed=True)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(url.replace("w-40", "w-41"), timeout=30)
        self.assertEqual(caught.exception.code, 401)
        caught.exception.close()


if __name__ == "__main__":
    unittest.main()
