// What an application does with its database, through the clients that applications use:
//
//     SDKS=DIR node scenario.mjs postgrest-js|insforge-sdk postgrest|insforge URL KEY
//
// DIR is where npm has installed package.json. The tables (tables.json, tables.sql) must be empty.
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const [client, dialect, url, key] = process.argv.slice(2)
const load = (path) => import(pathToFileURL(resolve(process.env.SDKS, 'node_modules', path)))
const insforge = dialect === 'insforge'
const wrongKey = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0')

const { connect } = await {
  async 'insforge-sdk'() {
    const { createAdminClient } = await load('@insforge/sdk/dist/index.mjs')
    return { connect: (key) => createAdminClient({ baseUrl: url, apiKey: key }).database }
  },
  async 'postgrest-js'() {
    const { PostgrestClient } = await load('@supabase/postgrest-js/dist/index.mjs')
    const root = insforge ? url + '/api/database/records' : url
    return { connect: (key) => new PostgrestClient(root, { headers: { Authorization: `Bearer ${key}` } }) }
  },
}[client]()

const db = connect(key)
const leads = () => db.from('leads')
const emails = async (query) => (await succeed(query)).data.map((row) => row.email)

async function succeed(query, status) {
  const answer = await query
  assert.equal(answer.error, null, JSON.stringify(answer.error))
  if (status !== undefined) assert.equal(answer.status, status)
  return answer
}

async function fail(query, status, code, message) {
  const { data, error, status: got } = await query
  assert.notEqual(error, null, `not refused: ${JSON.stringify(data)}`)
  assert.equal(error.code, code, JSON.stringify(error))
  assert.equal(got, status)
  if (message) assert.match(error.message, message)
  return error
}

let steps = 0
async function step(name, does) {
  try {
    await does()
  } catch (error) {
    console.error(`${client} on ${dialect}: ${name}`)
    throw error
  }
  steps++
}

await step('insert one, get it back', async () => {
  const { data } = await succeed(
    leads().insert({ email: 'ann@example.com', score: 1.5, active: true, tags: ['a', 'b,c'], info: { city: 'Oslo', langs: ['no', 'en'] }, met_at: '2026-03-01T10:00:00+02:00', visit: '[1,5)' }).select().single(), 201)
  assert.deepEqual(data, {
    id: 1, email: 'ann@example.com', status: 'new', score: 1.5, active: true, tags: ['a', 'b,c'],
    info: { city: 'Oslo', langs: ['no', 'en'] }, met_at: '2026-03-01T08:00:00+00:00', visit: '[1,5)',
  })
})
await step('insert one, nothing back', async () => {
  const { data } = await succeed(leads().insert({ email: 'bob@example.com', score: 2, active: false, tags: ['b'] }), 201)
  assert.deepEqual(data, insforge ? [] : null)
})
await step('insert many, some columns back', async () => {
  const { data } = await succeed(leads().insert([
    { email: 'cat@example.com', status: 'won', info: { city: 'Rome' }, visit: '[10,20)' },
    { email: 'dan, "the man" (x)', status: 'lost', score: -3 },
  ]).select('id,email,state:status'), 201)
  assert.deepEqual(data, [{ id: 3, email: 'cat@example.com', state: 'won' }, { id: 4, email: 'dan, "the man" (x)', state: 'lost' }])
})
await step('insert many with different keys', async () => {
  // The client sends columns=, so what one row lacks is NULL, or its default if that is asked for.
  const { data } = await succeed(leads().insert([{ email: 'eve@example.com' }, { email: 'fay@example.com', score: 9 }], { defaultToNull: false }).select('email,status,score'), 201)
  assert.deepEqual(data, [{ email: 'eve@example.com', status: 'new', score: null }, { email: 'fay@example.com', status: 'new', score: 9 }])
  await fail(leads().insert([{ email: 'x' }, { email: 'y', status: 'won' }]), 400, '23502', /null value in column "status"/)
})
await step('count of an insert', async () => {
  const { count } = await succeed(leads().insert([{ email: 'gus@example.com' }, { email: 'hal, jr. (x)' }], { count: 'exact' }), 201)
  assert.equal(count, 2)
})

await step('comparisons', async () => {
  assert.deepEqual(await emails(leads().select('email').eq('id', 1)), ['ann@example.com'])
  assert.deepEqual(await emails(leads().select('email').neq('status', 'new').order('id')), ['cat@example.com', 'dan, "the man" (x)'])
  assert.deepEqual(await emails(leads().select('email').gt('score', 1.5).order('score')), ['bob@example.com', 'fay@example.com'])
  assert.deepEqual(await emails(leads().select('email').gte('score', 1.5).lt('score', 9).order('score')), ['ann@example.com', 'bob@example.com'])
  assert.deepEqual(await emails(leads().select('email').lte('met_at', '2026-03-01T08:00:00Z')), ['ann@example.com'])
  assert.deepEqual(await emails(leads().select('email').match({ status: 'new', active: true })), ['ann@example.com'])
})
await step('quoting', async () => {
  assert.deepEqual(await emails(leads().select('email').eq('email', 'dan, "the man" (x)')), ['dan, "the man" (x)'])
  assert.deepEqual(await emails(leads().select('email').in('email', ['hal, jr. (x)', 'bob@example.com']).order('id')), ['bob@example.com', 'hal, jr. (x)'])
  assert.deepEqual(await emails(leads().select('email').or('email.eq."dan, \\"the man\\" (x)",email.eq.bob@example.com').order('id')), ['bob@example.com', 'dan, "the man" (x)'])
})
await step('in, is, not', async () => {
  assert.deepEqual(await emails(leads().select('email').in('id', [1, 3, 99]).order('id')), ['ann@example.com', 'cat@example.com'])
  assert.deepEqual(await emails(leads().select('email').is('active', true)), ['ann@example.com'])
  assert.deepEqual(await emails(leads().select('email').not('info', 'is', null).order('id')), ['ann@example.com', 'cat@example.com'])
  assert.deepEqual(await emails(leads().select('email').not('status', 'in', '(new,won)')), ['dan, "the man" (x)'])
  assert.deepEqual(await emails(leads().select('email').filter('status', 'not.in', '(new,lost)')), ['cat@example.com'])
  assert.deepEqual(await emails(leads().select('email').in('id', [])), [])
})
await step('patterns', async () => {
  assert.deepEqual(await emails(leads().select('email').like('email', 'a%')), ['ann@example.com'])
  assert.deepEqual(await emails(leads().select('email').ilike('email', '*MAN*')), ['dan, "the man" (x)'])
  assert.deepEqual(await emails(leads().select('email').likeAllOf('email', ['%a%', 'c%'])), ['cat@example.com'])
  assert.deepEqual(await emails(leads().select('email').ilikeAnyOf('email', ['BOB%', 'HAL%']).order('id')), ['bob@example.com', 'hal, jr. (x)'])
  assert.deepEqual(await emails(leads().select('email').filter('email', 'match', '^[ab].*com$').order('id')), ['ann@example.com', 'bob@example.com'])
})
await step('or, and', async () => {
  assert.deepEqual(await emails(leads().select('email').or('status.eq.won,and(score.gt.1,active.is.true)').order('id')), ['ann@example.com', 'cat@example.com'])
  assert.deepEqual(await emails(leads().select('email').or('id.in.(1,2),status.eq.lost').not('status', 'eq', 'lost').order('id')), ['ann@example.com', 'bob@example.com'])
})
await step('arrays, json, ranges', async () => {
  assert.deepEqual(await emails(leads().select('email').contains('tags', ['b'])), ['bob@example.com'])
  assert.deepEqual(await emails(leads().select('email').containedBy('tags', ['a', 'b', 'c'])), ['bob@example.com'])
  assert.deepEqual(await emails(leads().select('email').overlaps('tags', ['a', 'z'])), ['ann@example.com'])
  assert.deepEqual(await emails(leads().select('email').contains('info', { city: 'Rome' })), ['cat@example.com'])
  assert.deepEqual(await emails(leads().select('email').eq('info->>city', 'Oslo')), ['ann@example.com'])
  assert.deepEqual((await succeed(leads().select('second:info->langs->>1').eq('id', 1).single())).data, { second: 'en' })
  assert.deepEqual(await emails(leads().select('email').rangeGt('visit', '[1,5)')), ['cat@example.com'])
  assert.deepEqual(await emails(leads().select('email').rangeLt('visit', '[10,20)')), ['ann@example.com'])
  assert.deepEqual(await emails(leads().select('email').rangeAdjacent('visit', '[5,7)')), ['ann@example.com'])
  assert.deepEqual(await emails(leads().select('email').overlaps('visit', '[4,11)').order('id')), ['ann@example.com', 'cat@example.com'])
})

await step('order, limit, range, count', async () => {
  assert.deepEqual(await emails(leads().select('email').order('score', { ascending: false, nullsFirst: false }).order('id').limit(2)), ['fay@example.com', 'bob@example.com'])
  const page = await succeed(leads().select('id', { count: 'exact' }).order('id').range(1, 3), 206)
  assert.deepEqual(page.data, [{ id: 2 }, { id: 3 }, { id: 4 }])
  assert.equal(page.count, 8)
  const head = await succeed(leads().select('*', { count: 'exact', head: true }).eq('status', 'new'), 200)
  assert.equal(head.count, 6)
  assert.equal(head.data, null)
  await fail(leads().select('id', { count: 'exact' }).range(50, 60), 416, 'PGRST103', /Requested range not satisfiable/)
  assert.deepEqual((await succeed(leads().select('id').range(50, 60), 200)).data, [])
})
await step('single and maybeSingle', async () => {
  assert.equal((await succeed(leads().select('email').eq('id', 2).single())).data.email, 'bob@example.com')
  const none = await fail(leads().select().eq('id', 99).single(), 406, 'PGRST116')
  assert.equal(none.details, 'The result contains 0 rows')
  assert.equal((await succeed(leads().select().eq('id', 99).maybeSingle())).data, null)
  assert.equal((await succeed(leads().select('id').eq('id', 1).maybeSingle())).data.id, 1)
  await fail(leads().select().maybeSingle(), 406, 'PGRST116')
})
await step('casts and csv', async () => {
  assert.deepEqual((await succeed(leads().select('id::text,score::int').eq('id', 2).single())).data, { id: '2', score: 2 })
  const { data } = await succeed(leads().select('id,email').lte('id', 2).order('id').csv())
  assert.equal(insforge ? JSON.parse(data) : data, 'id,email\n1,ann@example.com\n2,bob@example.com')
})

await step('update', async () => {
  const { data } = await succeed(leads().update({ status: 'won', score: null }).eq('id', 2).select('id,status,score'), 200)
  assert.deepEqual(data, [{ id: 2, status: 'won', score: null }])
  assert.equal((await succeed(leads().update({ active: true }).in('id', [1, 2]), 204)).data, null)
  assert.equal((await succeed(leads().update({ active: false }, { count: 'exact' }).eq('status', 'new'))).count, 5)
  assert.deepEqual((await succeed(leads().update({ active: false }).eq('id', 99).select(), 200)).data, [], 'nobody is nobody')
  await fail(leads().update({ status: 'asleep' }).eq('id', 1), 400, '23514', /check constraint "leads_status_check"/)
  await fail(leads().update({ colour: 'red' }).eq('id', 1), 400, 'PGRST204', /colour/)
  await fail(leads().update({ score: 1 }).gt('id', 0).select().single(), 406, 'PGRST116')
  assert.equal((await succeed(leads().select('*', { count: 'exact', head: true }).eq('score', 1))).count, 0, 'undone')
})
await step('compare and swap', async () => {
  const claim = () => leads().update({ status: 'lost' }).eq('id', 2).eq('status', 'won').select('id')
  const answers = await Promise.all([succeed(claim()), succeed(claim()), succeed(claim())])
  assert.deepEqual(answers.map((answer) => answer.data.length).sort(), [0, 0, 1])
})
await step('upsert', async () => {
  const merged = await succeed(leads().upsert({ email: 'ann@example.com', status: 'won' }, { onConflict: 'email' }).select('id,status,score'), 200)
  assert.deepEqual(merged.data, [{ id: 1, status: 'won', score: 1.5 }])
  const ignored = await succeed(leads().upsert([{ email: 'ann@example.com', status: 'lost' }, { email: 'ivy@example.com', status: 'new' }], { onConflict: 'email', ignoreDuplicates: true }).select('email,status'), 201)
  assert.deepEqual(ignored.data, [{ email: 'ivy@example.com', status: 'new' }])
  assert.equal((await succeed(leads().upsert({ id: 1, email: 'ann@example.org' }).select('email').single(), 200)).data.email, 'ann@example.org')
  await fail(leads().upsert({ email: 'x' }, { onConflict: 'status' }), 400, '42P10')
})

await step('embedded resources', async () => {
  await succeed(db.from('notes').insert([{ lead_id: 1, body: 'called' }, { lead_id: 1, body: 'wrote' }, { lead_id: 3, body: null }]), 201)
  const many = await succeed(leads().select('id,notes(body)').in('id', [1, 2]).order('id').order('id', { referencedTable: 'notes', ascending: false }))
  assert.deepEqual(many.data, [{ id: 1, notes: [{ body: 'wrote' }, { body: 'called' }] }, { id: 2, notes: [] }])
  const one = await succeed(db.from('notes').select('body,lead:leads(email)').eq('body', 'wrote').single())
  assert.deepEqual(one.data, { body: 'wrote', lead: { email: 'ann@example.org' } })
  const inner = await succeed(leads().select('id,notes!inner(body)').eq('notes.body', 'called'))
  assert.deepEqual(inner.data, [{ id: 1, notes: [{ body: 'called' }] }])
  const limited = await succeed(leads().select('id,notes(body)').eq('id', 1).order('id', { referencedTable: 'notes' }).limit(1, { referencedTable: 'notes' }).single())
  assert.deepEqual(limited.data, { id: 1, notes: [{ body: 'called' }] })
  const spread = await succeed(db.from('notes').select('body,...leads(email)').eq('lead_id', 3).single())
  assert.deepEqual(spread.data, { body: null, email: 'cat@example.com' })
  const either = await succeed(leads().select('id,notes(body)').eq('id', 1).or('body.eq.wrote,body.is.null', { referencedTable: 'notes' }).single())
  assert.deepEqual(either.data, { id: 1, notes: [{ body: 'wrote' }] })
  await fail(leads().select('id,friends(*)'), 400, 'PGRST200', /Could not find a relationship between 'leads' and 'friends'/)
})

await step('errors', async () => {
  const unique = await fail(leads().insert({ email: 'bob@example.com' }), 409, '23505', /unique constraint "leads_email_key"/)
  assert.equal(unique.details, 'Key (email)=(bob@example.com) already exists.')
  await fail(leads().insert({ status: 'new' }), 400, '23502', /null value in column "email"/)
  await fail(db.from('notes').insert({ lead_id: 77 }), 409, '23503', /foreign key constraint "notes_lead_id_fkey"/)
  await fail(leads().delete().eq('id', 1), 409, '23503', /on table "notes"/)
  await fail(leads().select('colour'), 400, '42703', /column leads.colour does not exist/)
  await fail(leads().select().eq('id', 'seven'), 400, '22P02', /invalid input syntax for type bigint: "seven"/)
  await fail(db.from('nothing').select(), 404, '42P01', /relation "public.nothing" does not exist/)
  await fail(leads().select().filter('id', 'near', '1'), 400, 'PGRST100')
  await fail(db.rpc('no_such_function', { a: 1 }), 404, 'PGRST202', /public.no_such_function/)
  await assert.rejects(async () => await leads().select('colour').throwOnError(), { code: '42703' })
})
await step('delete', async () => {
  const { data } = await succeed(db.from('notes').delete().eq('lead_id', 3).select('lead_id'), 200)
  assert.deepEqual(data, [{ lead_id: 3 }])
  assert.equal((await succeed(db.from('notes').delete({ count: 'exact' }).eq('lead_id', 1))).count, 2)
  assert.equal((await succeed(leads().delete().eq('id', 1), 204)).data, null)
  assert.deepEqual(await emails(leads().select('email').lte('id', 2)), ['bob@example.com'])
})
await step('a wrong key', async () => {
  const { data, error, status } = await connect(wrongKey).from('leads').select()
  assert.equal(data, null)
  assert.equal(status, 401)
  if (insforge) assert.equal(error.error ?? error.code, 'AUTH_INVALID_API_KEY')
  else assert.equal(error.code, 'PGRST301')
})
console.log(`${client} on ${dialect}: ${steps} steps`)
