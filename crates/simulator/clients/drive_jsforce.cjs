// jsforce 3.10.16, unchanged, against the simulator: node drive_jsforce.cjs BASE_URL CLIENT_ID CLIENT_SECRET
'use strict';
const assert = require('node:assert/strict');
const jsforce = require('jsforce');

const [base, clientId, clientSecret] = process.argv.slice(2);
const redirectUri = 'http://127.0.0.1:9/callback';

async function check(name, work) {
  try {
    await work();
  } catch (error) {
    console.error(`jsforce: ${name}: FAILED`);
    throw error;
  }
  console.log(`jsforce: ${name}: ok`);
}

async function control(path, body) {
  const reply = await fetch(`${base}/__control/${path}`, { method: 'POST', body: JSON.stringify(body) });
  assert.equal(reply.status, 200, path);
  return reply.json();
}

/** Walks the login and consent pages as a browser would; gives the code the callback receives. */
async function walkPages(url) {
  let cookie = '';
  let reply = await fetch(url, { redirect: 'manual' });
  for (let step = 0; step < 6; step += 1) {
    for (const line of reply.headers.getSetCookie()) {
      if (line.startsWith('sid=')) cookie = line.split(';')[0];
    }
    if (reply.status >= 300 && reply.status < 400) {
      const next = new URL(reply.headers.get('location'), base);
      if (next.href.startsWith(redirectUri)) return next.searchParams.get('code');
      reply = await fetch(next, { redirect: 'manual', headers: { cookie } });
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
    reply = await fetch(new URL(action, base), { method: 'POST', body: form, redirect: 'manual', headers: { cookie } });
  }
  throw new Error('the pages did not end');
}

async function main() {
  const oauth2 = new jsforce.OAuth2({ loginUrl: base, clientId, clientSecret, redirectUri, useVerifier: true });
  const connection = new jsforce.Connection({ oauth2, instanceUrl: base, version: '60.0', maxRequest: 10 });
  const refreshed = [];
  connection.on('refresh', (accessToken) => refreshed.push(accessToken));

  await check('web server flow with PKCE', async () => {
    const code = await walkPages(oauth2.getAuthorizationUrl({ scope: 'api id refresh_token', prompt: 'consent' }));
    assert.ok(code.endsWith('=='));
    const user = await connection.authorize(code);
    assert.match(user.id, /^005/);
    assert.match(user.organizationId, /^00D/);
  });

  await check('identity', async () => {
    const identity = await connection.identity();
    assert.equal(identity.username, 'avery.admin@crosswalk.example');
  });

  await check('versions, limits, global describe', async () => {
    assert.ok((await connection.request('/services/data')).length > 30);
    const limits = await connection.limits();
    assert.ok(limits.DailyApiRequests.Max > 0);
    assert.ok(connection.limitInfo.apiUsage.used > 0);
    assert.ok((await connection.describeGlobal()).sobjects.some((object) => object.name === 'Account'));
    const contact = await connection.sobject('Contact').describe();
    assert.ok(contact.fields.some((field) => field.name === 'Email'));
  });

  let accountId;
  await check('create, retrieve, update', async () => {
    const made = await connection.sobject('Account').create({ Name: 'jsforce Ü & <Co>' });
    assert.equal(made.success, true);
    accountId = made.id;
    assert.equal((await connection.sobject('Account').retrieve(accountId)).Name, 'jsforce Ü & <Co>');
    assert.equal((await connection.sobject('Account').update({ Id: accountId, Name: 'jsforce' })).success, true);
  });

  await check('upsert by external id', async () => {
    const made = await connection.sobject('Contact').upsert({ LastName: 'Js', Email: 'js@example.com' }, 'Email');
    assert.equal(made.created, true);
    const again = await connection.sobject('Contact').upsert({ LastName: 'Jsf', Email: 'js@example.com' }, 'Email');
    assert.equal(again.created, false);
    assert.equal(again.id, made.id);
  });

  await check('query with all pages', async () => {
    await control('settings', { page_size: 40 });
    const rows = await connection.query('SELECT Id, Name FROM Account', { autoFetch: true, maxFetch: 100000 });
    assert.equal(rows.records.length, rows.totalSize);
    assert.ok(rows.totalSize > 40);
    await control('settings', { page_size: null });
  });

  await check('find and count', async () => {
    const found = await connection.sobject('Account').find({ Name: 'jsforce' }, ['Id', 'Name']).limit(5);
    assert.equal(found[0].Id, accountId);
    assert.equal(await connection.sobject('Account').count({ Name: 'jsforce' }), 1);
  });

  await check('search', async () => {
    const found = await connection.search('FIND {jsforce} IN ALL FIELDS RETURNING Account(Id, Name)');
    assert.equal(found.searchRecords[0].Id, accountId);
  });

  await check('collections of several records', async () => {
    const made = await connection.sobject('Account').create([{ Name: 'One' }, { Nam: 'bad' }, { Name: 'Three' }]);
    assert.deepEqual(made.map((result) => result.success), [true, false, true]);
    assert.equal(made[1].errors[0].statusCode, 'INVALID_FIELD');
    const ids = [made[0].id, made[2].id];
    const rows = await connection.sobject('Account').retrieve(ids);
    assert.deepEqual(rows.map((row) => row.Name), ['One', 'Three']);
    const gone = await connection.sobject('Account').destroy(ids);
    assert.ok(gone.every((result) => result.success));
  });

  await check('delete, and deleted rows by scanAll', async () => {
    assert.equal((await connection.sobject('Account').destroy(accountId)).success, true);
    const soql = `SELECT Id, IsDeleted FROM Account WHERE Id = '${accountId}'`;
    assert.equal((await connection.query(soql)).totalSize, 0);
    assert.equal((await connection.query(soql, { scanAll: true })).records[0].IsDeleted, true);
  });

  await check('errors carry their code', async () => {
    await assert.rejects(connection.query('SELECT Nope FROM Account'), { errorCode: 'INVALID_FIELD' });
    await assert.rejects(connection.sobject('Account').retrieve('001000000000001AAA'), { errorCode: 'NOT_FOUND' });
  });

  await check('three calls on an expired session make one refresh', async () => {
    await control('settings', { rotation: false });
    await control('expire_sessions', {});
    const answers = await Promise.all([connection.limits(), connection.limits(), connection.limits()]);
    assert.equal(answers.length, 3);
    assert.equal(refreshed.length, 1);
  });

  await check('it keeps the old refresh token after a rotation, and loses the grant', async () => {
    await control('settings', { rotation: true });
    await control('expire_sessions', {});
    await connection.limits();
    await control('expire_sessions', {});
    await assert.rejects(connection.limits(), /expired access\/refresh token/);
    const counters = await (await fetch(`${base}/__control/counters`)).json();
    assert.equal(counters.family_revocations, 1);
  });

  await check('revoke', async () => {
    const session = await control('session', {});
    const own = new jsforce.Connection({
      oauth2, instanceUrl: base, version: '60.0', accessToken: session.access_token, refreshToken: session.refresh_token,
    });
    await own.limits();
    await own.logout(true);
    const reply = await fetch(`${base}/services/data/v60.0/limits`, {
      headers: { authorization: `Bearer ${session.access_token}` },
    });
    assert.equal(reply.status, 401);
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
