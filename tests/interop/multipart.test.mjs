import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { World, SIGNATURES, admin, refused } from './harness.mjs';

const KIB = 1024;
const filled = (size, step) => Buffer.from(Array.from({ length: size }, (_, i) => (i * step) % 251));
let world;
before(async () => { world = await World.start(); });
after(() => world?.stop());

for (const [version, v4] of SIGNATURES) {
  describe(version, () => {
    let oss;
    const key = (name) => `${version}/${name}`;
    before(() => { oss = world.client(admin, v4); });

    test('multipartUpload of a file', async () => {
      const bytes = filled(350 * KIB, 7);
      const file = path.join(world.directory, `${version}.bin`);
      fs.writeFileSync(file, bytes);
      await oss.multipartUpload(key('big 大'), file, { partSize: 100 * KIB, parallel: 2 });
      const got = await oss.get(key('big 大'));
      assert.deepEqual(got.content, bytes);
      assert.equal(got.res.headers['x-oss-object-type'], 'Multipart');
    });

    test('parts by hand, listed and completed', async () => {
      const pieces = [filled(100 * KIB, 3), filled(50, 5)];
      const { uploadId } = await oss.initMultipartUpload(key('by hand'));
      const done = [];
      for (const [i, piece] of pieces.entries()) {
        // Only files and streams are taken by the SDK on node.
        const file = path.join(world.directory, `${version}.part${i}`);
        fs.writeFileSync(file, piece);
        const part = await oss.uploadPart(key('by hand'), uploadId, i + 1, file, 0, piece.length);
        done.push({ number: i + 1, etag: part.etag });
      }
      const parts = await oss.listParts(key('by hand'), uploadId, { 'max-parts': 1 });
      assert.deepEqual([parts.isTruncated, String(parts.nextPartNumberMarker)], ['true', '1']);
      const uploads = await oss.listUploads({ prefix: key('by hand') });
      assert.deepEqual(uploads.uploads.map((upload) => upload.uploadId), [uploadId]);
      await oss.completeMultipartUpload(key('by hand'), uploadId, done);
      assert.deepEqual((await oss.get(key('by hand'))).content, Buffer.concat(pieces));
      await refused(oss.listParts(key('by hand'), uploadId), 404, 'NoSuchUpload');
    });

    test('uploadPartCopy', async () => {
      const bytes = filled(300 * KIB, 11);
      await oss.put(key('source +%'), bytes);
      const { uploadId } = await oss.initMultipartUpload(key('copied'));
      const done = [];
      for (const [number, range] of [[1, '0-102399'], [2, '102400-307199']]) {
        const part = await oss.uploadPartCopy(key('copied'), uploadId, number, range,
          { sourceKey: key('source +%'), sourceBucketName: 'examplebucket' });
        done.push({ number, etag: part.etag });
      }
      await oss.completeMultipartUpload(key('copied'), uploadId, done);
      assert.deepEqual((await oss.get(key('copied'))).content, bytes);
    });

    test('an aborted upload is gone', async () => {
      const { uploadId } = await oss.initMultipartUpload(key('gone'));
      await oss.abortMultipartUpload(key('gone'), uploadId);
      await refused(oss.completeMultipartUpload(key('gone'), uploadId, [{ number: 1, etag: '"0"' }]), 404, 'NoSuchUpload');
      assert.deepEqual((await oss.listUploads({ prefix: key('gone') })).uploads ?? [], []);
    });
  });
}
