import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { World, SIGNATURES, Sts, app, admin, allow, refused, roleArn } from './harness.mjs';

let world, secure;
before(async () => {
  world = await World.start();
  secure = await World.start({ tls: true });
});
after(async () => {
  await secure?.stop();
  await world?.stop();
});

const code = (promise, wanted) => assert.rejects(promise, (error) => {
  assert.equal(error.code, wanted, error.message);
  return true;
});

/// The two official clients, made alike: one signs RPC with HMAC-SHA1, in a query or in a form, the other
/// ACS3-HMAC-SHA256.
const popCore = (method) => (where, key) => {
  const client = where.pop(key);
  return {
    assume: async (parameters) => (await client.request('AssumeRole', parameters, { method })).Credentials,
    identity: () => client.request('GetCallerIdentity', {}, { method }),
  };
};
const clients = {
  'pop-core POST': popCore('POST'),
  'pop-core GET': popCore('GET'),
  sts20150401: (where, key) => {
    const url = new URL(where.sts);
    const client = new Sts.default({ accessKeyId: key.id, accessKeySecret: key.secret, securityToken: key.token,
      endpoint: url.host, protocol: 'http', regionId: 'cn-hangzhou' });
    const upper = (map) => Object.fromEntries(Object.entries(map)
      .map(([name, value]) => [name[0].toUpperCase() + name.slice(1), value]));
    return {
      assume: async (parameters) => {
        const lower = Object.fromEntries(Object.entries(parameters)
          .map(([name, value]) => [name[0].toLowerCase() + name.slice(1), value]));
        return upper((await client.assumeRole(new Sts.AssumeRoleRequest(lower))).body.credentials);
      },
      identity: async () => upper((await client.getCallerIdentity()).body),
    };
  },
};

const request = { RoleArn: roleArn('all'), RoleSessionName: 'interop', DurationSeconds: 900 };

const runs = [
  ...Object.entries(clients).map(([name, client]) => [name, client, () => world]),
  ...['GET', 'POST'].map((method) => [`pop-core ${method} over HTTPS`, popCore(method), () => secure]),
];

for (const [name, client, where] of runs) {
  describe(name, () => {
    const connect = (key) => client(where(), key);
    test('AssumeRole gives a credential that works, for the time asked', async () => {
      const began = Date.now();
      const got = await connect(app).assume(request);
      const lives = (Date.parse(got.Expiration) - began) / 1000;
      assert.ok(lives > 890 && lives < 930, `${lives} s`);
      const session = { id: got.AccessKeyId, secret: got.AccessKeySecret, token: got.SecurityToken };
      assert.ok(session.id.startsWith('STS.'));
      for (const [version, v4] of SIGNATURES) {
        const oss = where().client(session, v4);
        await oss.put(`${name} ${version}`, Buffer.from(version));
        assert.equal((await oss.get(`${name} ${version}`)).content.toString(), version);
      }
      const who = await connect(session).identity();
      assert.equal(who.Arn, 'acs:ram::123456789012:assumed-role/all/interop');
    });

    test('a policy of odd characters arrives as it was sent', async () => {
      const policy = JSON.stringify(allow('oss:PutObject', 'acs:oss:*:*:examplebucket/a b+%~中😀/*'));
      const got = await connect(app).assume({ ...request, Policy: policy });
      const oss = where().client({ id: got.AccessKeyId, secret: got.AccessKeySecret, token: got.SecurityToken }, true);
      await oss.put('a b+%~中😀/x', Buffer.from('x'));
      await refused(oss.put('other', Buffer.from('x')), 403, 'AccessDenied');
    });

    test('the longest policy arrives as it was sent', async () => {
      const policy = (times) => JSON.stringify(allow('oss:PutObject', `acs:oss:*:*:examplebucket/${'中 '.repeat(times)}*`));
      const longest = policy(Math.floor((2048 - policy(0).length) / Buffer.byteLength('中 ')));
      const got = await connect(app).assume({ ...request, Policy: longest });
      assert.ok(got.SecurityToken);
      await code(connect(app).assume({ ...request, Policy: policy(2048) }), 'InvalidParameter.PolicySize');
    });

    test('GetCallerIdentity names the user', async () =>
      assert.equal((await connect(app).identity()).Arn, 'acs:ram::123456789012:user/app'));

    test('refusals carry the codes of the service', async () => {
      await code(connect({ ...app, secret: 'wrong' }).assume(request), 'SignatureDoesNotMatch');
      await code(connect({ ...app, id: 'LTAI5tNobody' }).assume(request), 'InvalidAccessKeyId.NotFound');
      await code(connect(admin).assume(request), 'NoPermission');
      await code(connect(app).assume({ ...request, RoleArn: roleArn('none') }), 'EntityNotExist.Role');
      await code(connect(app).assume({ ...request, RoleSessionName: 'a b' }), 'InvalidParameter.RoleSessionName');
      await code(connect(app).assume({ ...request, Policy: '{' }), 'InvalidParameter.PolicyGrammar');
    });
  });
}

for (const [version, v4] of SIGNATURES) {
  describe(`OSS ${version}`, () => {
    test('an expired token is refused', async () => {
      const session = await world.assume('all', { seconds: 2 });
      const oss = world.client(session, v4);
      await oss.put('expires', Buffer.from('x'));
      await sleep(Math.max(0, Date.parse(session.expiration) - Date.now()) + 1000);
      await refused(oss.get('expires'), 403, 'SecurityTokenExpired');
    });

    test('a token of another session, and none, are refused', async () => {
      const [one, two] = [await world.assume('all'), await world.assume('all')];
      await refused(world.client({ ...one, token: two.token }, v4).list({}), 403, 'InvalidSecurityToken');
      await refused(world.client({ ...one, token: 'nonsense' }, v4).list({}), 403, 'InvalidSecurityToken');
      await refused(world.client({ ...one, token: undefined }, v4).list({}), 403, 'InvalidAccessKeyId');
      await refused(world.client({ ...one, secret: two.secret }, v4).list({}), 403, 'SignatureDoesNotMatch');
    });
  });
}
