// URLs that the official SDK builds and signs, fetched from serving.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import ImageKit from '@imagekit/nodejs';

const {
  LIMPID_SERVING: serving,
  IMAGEKIT_PRIVATE_KEY: privateKey,
  LIMPID_IMAGEKIT_ID: imagekitId = 'demo',
  LIMPID_IMAGE_PATH: src,
} = process.env;
assert.ok(serving && privateKey && src, 'set LIMPID_SERVING, IMAGEKIT_PRIVATE_KEY and LIMPID_IMAGE_PATH');

const client = new ImageKit({ privateKey });
const urlEndpoint = `${serving.replace(/\/$/, '')}/${imagekitId}`;
const build = (options = {}) => client.helper.buildSrc({ urlEndpoint, src, ...options });
const transformation = [{ width: 40, height: 30, format: 'png' }];
const PNG = [0x89, 0x50, 0x4e, 0x47];

const fetchImage = async (url) => {
  const response = await fetch(url);
  const bytes = Buffer.from(await response.arrayBuffer());
  assert.equal(response.status, 200, `${url}: ${response.headers.get('ik-error') ?? bytes.subarray(0, 100)}`);
  assert.match(response.headers.get('content-type'), /^image\//);
  return bytes;
};

const assertPngOf40By30 = (bytes) => {
  assert.deepEqual([...bytes.subarray(0, 4)], PNG);
  assert.deepEqual([bytes.readUInt32BE(16), bytes.readUInt32BE(20)], [40, 30]);
};

test('a named transformation, made and used through the SDK', async (t) => {
  const management = new ImageKit({ baseURL: process.env.LIMPID_DASHBOARD, privateKey });
  const name = `tiny_${Date.now().toString(36)}`;
  const named = await management.namedTransformations.create({ name, transformation: 'w-40,h-30,f-png' });
  t.after(() => management.namedTransformations.delete(named.id));
  const url = build({ transformation: [{ named: name }], transformationPosition: 'path' });
  const deadline = Date.now() + 10_000;
  while (Date.now() < deadline && (await fetch(url, { method: 'HEAD' })).status === 400) {
    // The node hears of the change in a moment.
  }
  assertPngOf40By30(await fetchImage(url));
});

test('a plain URL', async () => {
  await fetchImage(build());
});

test('a transformation in the query and in the path', async () => {
  for (const transformationPosition of ['query', 'path']) {
    assertPngOf40By30(await fetchImage(build({ transformation, transformationPosition })));
  }
});

test('chained steps', async () => {
  const chain = [{ width: 80, height: 60 }, { width: 40, height: 30, format: 'png' }];
  assertPngOf40By30(await fetchImage(build({ transformation: chain })));
});

test('signed for ever and signed with an expiry, both positions', async () => {
  for (const transformationPosition of ['query', 'path']) {
    for (const signing of [{ signed: true }, { expiresIn: 600 }]) {
      const url = build({ transformation, transformationPosition, ...signing });
      assert.match(url, /ik-s=[0-9a-f]{40}/);
      assertPngOf40By30(await fetchImage(url));
    }
  }
});

test('a signed URL that was changed is refused', async () => {
  const signed = build({ transformation, transformationPosition: 'path', signed: true });
  const response = await fetch(signed.replace('w-40', 'w-41'));
  await response.arrayBuffer();
  assert.equal(response.status, 401);
});

test('an address from a foreign account is refused with a code', async () => {
  const response = await fetch(client.helper.buildSrc({ urlEndpoint: `${serving}/nobody-has-this`, src }));
  await response.arrayBuffer();
  assert.equal(response.status, 404);
  assert.match(response.headers.get('ik-error'), /^ENOENT - /);
});

test('what was fetched is in the usage', async () => {
  const management = new ImageKit({ baseURL: process.env.LIMPID_DASHBOARD, privateKey });
  const today = () => new Date().toISOString().slice(0, 10);
  const before = today();
  await fetchImage(build({ transformation: [{ width: 41, format: 'png' }], transformationPosition: 'path' }));
  const named = (list, part) => list.some(({ name, requestCount }) => name.includes(part) && requestCount > 0);
  const deadline = Date.now() + 30_000;
  let analytics;
  do {
    // Nodes tell what they counted every ten seconds.
    await new Promise((resolve) => setTimeout(resolve, 250));
    analytics = await management.accounts.usageAnalytics.get({ startDate: before, endDate: today() });
  } while (!named(analytics.topImageTransforms.byRequests, 'tr:w-41,f-png') && Date.now() < deadline);
  assert.ok(named(analytics.topImageTransforms.byRequests, 'tr:w-41,f-png'));
  assert.ok(named(analytics.topImages.byBandwidth, src));
  assert.ok(named(analytics.statusCodes, '200'));
  assert.ok(analytics.bandwidthBytes > 0 && analytics.cache.missCount > 0);
});
