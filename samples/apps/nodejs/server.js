'use strict';

const express = require('express');
const morgan = require('morgan');

const greeting = 'Hello from the guest book';

const entries = [{ name: 'Ada', text: 'First!' }];

const app = express();
app.set('view engine', 'ejs');
app.set('views', `${__dirname}/views`);
app.use(morgan('tiny'));
app.use(express.static(`${__dirname}/public`));
app.use(express.urlencoded({ extended: false, limit: '10kb' }));

app.get('/', (request, response) => {
  response.render('home', { greeting, entries });
});

app.post('/entries', (request, response) => {
  const { name, text } = request.body ?? {};
  if (!name || !text) {
    response.status(400).send('An entry needs a name and a text.\n');
    return;
  }
  entries.unshift({ name, text });
  entries.length = Math.min(entries.length, 20);
  response.redirect(303, '/');
});

app.get('/health', (request, response) => {
  response.json({ status: 'ok', node: process.version });
});

if (require.main === module) {
  const port = Number(process.env.PORT ?? 8080);
  const server = app.listen(port, (error) => {
    if (error) throw error;
    console.log(`listening on http://localhost:${server.address().port}/`);
  });
  process.on('SIGTERM', () => server.close());
}

module.exports = app;
