// One login for every program: what `stsfs credentials` gives is taken by the official SDKs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { BUCKET, Credentials, World, app, command, plain, refused, roleArn } from './harness.mjs';

const stsfs = process.env.STSFS_PROGRAM;
const vend = process.env.STSFS_VEND_PROGRAM;
const password = 'pass word 0123';
let world, url, uri;

/// A vending server of the world, with alice logged in at it.
async function vending() {
  const file = (name, text) => {
    const place = path.join(world.directory, name);
    fs.writeFileSync(place, text, { mode: 0o600 });
    return place;
  };
  const config = file('vend.toml', `
listen = "127.0.0.1:0"
database = "${path.join(world.directory, 'vend.db')}"
access_key_file = "${file('key.json', JSON.stringify({ AccessKeyId: app.id, AccessKeySecret: app.secret }))}"
audit_log = "${path.join(world.directory, 'audit.log')}"
[sts]
endpoint = "${world.sts}"
role_arn = "${roleArn('all')}"
[folder]
endpoint = "http://127.0.0.1:${world.port}"
region = "cn-hangzhou"
bucket = "${BUCKET}"
prefix = "users/\${user}/"
`);
  command(vend, ['user', 'add', 'alice', '--config', config, '--password-stdin'], `${password}\n`);
  url = (await world.run(vend, ['serve', '--config', config], 'VEND_URL')).VEND_URL;
  for (const name of ['STATE_HOME', 'CONFIG_HOME', 'RUNTIME_DIR']) {
    process.env[`XDG_${name}`] = path.join(world.directory, name);
    fs.mkdirSync(process.env[`XDG_${name}`], { mode: 0o700 });
  }
  command(stsfs, ['login', url, '--user', 'alice', '--password-stdin'], `${password}\n`);
}

before(async () => {
  world = await World.start();
  world.secrets.push(password);
  await vending();
  uri = (await world.run(stsfs, ['credentials', url, '--serve'], 'ALIBABA_CLOUD_CREDENTIALS_URI'))
    .ALIBABA_CLOUD_CREDENTIALS_URI;
});
after(() => world?.stop());

/// It works in alice's folder and nowhere else.
async function worksFor(oss, name) {
  await oss.put(`users/alice/${name}`, Buffer.from(name));
  assert.equal((await oss.get(`users/alice/${name}`)).content.toString(), name);
  await refused(oss.put(`users/bob/${name}`, Buffer.from(name)), 403, 'AccessDenied');
}

describe('@alicloud/credentials', () => {
  const clientOf = ({ accessKeyId: id, accessKeySecret: secret, securityToken: token }) =>
    world.client({ id, secret, token }, true);

  test('takes the URI as its type', async () => {
    const config = new Credentials.Config({ type: 'credentials_uri', credentialsURI: uri });
    const credential = await new Credentials.default(config).getCredential();
    assert.ok(credential.accessKeyId.startsWith('STS.'));
    await worksFor(clientOf(credential), 'by type');
  });

  test('finds it in its default chain', async () => {
    Object.assign(process.env, { ALIBABA_CLOUD_CREDENTIALS_URI: uri, ALIBABA_CLOUD_ECS_METADATA_DISABLED: 'true',
      HOME: world.directory });
    await worksFor(clientOf(await new Credentials.default().getCredential()), 'by chain');
  });
});

describe('ali-oss', () => {
  test('goes on with what the URI gives at each refresh', async () => {
    let refreshes = 0;
    const ask = async () => {
      ++refreshes;
      const answer = await plain('GET', uri);
      assert.equal(answer.status, 200);
      const { AccessKeyId: id, AccessKeySecret: secret, SecurityToken: token } = JSON.parse(answer.body);
      return { id, secret, token };
    };
    const oss = world.client(await ask(), true, { refreshSTSTokenInterval: 0, refreshSTSToken: async () => {
      const key = await ask();
      return { accessKeyId: key.id, accessKeySecret: key.secret, stsToken: key.token };
    } });
    await worksFor(oss, 'refreshed');
    assert.ok(refreshes > 1, 'it was asked once only');
  });
});

describe('stsfs credentials --process', () => {
  test('prints what each consumer of a credential process reads', async () => {
    const done = spawnSync(stsfs, ['credentials', url, '--process'], { encoding: 'utf8' });
    assert.equal(done.status, 0, done.stderr);
    const json = JSON.parse(done.stdout);
    assert.match(json.Expiration, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.deepEqual([json.mode, json.access_key_id, json.access_key_secret, json.sts_token, json.expiration],
      ['StsToken', json.AccessKeyId, json.AccessKeySecret, json.SecurityToken, json.Expiration]);
    await worksFor(world.client({ id: json.AccessKeyId, secret: json.AccessKeySecret, token: json.SecurityToken }, true),
      'by process');
  });

  test('says why there is none', () => {
    const done = spawnSync(stsfs, ['credentials', 'http://127.0.0.1:1', '--process'], { encoding: 'utf8' });
    assert.equal(done.status, 32);
    assert.match(done.stderr, /not logged in; remedy: stsfs login/);
    assert.equal(done.stdout, '');
  });
});

test('the URI is closed to who does not know its path', async () => {
  const { origin } = new URL(uri);
  assert.equal((await plain('GET', `${origin}/latest/meta-data`)).status, 404);
});
