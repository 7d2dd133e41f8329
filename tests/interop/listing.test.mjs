import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { World, SIGNATURES, admin, refused } from './harness.mjs';

const KEYS = ['a', 'dir/1', 'dir/2', 'dir/sub/3', 'dir 2/x', 'z+%', '中'];
const names = (answer) => (answer.objects ?? []).map((object) => object.name);
let world;
before(async () => {
  world = await World.start();
  const oss = world.client(admin, true);
  for (const key of KEYS) await oss.put(key, Buffer.from(key));
});
after(() => world?.stop());

const byBytes = [...KEYS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

for (const [version, v4] of SIGNATURES) {
  describe(version, () => {
    let oss;
    before(() => { oss = world.client(admin, v4); });

    for (const list of ['list', 'listV2']) {
      test(`${list}: prefix, delimiter and order`, async () => {
        assert.deepEqual(names(await oss[list]({})), byBytes);
        const top = await oss[list]({ delimiter: '/' });
        assert.deepEqual(top.prefixes, ['dir 2/', 'dir/']);
        assert.deepEqual(names(top), ['a', 'z+%', '中']);
        const inside = await oss[list]({ prefix: 'dir/', delimiter: '/' });
        assert.deepEqual([names(inside), inside.prefixes], [['dir/1', 'dir/2'], ['dir/sub/']]);
        assert.deepEqual(names(await oss[list]({ prefix: 'no such' })), []);
        // The SDK hands encoded names on as they are.
        const encoded = names(await oss[list]({ 'encoding-type': 'url' }));
        assert.ok(encoded.includes('%E4%B8%AD'), String(encoded));
        assert.deepEqual(encoded.map(decodeURIComponent), byBytes);
      });
      test(`${list}: max-keys out of range is refused`, () =>
        refused(oss[list]({ 'max-keys': 1001 }), 400, 'InvalidArgument'));
    }

    test('list goes on from the marker', async () => {
      const all = [];
      let marker;
      do {
        const page = await oss.list({ 'max-keys': 2, ...(marker && { marker }) });
        assert.ok(names(page).length <= 2);
        all.push(...names(page));
        marker = page.nextMarker;
        assert.equal(page.isTruncated, Boolean(marker));
      } while (marker);
      assert.deepEqual(all, byBytes);
      assert.deepEqual(names(await oss.list({ marker: 'dir/2' })), ['dir/sub/3', 'z+%', '中']);
    });

    test('listV2 goes on from the continuation token, or after a key', async () => {
      const all = [];
      let token;
      do {
        const page = await oss.listV2({ 'max-keys': 2, ...(token && { 'continuation-token': token }) });
        assert.equal(page.keyCount, names(page).length);
        all.push(...names(page));
        token = page.nextContinuationToken;
      } while (token);
      assert.deepEqual(all, byBytes);
      assert.deepEqual(names(await oss.listV2({ 'start-after': 'dir/2' })), ['dir/sub/3', 'z+%', '中']);
    });

    test('listV2 names owners when asked', async () => {
      const owned = await oss.listV2({ prefix: 'a', 'fetch-owner': true });
      assert.equal(owned.objects[0].owner.id, '123456789012');
      assert.equal((await oss.listV2({ prefix: 'a' })).objects[0].owner, null);
    });
  });
}
