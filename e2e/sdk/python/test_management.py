"""The management API as the official SDK for Python sees it: calls, answers, error classes and texts."""

import datetime
import os
import time
import unittest

import imagekitio
from imagekitio import ImageKit

DASHBOARD = os.environ["LIMPID_DASHBOARD"]
PRIVATE_KEY = os.environ["IMAGEKIT_PRIVATE_KEY"]
UNKNOWN_ID = "01900000-0000-7000-8000-000000000000"
SECRETS = {"access_key", "secret_key", "private_key", "sas_token", "client_id", "client_secret", "username", "password"}
PEM = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
RUN = f"{time.time_ns():x}"

# Each type: what is sent besides name and type, and what comes back of it.
TYPES = {
    "S3": (
        {"bucket": "b", "prefix": "raw", "access_key": "AKIAEXAMPLE", "secret_key": "very secret"},
        {"bucket": "b", "prefix": "raw", "use_iam_role": False},
    ),
    "S3_COMPATIBLE": (
        {
            "bucket": "b",
            "endpoint": "https://s3.example.com",
            "access_key": "AKIAEXAMPLE",
            "secret_key": "very secret",
            "s3_force_path_style": True,
        },
        {"bucket": "b", "endpoint": "https://s3.example.com", "prefix": "", "s3_force_path_style": True},
    ),
    "CLOUDINARY_BACKUP": (
        {"bucket": "b", "access_key": "AKIAEXAMPLE", "secret_key": "very secret"},
        {"bucket": "b", "prefix": ""},
    ),
    "WEB_FOLDER": (
        {"base_url": "https://images.example.com/assets"},
        {"base_url": "https://images.example.com/assets", "forward_host_header_to_origin": False},
    ),
    "WEB_PROXY": ({}, {}),
    "GCS": (
        {"bucket": "b", "client_email": "reader@project.iam.gserviceaccount.com", "private_key": PEM},
        {"bucket": "b", "client_email": "reader@project.iam.gserviceaccount.com", "prefix": ""},
    ),
    "AZURE_BLOB": (
        {"container": "c", "account_name": "acme", "sas_token": "?sv=2024-01-01&sig=x"},
        {"container": "c", "account_name": "acme", "prefix": ""},
    ),
    "AKENEO_PIM": (
        {
            "base_url": "https://pim.example.com",
            "client_id": "i",
            "client_secret": "s",
            "username": "u",
            "password": "p",
        },
        {"base_url": "https://pim.example.com"},
    ),
}


class ManagementTest(unittest.TestCase):
    def setUp(self):
        self.client = ImageKit(base_url=DASHBOARD, private_key=PRIVATE_KEY)
        self.origins = self.client.accounts.origins
        self.endpoints = self.client.accounts.url_endpoints
        default = self.endpoints.get("default")
        self.default = {"description": default.description, "origins": default.origins, "url_prefix": default.url_prefix}
        self.addCleanup(self.client.close)

    def refused(self, error, message, call, *arguments, **options):
        with self.assertRaises(error) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.body["message"], message)
        self.assertIn("help", caught.exception.body)
        self.assertIn("x-ik-requestid", caught.exception.response.headers)

    def restore_default_endpoint(self):
        """The very first origin of an account joins the default endpoint, which keeps it from being deleted."""
        self.endpoints.update("default", **self.default)

    def remove_origin(self, origin_id):
        self.restore_default_endpoint()
        try:
            self.origins.delete(origin_id)
        except imagekitio.NotFoundError:
            pass

    def create_origin(self, **body):
        origin = self.origins.create(**body)
        self.addCleanup(self.remove_origin, origin.id)
        return origin

    def test_every_type_of_origin_is_created_read_listed_replaced_and_deleted(self):
        for kind, (sent, answered) in TYPES.items():
            with self.subTest(kind):
                origin = self.create_origin(name=f"Test {RUN}", type=kind, **sent)
                self.assertEqual((origin.type, origin.include_canonical_header), (kind, False))
                for name, value in answered.items():
                    self.assertEqual(getattr(origin, name), value, name)
                self.assertEqual(SECRETS & set(origin.to_dict(use_api_names=False)), set())
                self.assertEqual(self.origins.get(origin.id), origin)
                self.assertIn(origin, self.origins.list())
                replaced = self.origins.update(origin.id, name="Renamed", type=kind, **sent)
                self.assertEqual((replaced.id, replaced.name), (origin.id, "Renamed"))
                self.restore_default_endpoint()
                self.assertIsNone(self.origins.delete(origin.id))
                self.refused(imagekitio.NotFoundError, "Origin not found.", self.origins.get, origin.id)

    def test_a_missing_field_is_named(self):
        for kind, (sent, _) in TYPES.items():
            for field in set(sent) & {"bucket", "endpoint", "base_url", "container", "client_email"}:
                with self.subTest(f"{kind} {field}"):
                    rest = {name: value for name, value in sent.items() if name != field}
                    api_name = {"base_url": "baseUrl", "client_email": "clientEmail"}.get(field, field)
                    with self.assertRaises(imagekitio.BadRequestError) as caught:
                        self.origins.create(name="Incomplete", type=kind, extra_body={}, **rest, **{field: imagekitio.omit})
                    self.assertEqual(
                        caught.exception.body["message"], f"{api_name} is required and must be a string"
                    )

    def test_url_endpoints_are_created_read_listed_replaced_and_deleted(self):
        origin = self.create_origin(name=f"Behind {RUN}", type="WEB_PROXY")
        self.restore_default_endpoint()
        endpoint = self.endpoints.create(
            description="Blog", url_prefix=f"blog-{RUN}", origins=[origin.id], url_rewriter={"type": "IMGIX"}
        )
        self.assertEqual((endpoint.url_prefix, endpoint.origins), (f"blog-{RUN}", [origin.id]))
        self.assertEqual(endpoint.url_rewriter.type, "IMGIX")
        self.assertEqual(self.endpoints.get(endpoint.id), endpoint)
        self.assertIn(endpoint, self.endpoints.list())
        with self.assertRaises(imagekitio.BadRequestError) as caught:
            self.origins.delete(origin.id)
        self.assertIn("Blog", caught.exception.body["message"])
        replaced = self.endpoints.update(endpoint.id, description="Empty", url_prefix=f"blog-{RUN}")
        self.assertEqual((replaced.id, replaced.origins, replaced.url_rewriter), (endpoint.id, [], None))
        self.assertIsNone(self.endpoints.delete(endpoint.id))
        self.refused(imagekitio.NotFoundError, "URL-endpoint not found.", self.endpoints.get, endpoint.id)

    def test_the_default_endpoint_stays(self):
        self.assertIn("default", [endpoint.id for endpoint in self.endpoints.list()])
        self.refused(
            imagekitio.BadRequestError, "Default URL-endpoint cannot be deleted.", self.endpoints.delete, "default"
        )

    def test_what_is_wrong_is_said_in_the_documented_words(self):
        bad, missing = imagekitio.BadRequestError, imagekitio.NotFoundError
        self.refused(missing, "Origin not found.", self.origins.delete, UNKNOWN_ID)
        self.refused(missing, "URL-endpoint not found.", self.endpoints.delete, UNKNOWN_ID)
        self.refused(
            bad,
            "Origin does not exists. Please create origin before using it in URL-endpoint.",
            self.endpoints.create,
            description="x",
            url_prefix=f"wrong-{RUN}",
            origins=[UNKNOWN_ID],
        )
        self.refused(
            bad,
            "urlPrefix cannot be empty string. This is reserved for the default URL-endpoint created by ImageKit.",
            self.endpoints.create,
            description="x",
            url_prefix="",
        )

    def test_a_purge_is_accepted_and_then_completed(self):
        invalidation = self.client.cache.invalidation
        purge = invalidation.create(url="https://images.example.com/demo/tr:w-301/cat.jpg")
        deadline = time.monotonic() + 20
        while invalidation.get(purge.request_id).status != "Completed":
            self.assertLess(time.monotonic(), deadline, "the purge stays pending")
            time.sleep(0.05)
        self.refused(
            imagekitio.BadRequestError,
            "The URL is not valid for cache purging.",
            invalidation.create,
            url="https://images.example.com/other/cat.jpg",
        )
        self.refused(
            imagekitio.BadRequestError, "No request found for this requestId.", invalidation.get, "598821f949c0a938d57563bd"
        )

    def test_usage_and_its_analytics(self):
        today = datetime.datetime.now(datetime.timezone.utc).date()
        accounts = self.client.accounts
        used = accounts.usage.get(start_date=today - datetime.timedelta(days=30), end_date=today)
        self.assertGreaterEqual(used.bandwidth_bytes, 0)
        self.assertEqual(used.media_library_storage_bytes, 0)
        analytics = accounts.usage_analytics.get(start_date=today, end_date=today)
        self.assertGreaterEqual(analytics.request_count, analytics.cache.hit_count)
        self.assertEqual(analytics.video_processing, [])
        self.assertEqual(analytics.top_images.by_requests[:0], [])
        self.refused(
            imagekitio.BadRequestError,
            "startDate should be before endDate.",
            accounts.usage.get,
            start_date=today,
            end_date=today,
        )

    def test_webhooks_are_created_read_changed_and_deleted(self):
        webhooks = self.client.accounts.webhooks
        endpoint = f"https://hooks.example.com/{RUN}"
        created = webhooks.create(endpoint=endpoint, events=["alert.firing"])
        self.assertRegex(created.secret, r"^whsec_[0-9A-Za-z]{49}$")
        self.assertEqual((created.endpoint, created.events, created.enabled), (endpoint, ["alert.firing"], True))
        read = webhooks.get(created.id)
        self.assertEqual(read.secret, created.secret[:10] + "…", "whole only in the answer that made it")
        self.assertIn(read, webhooks.list())
        changed = webhooks.update(created.id, enabled=False, events=["alert.firing", "alert.recovered"])
        self.assertEqual((changed.enabled, len(changed.events), changed.endpoint), (False, 2, endpoint))
        with self.assertRaises(imagekitio.BadRequestError) as caught:
            webhooks.create(endpoint=f"{endpoint}/media", events=["file.created"])
        self.assertIn('"file.created" never happens here', caught.exception.body["message"])
        self.assertIsNone(webhooks.delete(created.id))
        self.refused(imagekitio.NotFoundError, "Webhook not found.", webhooks.get, created.id)

    def test_a_wrong_key_is_403(self):
        wrong = ImageKit(base_url=DASHBOARD, private_key="private_wrong")
        self.addCleanup(wrong.close)
        self.refused(
            imagekitio.PermissionDeniedError, "Your account cannot be authenticated.", wrong.accounts.origins.list
        )

    def test_uploads_are_refused_with_a_clear_text(self):
        with self.assertRaises(imagekitio.InternalServerError) as caught:
            self.client.files.upload(file=b"x", file_name="x.jpg")
        self.assertEqual(caught.exception.status_code, 501)
        self.assertIn("Limpid does not support this call", caught.exception.body["message"])


if __name__ == "__main__":
    unittest.main()
