// The management API as the official SDK for Node sees it: calls, answers, error classes and texts.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import ImageKit from '@imagekit/nodejs';

const { LIMPID_DASHBOARD: baseURL, IMAGEKIT_PRIVATE_KEY: privateKey } = process.env;
assert.ok(baseURL && privateKey, 'set LIMPID_DASHBOARD and IMAGEKIT_PRIVATE_KEY');

const client = new ImageKit({ baseURL, privateKey });
const { origins, urlEndpoints } = client.accounts;
const SECRETS = ['accessKey', 'secretKey', 'privateKey', 'sasToken', 'clientId', 'clientSecret', 'username', 'password'];
const UNKNOWN_ID = '01900000-0000-7000-8000-000000000000';
const pem = '-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n';

/** Each type: what is sent besides name and type, and what comes back of it. */
const TYPES = {
  S3: {
    sent: { bucket: 'product-images', prefix: 'raw-assets', accessKey: 'AKIAEXAMPLE', secretKey: 'very secret' },
    answered: { bucket: 'product-images', prefix: 'raw-assets', useIAMRole: false },
  },
  S3_COMPATIBLE: {
    sent: { bucket: 'b', endpoint: 'https://s3.example.com', accessKey: 'AKIAEXAMPLE', secretKey: 'very secret' },
    answered: { bucket: 'b', endpoint: 'https://s3.example.com', prefix: '', s3ForcePathStyle: false },
  },
  CLOUDINARY_BACKUP: {
    sent: { bucket: 'b', accessKey: 'AKIAEXAMPLE', secretKey: 'very secret' },
    answered: { bucket: 'b', prefix: '', useIAMRole: false },
  },
  WEB_FOLDER: {
    sent: { baseUrl: 'https://images.example.com/assets' },
    answered: { baseUrl: 'https://images.example.com/assets', forwardHostHeaderToOrigin: false },
  },
  WEB_PROXY: { sent: {}, answered: {} },
  GCS: {
    sent: { bucket: 'b', clientEmail: 'reader@project.iam.gserviceaccount.com', privateKey: pem },
    answered: { bucket: 'b', clientEmail: 'reader@project.iam.gserviceaccount.com', prefix: '' },
  },
  AZURE_BLOB: {
    sent: { container: 'c', accountName: 'acme', sasToken: '?sv=2024-01-01&sig=x' },
    answered: { container: 'c', accountName: 'acme', prefix: '' },
  },
  AKENEO_PIM: {
    sent: { baseUrl: 'https://pim.example.com', clientId: 'i', clientSecret: 's', username: 'u', password: 'p' },
    answered: { baseUrl: 'https://pim.example.com' },
  },
};

/** The error a call ends with. */
const failure = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail('the call succeeded');
};

const assertRefused = async (promise, errorClass, text) => {
  const error = await failure(promise);
  assert.ok(error instanceof errorClass, `${error.constructor.name}: ${error.message}`);
  assert.equal(error.message, text);
  assert.equal(typeof error.error.help, 'string');
  assert.match(error.headers.get('x-ik-requestid'), /^[0-9a-f-]{36}$/);
};

const created = { origins: [], endpoints: [], named: [] };
const createOrigin = async (body) => {
  const origin = await origins.create(body);
  created.origins.push(origin.id);
  return origin;
};
const createEndpoint = async (body) => {
  const endpoint = await urlEndpoints.create(body);
  created.endpoints.push(endpoint.id);
  return endpoint;
};

const createNamed = async (body) => {
  const named = await client.namedTransformations.create(body);
  created.named.push(named.id);
  return named;
};

/** Distinct on every run, so that the tests can be repeated against the same account. */
const run = Date.now().toString(36);

let defaultEndpoint;
before(async () => {
  defaultEndpoint = await urlEndpoints.get('default');
});
after(async () => {
  for (const id of created.named) await client.namedTransformations.delete(id).catch(() => {});
  for (const id of created.endpoints) await urlEndpoints.delete(id).catch(() => {});
  const { id: _, ...settings } = defaultEndpoint;
  await urlEndpoints.update('default', settings);
  for (const id of created.origins) await origins.delete(id).catch(() => {});
});

describe('origins', () => {
  for (const [type, { sent, answered }] of Object.entries(TYPES)) {
    test(`${type}: created, read, listed, replaced and deleted, without its secrets`, async () => {
      const body = { name: `Test ${run}`, type, ...sent };
      const origin = await createOrigin(body);
      assert.deepEqual(
        { ...origin },
        { id: origin.id, name: body.name, type, includeCanonicalHeader: false, ...answered },
      );
      assert.deepEqual(await origins.get(origin.id), origin);
      assert.deepEqual((await origins.list()).find(({ id }) => id === origin.id), origin);

      const replaced = await origins.update(origin.id, {
        ...body,
        name: 'Renamed',
        includeCanonicalHeader: true,
        baseUrlForCanonicalHeader: 'https://www.example.com',
      });
      assert.equal(replaced.id, origin.id);
      assert.equal(replaced.name, 'Renamed');
      assert.equal(replaced.includeCanonicalHeader, true);
      assert.equal(replaced.baseUrlForCanonicalHeader, 'https://www.example.com');
      for (const answer of [origin, replaced]) {
        assert.deepEqual(SECRETS.filter((name) => name in answer), []);
      }

      // The very first origin of an account joins the default endpoint, which keeps it from being deleted.
      const { id: _, ...settings } = defaultEndpoint;
      await urlEndpoints.update('default', settings);
      const { data, response } = await origins.delete(origin.id).withResponse();
      assert.equal(response.status, 204);
      assert.ok(!data);
      await assertRefused(origins.get(origin.id), ImageKit.NotFoundError, '404 Origin not found.');
    });

    for (const field of Object.keys(sent).filter((name) => name !== 'prefix')) {
      test(`${type}: ${field} is required`, async () => {
        const { [field]: _, ...rest } = sent;
        await assertRefused(
          origins.create({ name: 'Incomplete', type, ...rest }),
          ImageKit.BadRequestError,
          `400 ${field} is required and must be a string`,
        );
      });
    }
  }

  test('S3 with an IAM role needs no keys', async () => {
    const origin = await createOrigin({
      name: `Role ${run}`, type: 'S3', bucket: 'b', accessKey: '', secretKey: '', useIAMRole: true,
    });
    assert.equal(origin.useIAMRole, true);
  });

  test('what is wrong is said in the documented words', async () => {
    const { BadRequestError, NotFoundError } = ImageKit;
    const web = { type: 'WEB_FOLDER', baseUrl: 'https://images.example.com' };
    await assertRefused(
      origins.create({ name: 'x', type: 'FTP' }),
      BadRequestError,
      '400 Invalid origin type. Must be one of S3, S3_COMPATIBLE, CLOUDINARY_BACKUP, WEB_FOLDER, WEB_PROXY, GCS, AZURE_BLOB, AKENEO_PIM.',
    );
    await assertRefused(origins.create(web), BadRequestError, '400 name is required and must be a string');
    for (const wrong of [
      { ...web, name: 'a/b' },
      { ...web, name: 'x'.repeat(101) },
      { ...web, name: 'x', tenantId: 1 },
      { ...web, name: 'x', baseUrl: 'ftp://images.example.com' },
    ]) {
      assert.ok((await failure(origins.create(wrong))) instanceof BadRequestError);
    }
    const unknown = { name: 'x', ...web };
    await assertRefused(origins.get(UNKNOWN_ID), NotFoundError, '404 Origin not found.');
    await assertRefused(origins.get('no-uuid'), NotFoundError, '404 Origin not found.');
    await assertRefused(origins.update(UNKNOWN_ID, unknown), NotFoundError, '404 Origin not found.');
    await assertRefused(origins.delete(UNKNOWN_ID), NotFoundError, '404 Origin not found.');
  });
});

describe('URL endpoints', () => {
  test('created, read, listed, replaced and deleted', async () => {
    const origin = await createOrigin({ name: `Behind ${run}`, type: 'WEB_PROXY' });
    const endpoint = await createEndpoint({
      description: 'Product pages', urlPrefix: `shop-${run}`, origins: [origin.id],
      urlRewriter: { type: 'CLOUDINARY' },
    });
    assert.deepEqual(
      { ...endpoint },
      {
        id: endpoint.id, description: 'Product pages', urlPrefix: `shop-${run}`, origins: [origin.id],
        urlRewriter: { type: 'CLOUDINARY', preserveAssetDeliveryTypes: false },
      },
    );
    assert.deepEqual(await urlEndpoints.get(endpoint.id), endpoint);
    assert.deepEqual((await urlEndpoints.list()).find(({ id }) => id === endpoint.id), endpoint);

    const inUse = await failure(origins.delete(origin.id));
    assert.ok(inUse instanceof ImageKit.BadRequestError, inUse.message);
    assert.match(inUse.message, /in use by .*Product pages/);

    const replaced = await urlEndpoints.update(endpoint.id, { description: 'Empty', urlPrefix: `shop-${run}` });
    assert.deepEqual({ ...replaced }, { id: endpoint.id, description: 'Empty', urlPrefix: `shop-${run}`, origins: [] });
    await origins.delete(origin.id);
    assert.equal((await urlEndpoints.delete(endpoint.id).withResponse()).response.status, 204);
    await assertRefused(urlEndpoints.get(endpoint.id), ImageKit.NotFoundError, '404 URL-endpoint not found.');
  });

  test('the default endpoint is listed, read by its name and stays', async () => {
    const listed = (await urlEndpoints.list()).filter(({ id }) => id === 'default');
    assert.equal(listed.length, 1);
    const endpoint = await urlEndpoints.get('default');
    assert.equal(endpoint.id, 'default');
    assert.equal(endpoint.urlPrefix, '');
    await assertRefused(
      urlEndpoints.delete('default'), ImageKit.BadRequestError, '400 Default URL-endpoint cannot be deleted.',
    );
  });

  test('what is wrong is said in the documented words', async () => {
    const { BadRequestError, NotFoundError } = ImageKit;
    const endpoint = { description: 'x', urlPrefix: `wrong-${run}` };
    await assertRefused(
      urlEndpoints.create({ urlPrefix: 'x' }), BadRequestError, '400 description is required',
    );
    await assertRefused(
      urlEndpoints.create({ description: 'x', urlPrefix: 1 }), BadRequestError, '400 urlPrefix must be a string',
    );
    await assertRefused(
      urlEndpoints.create({ description: 'x', urlPrefix: '' }),
      BadRequestError,
      '400 urlPrefix cannot be empty string. This is reserved for the default URL-endpoint created by ImageKit.',
    );
    await assertRefused(
      urlEndpoints.create({ ...endpoint, origins: [UNKNOWN_ID] }),
      BadRequestError,
      '400 Origin does not exists. Please create origin before using it in URL-endpoint.',
    );
    const eleven = await failure(urlEndpoints.create({ ...endpoint, origins: Array(11).fill(UNKNOWN_ID) }));
    assert.ok(eleven instanceof BadRequestError, eleven.message);
    await assertRefused(urlEndpoints.get(UNKNOWN_ID), NotFoundError, '404 URL-endpoint not found.');
    await assertRefused(urlEndpoints.update(UNKNOWN_ID, endpoint), NotFoundError, '404 URL-endpoint not found.');
    await assertRefused(urlEndpoints.delete(UNKNOWN_ID), NotFoundError, '404 URL-endpoint not found.');
  });
});

describe('named transformations', () => {
  const { namedTransformations } = client;
  const { BadRequestError, ConflictError, NotFoundError } = ImageKit;
  const transformation = 'w-150,h-150,fo-center,cm-pad_resize';

  test('created, read, listed, changed field by field and deleted', async () => {
    const name = `thumb_${run}`;
    const named = await createNamed({ name, transformation });
    assert.deepEqual(
      { ...named },
      { id: named.id, name, transformation, enabled: true, createdAt: named.createdAt },
    );
    assert.ok(!Number.isNaN(Date.parse(named.createdAt)));
    assert.deepEqual(await namedTransformations.get(named.id), named);
    assert.deepEqual((await namedTransformations.list()).find(({ id }) => id === named.id), named);
    const disabled = await namedTransformations.update(named.id, { enabled: false });
    assert.deepEqual({ ...disabled }, { ...named, enabled: false });
    const changed = await namedTransformations.update(named.id, { name: `card_${run}`, transformation: 'w-200' });
    assert.deepEqual({ ...changed }, { ...disabled, name: `card_${run}`, transformation: 'w-200' });
    await namedTransformations.delete(named.id);
    await assertRefused(namedTransformations.get(named.id), NotFoundError, '404 Named transformation not found.');
    await assertRefused(
      namedTransformations.update(named.id, { enabled: true }),
      NotFoundError,
      '404 Named transformation not found.',
    );
  });

  test('a taken name is 409, and what could not be delivered 400', async () => {
    const name = `taken_${run}`;
    await createNamed({ name, transformation });
    const message = `Named transformation with name ${name} already exists.`;
    await assertRefused(namedTransformations.create({ name, transformation }), ConflictError, `409 ${message}`);
    for (const wrong of [
      { name: 'a-b', transformation },
      { name: `x_${run}`, transformation: 'w-abc' },
      { name: `x_${run}`, transformation: `n-${name}` },
    ]) {
      const error = await failure(namedTransformations.create(wrong));
      assert.ok(error instanceof BadRequestError, error.message);
    }
  });
});

describe('usage', () => {
  const { usage, usageAnalytics } = client.accounts;
  const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

  test('bandwidth and what we have none of, as whole numbers', async () => {
    const used = await usage.get({ startDate: day(-30), endDate: day(1) });
    const { bandwidthBytes, ...rest } = used;
    assert.ok(Number.isInteger(bandwidthBytes) && bandwidthBytes >= 0);
    assert.deepEqual(rest, {
      mediaLibraryStorageBytes: 0,
      videoProcessingUnitsCount: 0,
      extensionUnitsCount: 0,
      originalCacheStorageBytes: 0,
    });
  });

  test('analytics have every list in both orders', async () => {
    const analytics = await usageAnalytics.get({ startDate: day(0), endDate: day(0) });
    assert.equal(analytics.startDate, day(0));
    assert.ok(Number.isFinite(Date.parse(analytics.generatedAt)));
    for (const count of ['hitCount', 'missCount', 'errorCount']) {
      assert.ok(Number.isInteger(analytics.cache[count]), count);
    }
    for (const list of ['statusCodes', 'errorReasons', 'top404Assets', 'extensions', 'videoProcessing']) {
      assert.ok(Array.isArray(analytics[list]), list);
    }
    for (const lists of [
      'browser',
      'country',
      'device',
      'format',
      'urlEndpoints',
      'topImages',
      'topVideos',
      'topOtherAssets',
      'topImageTransforms',
      'topVideoTransforms',
      'topReferrers',
      'topUserAgents',
    ]) {
      assert.ok(Array.isArray(analytics[lists].byRequests) && Array.isArray(analytics[lists].byBandwidth), lists);
    }
  });

  test('dates are refused in the documented words', async () => {
    for (const [dates, message] of [
      [{}, 'startDate and endDate are required in query parameters.'],
      [{ startDate: '1.11.2026', endDate: day(0) }, 'startDate and endDate should be in format YYYY-MM-DD.'],
      [{ startDate: day(1), endDate: day(0) }, 'startDate should be before endDate.'],
      [{ startDate: day(-90), endDate: day(0) }, 'startDate and endDate should be within 90 days.'],
    ]) {
      for (const resource of [usage, usageAnalytics]) {
        await assertRefused(resource.get(dates), ImageKit.BadRequestError, `400 ${message}`);
      }
    }
  });
});

describe('authentication', () => {
  test('any password is accepted', async () => {
    for (const password of ['do_not_set', 'anything']) {
      await new ImageKit({ baseURL, privateKey, password }).accounts.origins.list();
    }
    // This SDK refuses to send an empty one; other clients do.
    const authorization = `Basic ${Buffer.from(`${privateKey}:`).toString('base64')}`;
    const response = await fetch(`${baseURL}/v1/accounts/origins`, { headers: { authorization } });
    await response.arrayBuffer();
    assert.equal(response.status, 200);
  });

  test('no key is 401 and a wrong key is 403', async () => {
    const without = new ImageKit({ baseURL, privateKey, defaultHeaders: { Authorization: null } });
    await assertRefused(
      without.accounts.origins.list(),
      ImageKit.AuthenticationError,
      '401 Your request does not contain private API key.',
    );
    for (const wrong of ['private_wrong', `${privateKey}x`, privateKey.slice(0, -1)]) {
      await assertRefused(
        new ImageKit({ baseURL, privateKey: wrong }).accounts.origins.list(),
        ImageKit.PermissionDeniedError,
        '403 Your account cannot be authenticated.',
      );
    }
  });
});

describe('cache invalidation', () => {
  test('a purge is accepted and completed when the serving node has applied it', async () => {
    const { requestId } = await client.cache.invalidation.create({ url: 'https://images.example.com/demo/tr:w-300/cat.jpg' });
    assert.ok(requestId);
    const deadline = Date.now() + 20_000;
    for (;;) {
      const { status } = await client.cache.invalidation.get(requestId);
      if (status === 'Completed') break;
      assert.equal(status, 'Pending');
      assert.ok(Date.now() < deadline, 'the purge stays pending');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  test('what is wrong is said in the documented words', async () => {
    for (const url of ['https://images.example.com/other/cat.jpg', 'https://images.example.com/demo/images*']) {
      await assertRefused(
        client.cache.invalidation.create({ url }),
        ImageKit.BadRequestError,
        '400 The URL is not valid for cache purging.',
      );
    }
    await assertRefused(
      client.cache.invalidation.get('598821f949c0a938d57563bd'),
      ImageKit.BadRequestError,
      '400 No request found for this requestId.',
    );
  });
});

test('calls of the media library are refused at once, without retries', async () => {
  let calls = 0;
  const counting = new ImageKit({
    baseURL,
    privateKey,
    fetch: (...request) => {
      calls += 1;
      return fetch(...request);
    },
  });
  const error = await failure(counting.assets.list());
  assert.equal(error.status, 501);
  assert.match(error.message, /^501 Limpid does not support this call/);
  assert.equal(calls, 1);
});
