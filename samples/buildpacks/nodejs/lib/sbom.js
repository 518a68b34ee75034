'use strict';
// Writes a CycloneDX document of the production dependencies in a package-lock.json (lockfileVersion 2 or 3).
// The same lock file gives the same bytes: no serial number, and a date only if SOURCE_DATE_EPOCH sets one.

const { readFileSync } = require('node:fs');

const lock = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const root = lock.packages?.[''] ?? {};

// 'node_modules/a/node_modules/@b/c' is the package '@b/c'; an alias has its true name in it.
const nameOf = (path, entry) => entry.name ?? path.split('node_modules/').pop();

const packageUrl = (name, version) => `pkg:npm/${name.replace('@', '%40')}@${version}`;

function hashes(integrity) {
  const algorithms = { sha1: 'SHA-1', sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' };
  return integrity.split(' ').map((text) => {
    const [algorithm, base64] = text.split(/-(.*)/s);
    return { alg: algorithms[algorithm], content: Buffer.from(base64, 'base64').toString('hex') };
  });
}

function component(path, entry) {
  const name = nameOf(path, entry);
  return {
    type: 'library',
    'bom-ref': path,
    name,
    version: entry.version,
    purl: packageUrl(name, entry.version),
    ...(entry.license && { licenses: [{ expression: entry.license }] }),
    ...(entry.integrity && { hashes: hashes(entry.integrity) }),
  };
}

const components = Object.entries(lock.packages ?? {})
  .filter(([path, entry]) => path !== '' && !entry.dev && !entry.link && entry.version)
  .map(([path, entry]) => component(path, entry));

const epoch = process.env.SOURCE_DATE_EPOCH;
const metadata = {
  ...(epoch && { timestamp: new Date(Number(epoch) * 1000).toISOString() }),
  component: { type: 'application', 'bom-ref': '.', name: lock.name ?? 'app', version: root.version ?? '0.0.0' },
};

const document = { bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, metadata, components };
console.log(JSON.stringify(document, null, 2));
