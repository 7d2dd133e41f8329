// The examples of the guides to RAM policies, and what the vending server promises.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { World, BUCKET, REGION, SIGNATURES, admin, allow, app, command, plain, refused, roleArn } from './harness.mjs';

const objects = 'acs:oss:*:*:examplebucket/users/*';
const folders = { Version: '1', Statement: [
  { Effect: 'Allow', Action: ['oss:GetObject', 'oss:PutObject', 'oss:DeleteObject', 'oss:AbortMultipartUpload',
    'oss:ListParts'], Resource: [objects] },
  { Effect: 'Allow', Action: ['oss:ListObjects'], Resource: ['acs:oss:*:*:examplebucket'],
    Condition: { StringLike: { 'oss:Prefix': ['users/*'] } } }] };
const roles = {
  all: allow('oss:*', '*'),
  uploader: allow('oss:PutObject', 'acs:oss:*:*:examplebucket/exampledir/*'),
  folders,
};
const x = Buffer.from('x');
const denied = (promise) => refused(promise, 403, 'AccessDenied');

let world;
before(async () => { world = await World.start({ roles }); });
after(() => world?.stop());

for (const [version, v4] of SIGNATURES) {
  describe(version, () => {
    test('a role that may only upload to exampledir/', async () => {
      const oss = world.client(await world.assume('uploader'), v4);
      await oss.put('exampledir/a', x);
      await denied(oss.put('a', x));
      await denied(oss.put('exampledir', x));
      await denied(oss.get('exampledir/a'));
      await denied(oss.delete('exampledir/a'));
      await denied(oss.list({ prefix: 'exampledir/' }));
    });

    test('a session that may only download photographs of one day', async () => {
      const bucket = 'sample-bucket';
      const owner = world.client(admin, v4, { bucket });
      for (const key of ['2015/01/01/a.jpg', '2015/01/01/a.png', '2015/01/02/a.jpg']) await owner.put(key, x);
      const policy = allow('oss:GetObject', 'acs:oss:*:*:sample-bucket/2015/01/01/*.jpg');
      const oss = world.client(await world.assume('all', { policy }), v4, { bucket });
      assert.deepEqual((await oss.get('2015/01/01/a.jpg')).content, x);
      await denied(oss.get('2015/01/01/a.png'));
      await denied(oss.get('2015/01/02/a.jpg'));
      await denied(oss.put('2015/01/01/a.jpg', x));
      await denied(oss.list({}));
    });

    test('a session without a policy has all rights of the role, and one with a policy no more', async () => {
      const whole = world.client(await world.assume('all'), v4);
      await whole.put('anything', x);
      assert.ok((await whole.listBuckets()).buckets.length >= 2);
      const wider = world.client(await world.assume('uploader', { policy: roles.all }), v4);
      await wider.put('exampledir/b', x);
      await denied(wider.get('exampledir/b'));
    });
  });
}

describe('vended credentials', () => {
  const sessions = {};
  before(async () => {
    const at = (name) => path.join(world.directory, name);
    const write = (name, text) => fs.writeFileSync(at(name), text, { mode: 0o600 });
    write('key.json', JSON.stringify({ AccessKeyId: app.id, AccessKeySecret: app.secret }));
    write('vend.toml', `listen = "127.0.0.1:0"
database = "${at('vend.db')}"
access_key_file = "${at('key.json')}"
[sts]
endpoint = "${world.sts}"
role_arn = "${roleArn('folders')}"
[folder]
endpoint = "http://localhost:${world.port}"
region = "${REGION}"
bucket = "${BUCKET}"
`);
    const program = process.env.STSFS_VEND_PROGRAM;
    assert.ok(program, 'STSFS_VEND_PROGRAM names the vending server');
    const people = ['alice', 'alice2', 'bob'];
    for (const name of people)
      command(program, ['user', 'add', name, '--config', at('vend.toml'), '--password-stdin'], `password of ${name}\n`);
    const { VEND_URL } = await world.run(program, ['serve', '--config', at('vend.toml')], 'VEND_URL');
    for (const name of people) {
      const login = await plain('POST', `${VEND_URL}/v1/login`, { headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ username: name, password: `password of ${name}` }) });
      assert.equal(login.status, 200, login.body);
      const answer = await plain('GET', `${VEND_URL}/v1/credentials`,
        { headers: { Authorization: `Bearer ${JSON.parse(login.body).token}` } });
      assert.equal(answer.status, 200, answer.body);
      const got = JSON.parse(answer.body);
      assert.equal(got.Prefix, `users/${name}/`);
      sessions[name] = { id: got.AccessKeyId, secret: got.AccessKeySecret, token: got.SecurityToken };
    }
  });

  for (const [version, v4] of SIGNATURES) {
    for (const [me, other] of [['alice', 'bob'], ['bob', 'alice'], ['alice', 'alice2'], ['alice2', 'alice']]) {
      test(`${version}: ${me} reaches the own folder and nothing of ${other}`, async () => {
        const oss = world.client(sessions[me], v4);
        const [mine, theirs] = [`users/${me}/`, `users/${other}/`];
        await world.client(admin, v4).put(`${theirs}secret`, x);
        await oss.put(`${mine}file`, x);
        assert.deepEqual((await oss.get(`${mine}file`)).content, x);
        assert.ok((await oss.listV2({ prefix: mine })).objects.length > 0);

        await denied(oss.get(`${theirs}secret`));
        await denied(oss.head(`${theirs}secret`));
        await denied(oss.put(`${theirs}new`, x));
        await denied(oss.put(`${theirs}secret`, x));
        await denied(oss.delete(`${theirs}secret`));
        await denied(oss.deleteMulti([`${theirs}secret`]));
        await denied(oss.append(`${theirs}log`, x));
        await denied(oss.copy(`${mine}stolen`, `${theirs}secret`));
        await denied(oss.copy(`${theirs}planted`, `${mine}file`));
        await denied(oss.initMultipartUpload(`${theirs}big`));
        for (const prefix of [theirs, `${theirs}s`, 'users/', `users/${me}`, ''])
          for (const list of ['list', 'listV2']) await denied(oss[list]({ prefix }));
        await denied(oss.listV2({}));
        await denied(oss.listUploads({}));
        // A symbolic link of one's own must not lend the right to read its target.
        await oss.putSymlink(`${mine}link`, `${theirs}secret`, {});
        await denied(oss.get(`${mine}link`));
        assert.deepEqual((await world.client(admin, v4).get(`${theirs}secret`)).content, x);
      });
    }
  }
});
