// A simulator of its own for each test file, and clients of the official SDK for it.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import assert from 'node:assert/strict';

// The SDKs are installed beside the copy under the build tree, which is the working directory.
const require = createRequire(path.join(process.cwd(), 'package.json'));
export const OSS = require('ali-oss');
export const PopCore = require('@alicloud/pop-core');
export const Sts = require('@alicloud/sts20150401');
export const Credentials = require('@alicloud/credentials');

export const BUCKET = 'examplebucket';
export const REGION = 'cn-hangzhou';
export const admin = { id: 'LTAI5tAdminAdminAdmin001', secret: 'adminsecretadminsecretadmin001' };
export const app = { id: 'LTAI5tAppAppAppAppApp001', secret: 'appsecretappsecretappsecret001' };
export const roleArn = (name) => `acs:ram::123456789012:role/${name}`;
export const SIGNATURES = [['V1', false], ['V4', true]];

export const allow = (action, resource, condition) => ({
  Version: '1',
  Statement: [{ Effect: 'Allow', Action: action, Resource: resource, ...(condition && { Condition: condition }) }],
});

const trust = JSON.stringify({ Version: '1', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole',
  Principal: { RAM: ['acs:ram::123456789012:root'] } }] });

/// roles: name → policy document.
function ramDocument(roles) {
  const names = Object.keys(roles);
  const document = [{ name: 'assume', document: JSON.stringify(allow('sts:AssumeRole', '*')) },
    ...names.map((name) => ({ name: `of-${name}`, document: JSON.stringify(roles[name]) }))];
  const user = (name, policies, key) => ({ name, policies, access_key: [key] });
  return JSON.stringify({
    account: [{ id: '123456789012' }],
    policy: document,
    user: [user('admin', ['AliyunOSSFullAccess'], admin), user('app', ['assume'], app)],
    role: names.map((name) => ({ name, trust_policy: trust, policies: [`of-${name}`] })),
  });
}

/// Starts a program and reads KEY=VALUE lines from it until one has the key `last`.
async function startProgram(program, args, last, log) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));  // an ended child is not signalled
  child.stderr.on('data', (data) => log.push(data.toString()));
  const ended = new Promise((resolve) => child.once('close', resolve));
  const values = {};
  const ready = new Promise((resolve, reject) => {
    child.once('error', reject);
    ended.then((code) => reject(new Error(`${program} ended with ${code}: ${log.join('')}`)));
    readline.createInterface({ input: child.stdout }).on('line', (line) => {
      log.push(`${line}\n`);
      const [, key, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
      if (key) values[key] = value;
      if (key === last) resolve();
    });
  });
  await ready;
  return { values, stop: () => { child.kill('SIGTERM'); return ended; } };
}

/// A certificate for the simulator's addresses that signs itself. Returns the options of the simulator.
function certificate(directory) {
  const [key, pem] = ['tls.key', 'tls.crt'].map((name) => path.join(directory, name));
  command('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=simulator', '-addext', `subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:${BUCKET}.localhost`,
    '-keyout', key, '-out', pem]);
  return ['--tls-certificate', pem, '--tls-key', key];
}

export class World {
  /// `tls`: over HTTPS, with a certificate that only this world's clients trust.
  static async start({ roles = { all: allow('oss:*', '*') }, args = [], tls = false } = {}) {
    const world = new World();
    world.log = [];
    world.secrets = [admin.secret, app.secret];
    world.programs = [];
    // What the programs said is worth reading only when a test failed, which is known last.
    process.once('exit', (code) => { if (code || process.exitCode) process.stderr.write(world.log.join('')); });
    world.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'stsfs-interop-'));
    try {
      const ram = path.join(world.directory, 'ram.json');
      fs.writeFileSync(ram, ramDocument(roles), { mode: 0o600 });
      const program = process.env.STSFS_SIM_PROGRAM;
      assert.ok(program, 'STSFS_SIM_PROGRAM names the simulator');
      const values = await world.run(program, ['--ram', ram, '--region', REGION, '--allow-short-tokens',
        '--bucket', BUCKET, '--bucket', 'sample-bucket', ...args,
        ...(tls ? certificate(world.directory) : [])], 'READY');
      world.secureAgent = tls
        && new https.Agent({ lookup, ca: fs.readFileSync(path.join(world.directory, 'tls.crt')) });
      world.port = Number(new URL(values.OSS_ENDPOINT).port);
      world.sts = values.STS_ENDPOINT;
      world.adminEndpoint = values.ADMIN_ENDPOINT;
    } catch (error) {
      await world.stop();
      throw error;
    }
    return world;
  }

  async run(program, args, last) {
    const started = await startProgram(program, args, last, this.log);
    this.programs.push(started);
    return started.values;
  }

  async stop() {
    const issued = this.adminEndpoint && JSON.parse((await plain('GET', `${this.adminEndpoint}/credentials`)).body);
    for (const program of this.programs.reverse()) await program.stop();
    const found = issued && this.lookForSecrets(issued.credentials);
    fs.rmSync(this.directory, { recursive: true, force: true });
    assert.ok(!found, `secrets were written: ${found}`);
  }

  /// Nothing that STS gave, no key and no password is in what the programs wrote.
  lookForSecrets(issued) {
    const secrets = [...this.secrets, ...issued.flatMap((one) => [one.access_key_secret, one.security_token])];
    const file = (name, text) => {
      const place = path.join(this.directory, name);
      fs.writeFileSync(place, text, { mode: 0o600 });
      return place;
    };
    const audit = path.join(this.directory, 'audit.log');
    const places = [file('programs.log', this.log.join('')), ...(fs.existsSync(audit) ? [audit] : [])];
    const done = spawnSync('python3', [process.env.STSFS_SCAN, file('secrets', secrets.join('\n')), ...places],
      { encoding: 'utf8' });
    return done.status === 0 ? '' : done.stdout + done.stderr;
  }

  /// Virtual-hosted unless `sldEnable`. Names below localhost are loopback only to some resolvers.
  client(key, v4, more = {}) {
    return new OSS({
      accessKeyId: key.id, accessKeySecret: key.secret, stsToken: key.token,
      refreshSTSToken: key.token && (async () => ({
        accessKeyId: key.id, accessKeySecret: key.secret, stsToken: key.token })),
      region: `oss-${REGION}`, endpoint: `${this.secureAgent ? 'https' : 'http'}://localhost:${this.port}`,
      bucket: BUCKET, authorizationV4: v4, agent, httpsAgent: this.secureAgent || undefined, ...more,
    });
  }

  async assume(role, { policy, seconds = 3600, session = 'interop' } = {}) {
    const client = this.pop(app);
    const answer = await client.request('AssumeRole', { RoleArn: roleArn(role), RoleSessionName: session,
      DurationSeconds: seconds, ...(policy && { Policy: JSON.stringify(policy) }) }, { method: 'POST' });
    const { AccessKeyId: id, AccessKeySecret: secret, SecurityToken: token, Expiration } = answer.Credentials;
    return { id, secret, token, expiration: Expiration };
  }

  pop(key) {
    return new PopCore({ accessKeyId: key.id, accessKeySecret: key.secret, securityToken: key.token,
      endpoint: this.sts, apiVersion: '2015-04-01', opts: this.secureAgent ? { agent: this.secureAgent } : {} });
  }
}

const lookup = (name, options, done) => (options.all
  ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4));
export const agent = new http.Agent({ lookup });

/// A plain client that knows no signature: what a holder of a presigned URL has.
export function plain(method, url, { body, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, lookup, agent: false }, async (answer) => {
      const pieces = [];
      for await (const piece of answer) pieces.push(piece);
      resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces).toString() });
    });
    request.once('error', reject);
    request.end(body);
  });
}

export const refused = (promise, status, code) =>
  assert.rejects(promise, (error) => {
    assert.deepEqual([error.status, error.code], [status, code], error.message);
    return true;
  });

export function command(program, args, input) {
  const done = spawnSync(program, args, { input, encoding: 'utf8' });
  assert.equal(done.status, 0, done.stderr);
}
