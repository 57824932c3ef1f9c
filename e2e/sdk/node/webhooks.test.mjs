// Messages about alerts as a receiver with the official SDK for Node gets them: its `webhooks.unwrap` verifies what we sign.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import ImageKit from '@imagekit/nodejs';

const { LIMPID_DASHBOARD: baseURL, IMAGEKIT_PRIVATE_KEY: privateKey } = process.env;
assert.ok(baseURL && privateKey, 'set LIMPID_DASHBOARD and IMAGEKIT_PRIVATE_KEY');

const client = new ImageKit({ baseURL, privateKey });
const authorization = `Basic ${Buffer.from(`${privateKey}:`).toString('base64')}`;

const call = async (method, path, body) => {
  const condition = method === 'DELETE' ? { 'if-match': '*' } : {};
  const answer = await fetch(`${baseURL}${path}`, { method, headers: { authorization, ...condition }, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
};

describe('webhooks', () => {
  const received = [];
  const receiver = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
      response.end('thanks');
    });
  });
  let webhook;

  before(async () => {
    await new Promise((listening) => receiver.listen(0, '127.0.0.1', listening));
    const url = `http://127.0.0.1:${receiver.address().port}/limpid`;
    webhook = await call('POST', '/dashboard/v1/webhooks', { url, events: ['alert.firing', 'alert.recovered'] });
  });

  after(async () => {
    receiver.close();
    await call('DELETE', `/dashboard/v1/webhooks/${webhook.id}`);
  });

  test('a test message arrives at once and the SDK unwraps it', async () => {
    const delivery = await call('POST', `/dashboard/v1/webhooks/${webhook.id}/test`);
    assert.equal(delivery.state, 'delivered');
    assert.equal(delivery.tries[0].answer, 'thanks');
    const [{ headers, body }] = received;
    const event = client.webhooks.unwrap(body, { headers, key: webhook.secret });
    assert.equal(event.type, 'webhook.test');
    assert.equal(event.id, headers['webhook-id']);
  });

  test('with another secret, or another body, the SDK refuses it', () => {
    const [{ headers, body }] = received;
    const refused = { name: 'WebhookVerificationError' };
    assert.throws(() => client.webhooks.unwrap(body, { headers, key: `${webhook.secret}x` }), refused);
    assert.throws(() => client.webhooks.unwrap(body.replace('demo', 'acme'), { headers, key: webhook.secret }), refused);
  });

  test("ImageKit's own header holds the same", () => {
    const [{ headers, body }] = received;
    const [, time, given] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers['x-ik-signature']);
    const expected = createHmac('sha256', webhook.secret).update(`${time}.${body}`).digest('hex');
    assert.equal(given, expected);
  });

  test('after a rotation only the new secret unwraps', async () => {
    const { secret } = await call('POST', `/dashboard/v1/webhooks/${webhook.id}/rotate-secret`);
    await call('POST', `/dashboard/v1/webhooks/${webhook.id}/test`);
    const { headers, body } = received.at(-1);
    assert.equal(client.webhooks.unwrap(body, { headers, key: secret }).type, 'webhook.test');
    assert.throws(() => client.webhooks.unwrap(body, { headers, key: webhook.secret }));
  });
});
