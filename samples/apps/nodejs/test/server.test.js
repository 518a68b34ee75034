'use strict';

const assert = require('node:assert');
const { after, test } = require('node:test');
const app = require('../server.js');

const server = app.listen(0);
const url = (path) => `http://localhost:${server.address().port}${path}`;
after(() => server.close());

test('shows the greeting and the entries', async () => {
  const page = await (await fetch(url('/'))).text();
  assert.match(page, /guest book/);
  assert.match(page, /Ada/);
});

test('refuses an entry without a text', async () => {
  const response = await fetch(url('/entries'), { method: 'POST', body: new URLSearchParams({ name: 'Bob' }) });
  assert.strictEqual(response.status, 400);
});
