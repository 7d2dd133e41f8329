import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { World, SIGNATURES, admin, refused } from './harness.mjs';

let world;
before(async () => { world = await World.start(); });
after(() => world?.stop());

const NAMES = ['a b', '100%', '%41', 'a+b', `it's "quoted"`, 'two\nlines', '中文/名字', '😀.txt', 'a&b=c?d#e', '~!*()'];

for (const [version, v4] of SIGNATURES) {
  describe(version, () => {
    let oss;
    const key = (name) => `${version}/${name}`;
    before(() => { oss = world.client(admin, v4); });

    test('buffers, streams and files come back as they were put', async () => {
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
      const file = path.join(world.directory, `${version}.bin`);
      fs.writeFileSync(file, bytes);
      await oss.put(key('buffer'), bytes, { meta: { owner: 'x' }, mime: 'text/x-test' });
      await oss.putStream(key('stream'), Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)]));
      await oss.put(key('file'), file);
      for (const name of ['buffer', 'stream', 'file']) assert.deepEqual((await oss.get(key(name))).content, bytes);
      const pieces = [];
      for await (const piece of (await oss.getStream(key('buffer'))).stream) pieces.push(piece);
      assert.deepEqual(Buffer.concat(pieces), bytes);
      await oss.get(key('buffer'), `${file}.back`);
      assert.deepEqual(fs.readFileSync(`${file}.back`), bytes);
    });

    for (const name of NAMES) {
      test(`name ${JSON.stringify(name)}`, async () => {
        await oss.put(key(name), Buffer.from(name));
        assert.equal((await oss.get(key(name))).content.toString(), name);
        const listed = await oss.listV2({ prefix: key(name), 'max-keys': 5 });
        assert.ok(listed.objects.some((object) => object.name === key(name)), JSON.stringify(listed.objects));
        await oss.copy(key(`copy of ${name}`), key(name));
        assert.equal((await oss.get(key(`copy of ${name}`))).content.toString(), name);
        assert.deepEqual((await oss.deleteMulti([key(name)])).deleted.map((d) => d.Key ?? d), [key(name)]);
        await refused(oss.get(key(name)), 404, 'NoSuchKey');
      });
    }

    test('ranges, head and conditions', async () => {
      const put = await oss.put(key('r'), Buffer.from('0123456789'), { meta: { m: '1' } });
      const part = await oss.get(key('r'), { headers: { Range: 'bytes=2-4' } });
      assert.deepEqual([part.res.status, part.content.toString()], [206, '234']);
      const head = await oss.head(key('r'));
      assert.deepEqual([head.meta.m, head.res.headers['content-length']], ['1', '10']);
      const { etag } = put.res.headers;
      assert.equal((await oss.head(key('r'), { headers: { 'If-Match': etag } })).status, 200);
      await refused(oss.get(key('r'), { headers: { 'If-Match': '"0"' } }), 412, 'PreconditionFailed');
      assert.equal((await oss.head(key('r'), { headers: { 'If-None-Match': etag } })).status, 304);
      await refused(oss.put(key('r'), Buffer.from('x'), { headers: { 'x-oss-forbid-overwrite': 'true' } }), 409,
        'FileAlreadyExists');
    });

    test('copy keeps or replaces metadata', async () => {
      await oss.put(key('c'), Buffer.from('c'), { meta: { m: 'old' } });
      await oss.copy(key('kept'), key('c'));
      assert.equal((await oss.head(key('kept'))).meta.m, 'old');
      await oss.copy(key('replaced'), key('c'), {
        headers: { 'x-oss-metadata-directive': 'REPLACE' }, meta: { m: 'new' } });
      assert.equal((await oss.head(key('replaced'))).meta.m, 'new');
    });

    test('append, symlink, ACL and tagging', async () => {
      const first = await oss.append(key('log'), Buffer.from('one'));
      await oss.append(key('log'), Buffer.from('two'), { position: first.nextAppendPosition });
      assert.equal((await oss.get(key('log'))).content.toString(), 'onetwo');
      await refused(oss.append(key('log'), Buffer.from('x'), { position: '1' }), 409, 'PositionNotEqualToLength');
      await oss.putSymlink(key('link'), key('log'), {});
      assert.equal((await oss.getSymlink(key('link'))).targetName, key('log'));
      await oss.putACL(key('log'), 'public-read');
      assert.equal((await oss.getACL(key('log'))).acl, 'public-read');
      await oss.putObjectTagging(key('log'), { a: '1', b: 'x y+z' });
      assert.deepEqual((await oss.getObjectTagging(key('log'))).tag, { a: '1', b: 'x y+z' });
      await oss.deleteObjectTagging(key('log'));
      assert.deepEqual((await oss.getObjectTagging(key('log'))).tag, {});
    });

    test('an archived object is read only after restore', async () => {
      await oss.put(key('cold'), Buffer.from('cold'), { headers: { 'x-oss-storage-class': 'Archive' } });
      await refused(oss.get(key('cold')), 403, 'InvalidObjectState');
      assert.equal((await oss.restore(key('cold'))).res.status, 202);
    });

    test('path style, bucket info, location and stat', async () => {
      const byPath = world.client(admin, v4, { sldEnable: true });
      await byPath.put(key('by path'), Buffer.from('p'));
      assert.equal((await oss.get(key('by path'))).content.toString(), 'p');
      assert.equal((await oss.getBucketInfo('examplebucket')).bucket.Name, 'examplebucket');
      assert.equal((await oss.getBucketLocation('examplebucket')).location, 'oss-cn-hangzhou');
      assert.ok(Number((await oss.getBucketStat('examplebucket')).stat.ObjectCount) > 0);
    });

    test('a wrong secret is refused', () =>
      refused(world.client({ ...admin, secret: 'wrong' }, v4).get(key('r')), 403, 'SignatureDoesNotMatch'));
  });
}
