// @hubspot/api-client 13.5.0, unchanged, against the simulator: node drive_hubspot.cjs BASE_URL CLIENT_ID CLIENT_SECRET
'use strict';
const assert = require('node:assert/strict');
const hubspot = require('@hubspot/api-client');

const [base, clientId, clientSecret] = process.argv.slice(2);
const redirectUri = 'http://127.0.0.1:9/callback';
const scopes = ['contacts', 'companies', 'deals'].flatMap((name) => [`crm.objects.${name}.read`, `crm.objects.${name}.write`]);
scopes.push('oauth', 'crm.objects.owners.read');

async function check(name, work) {
  try {
    await work();
  } catch (error) {
    console.error(`hubspot: ${name}: FAILED`);
    throw error;
  }
  console.log(`hubspot: ${name}: ok`);
}

async function control(path, body) {
  const reply = await fetch(`${base}/__control/${path}`, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(reply.status, 200, path);
  return reply.json();
}

/** Walks the login and consent pages as a browser would; gives the code the callback receives. */
async function walkPages(url) {
  let reply = await fetch(url, { redirect: 'manual' });
  for (let step = 0; step < 6; step += 1) {
    if (reply.status >= 300 && reply.status < 400) {
      const next = new URL(reply.headers.get('location'), base);
      if (next.href.startsWith(redirectUri)) return next.searchParams.get('code');
      reply = await fetch(next, { redirect: 'manual' });
      continue;
    }
    const page = await reply.text();
    const action = page.match(/<form method="post" action="([^"]+)"/)[1];
    const form = new URLSearchParams({ transaction: page.match(/name="transaction" value="([^"]+)"/)[1] });
    if (page.includes('name="password"')) {
      form.set('username', 'avery.admin@crosswalk.example');
      form.set('password', 'simulator');
    } else {
      form.set('decision', 'allow');
    }
    reply = await fetch(new URL(action, base), { method: 'POST', body: form, redirect: 'manual' });
  }
  throw new Error('the pages did not end');
}

async function fails(code, work) {
  const error = await work().then(
    () => assert.fail(`${code} was expected`),
    (error) => error,
  );
  assert.equal(error.code, code, String(error.message));
  return error.body;
}

async function main() {
  const client = new hubspot.Client({ basePath: base, numberOfApiCallRetries: 3 });
  let refreshToken;

  await check('authorization code, refresh, token info', async () => {
    const url = new URL(client.oauth.getAuthorizationUrl(clientId, redirectUri, scopes.join(' ')));
    const code = await walkPages(base + url.pathname + url.search);
    const { tokensApi, accessTokensApi } = client.oauth;
    const first = await tokensApi.create('authorization_code', code, redirectUri, clientId, clientSecret);
    refreshToken = first.refreshToken;
    const renewed = await tokensApi.create('refresh_token', undefined, undefined, clientId, clientSecret, refreshToken);
    assert.equal(renewed.refreshToken, refreshToken);
    assert.equal(renewed.expiresIn, 1800);
    client.setAccessToken(renewed.accessToken);
    const info = await accessTokensApi.get(renewed.accessToken);
    assert.equal(info.user, 'avery.admin@crosswalk.example');
    assert.equal(info.hubId, 48600123);
  });

  let companyId;
  let contactId;
  await check('create with an association, read, update', async () => {
    const company = await client.crm.companies.basicApi.create({ properties: { name: 'Ü & <Co>' }, associations: [] });
    companyId = company.id;
    const types = [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 279 }];
    const made = await client.crm.contacts.basicApi.create({
      properties: { email: 'official@example.com', lastname: 'Client' },
      associations: [{ to: { id: companyId }, types }],
    });
    contactId = made.id;
    assert.ok(made.createdAt instanceof Date && !Number.isNaN(made.createdAt.getTime()));
    const read = await client.crm.contacts.basicApi.getById(contactId, ['lastname', 'nickname'], undefined, ['companies']);
    assert.equal(read.properties.nickname, null);
    assert.equal(read.associations.companies.results[0].id, companyId);
    const changed = await client.crm.contacts.basicApi.update(contactId, { properties: { nickname: 'Zoë' } });
    assert.equal(changed.properties.nickname, 'Zoë');
    const byEmail = await client.crm.contacts.basicApi.getById(
      'official@example.com', undefined, undefined, undefined, undefined, 'email',
    );
    assert.equal(byEmail.id, contactId);
  });

  await check('every page of a list', async () => {
    const all = await client.crm.deals.getAll(100, undefined, ['dealname']);
    assert.equal(new Set(all.map((deal) => deal.id)).size, all.length);
    assert.ok(all.length > 100);
  });

  await check('search', async () => {
    const filters = [{ propertyName: 'email', operator: 'EQ', value: 'official@example.com' }];
    const found = await client.crm.contacts.searchApi.doSearch({
      filterGroups: [{ filters }], sorts: ['-createdate'], properties: ['lastname'], limit: 10, after: '0', query: '',
    });
    assert.equal(found.total, 1);
    assert.equal(found.results[0].properties.lastname, 'Client');
  });

  await check('batches, whole and in part', async () => {
    const inputs = [1, 2].map((number) => ({ properties: { lastname: `Batch ${number}` }, associations: [] }));
    const made = await client.crm.contacts.batchApi.create({ inputs });
    assert.equal(made.status, 'COMPLETE');
    const ids = made.results.map((record) => ({ id: record.id }));
    const read = await client.crm.contacts.batchApi.read({ inputs: [...ids, { id: '1' }], properties: ['lastname'], propertiesWithHistory: [] });
    assert.equal(read.results.length, 2);
    assert.equal(read.numErrors, 1);
    const upserts = [{ id: 'official@example.com', idProperty: 'email', properties: { jobtitle: 'Tester' } }];
    const upserted = await client.crm.contacts.batchApi.upsert({ inputs: upserts });
    assert.equal(upserted.results[0]._new, false);
    await client.crm.contacts.batchApi.archive({ inputs: ids });
    await fails(404, () => client.crm.contacts.basicApi.getById(ids[0].id));
  });

  await check('notes, tasks and their links', async () => {
    const types = [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 202 }];
    const note = await client.crm.objects.notes.basicApi.create({
      properties: { hs_timestamp: '2026-05-01T07:25:37Z', hs_note_body: '<p>Hi</p>' },
      associations: [{ to: { id: contactId }, types }],
    });
    const links = await client.crm.associations.v4.basicApi.getPage('notes', note.id, 'contacts');
    assert.equal(String(links.results[0].toObjectId), contactId);
    assert.equal(links.results[0].associationTypes[0].typeId, 202);
    await client.crm.associations.v4.basicApi.createDefault('notes', note.id, 'companies', companyId);
    const tasks = await client.crm.objects.tasks.basicApi.getPage(5, undefined, ['hs_task_subject']);
    assert.equal(tasks.results.length, 5);
  });

  await check('properties, owners, pipelines', async () => {
    const properties = await client.crm.properties.coreApi.getAll('contacts');
    const colours = properties.results.find((property) => property.name === 'favourite_colours');
    assert.equal(colours.fieldType, 'checkbox');
    assert.equal(colours.options.length, 4);
    const owners = await client.crm.owners.ownersApi.getPage();
    assert.ok(owners.results.some((owner) => owner.email === 'avery.admin@crosswalk.example'));
    const pipelines = await client.crm.pipelines.pipelinesApi.getAll('deals');
    assert.equal(pipelines.results[0].stages[5].metadata.isClosed, 'true');
  });

  await check('errors carry their category', async () => {
    const twice = await fails(409, () => client.crm.contacts.basicApi.create({ properties: { email: 'official@example.com' }, associations: [] }));
    assert.equal(twice.message, `Contact already exists. Existing ID: ${contactId}`);
    const unknown = await fails(400, () => client.crm.contacts.basicApi.update(contactId, { properties: { x: '1' } }));
    assert.equal(unknown.category, 'VALIDATION_ERROR');
  });

  await check('it waits for the allowance of searches and goes on', async () => {
    await control('faults', { kind: 'limit', limit: 'secondly', times: 1, path: '/crm/' });
    const found = await client.crm.companies.searchApi.doSearch({ query: 'Ü', limit: 1, after: '0', sorts: [], properties: [], filterGroups: [] });
    assert.ok(found.total >= 1);
  });

  await check('an expired token says so', async () => {
    await control('hubspot/expire_sessions', {});
    const expired = await fails(401, () => client.crm.contacts.basicApi.getById(contactId));
    assert.equal(expired.category, 'EXPIRED_AUTHENTICATION');
    await client.oauth.refreshTokensApi.archive(refreshToken);
    const { tokensApi } = client.oauth;
    const dead = await fails(400, () => tokensApi.create('refresh_token', undefined, undefined, clientId, clientSecret, refreshToken));
    assert.equal(dead.status, 'BAD_REFRESH_TOKEN');
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
