'use strict';
// Writes launch.toml: the process `web` out of scripts.start in package.json, else `node` with the main file.

const { readFileSync } = require('node:fs');

const manifest = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const start = manifest.scripts?.start;

// Plain words start without a shell or npm in between, so that signals reach the application itself.
const isPlain = (script) => /^[\w@%+=:,./ -]+$/.test(script) && !/^\w+=/.test(script);

function command() {
  if (!start) return ['node', manifest.main ?? 'index.js'];
  if (isPlain(start)) return start.trim().split(/ +/);
  return ['bash', '-c', start];
}

// A JSON string is a TOML string, too.
console.log(`[[processes]]
type = "web"
command = ${JSON.stringify(command())}
default = true`);
