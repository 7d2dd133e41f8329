import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { World, SIGNATURES, admin, plain } from './harness.mjs';

let world;
before(async () => { world = await World.start(); });
after(() => world?.stop());

for (const [version, v4] of SIGNATURES) {
  describe(version, () => {
    const key = `${version}/a b+%中😀.txt`;
    const sign = (client, method, seconds, headers = {}) => (v4
      ? client.signatureUrlV4(method, seconds, { headers }, key)
      : client.signatureUrl(key, { method, expires: seconds, ...headers }));

    for (const [who, holder] of [['a long-term key', () => admin], ['a session', () => world.assume('all')]]) {
      test(`PUT and GET signed by ${who}`, async () => {
        const client = world.client(await holder(), v4);
        const put = await plain('PUT', await sign(client, 'PUT', 60), { body: who });
        assert.equal(put.status, 200, put.body);
        const got = await plain('GET', await sign(client, 'GET', 60));
        assert.deepEqual([got.status, got.body], [200, who]);
      });
    }

    test('a URL for one method, key or expiry is good for no other', async () => {
      const client = world.client(admin, v4);
      await client.put(key, Buffer.from('x'));
      const url = await sign(client, 'GET', 60);
      const other = url.replace('.txt', '.tx2');
      assert.notEqual(other, url);
      const later = url.replace(/(Expires|x-oss-expires)=(\d+)/, (_, name, value) => `${name}=${Number(value) + 1}`);
      assert.notEqual(later, url);
      for (const answer of [await plain('PUT', url, { body: 'y' }), await plain('GET', other), await plain('GET', later)]) {
        assert.equal(answer.status, 403);
        assert.match(answer.body, /<Code>SignatureDoesNotMatch</);
      }
      assert.equal((await client.get(key)).content.toString(), 'x');
    });

    test('an expired URL is refused', async () => {
      const client = world.client(admin, v4);
      await client.put(key, Buffer.from('x'));
      const url = await sign(client, 'GET', 1);
      await sleep(2100);  // expiry is counted in whole seconds
      const answer = await plain('GET', url);
      assert.equal(answer.status, 403);
      assert.match(answer.body, /<Code>AccessDenied<[^]*<Message>Request has expired/);
    });
  });
}
