import type pg from 'pg'
import { postgresEventStore } from '../src/adapters/postgres/event-log/event-store.ts'
import { AccountConnected, AccountPaused, defaultSettings } from '../src/domain/accounts/events.ts'
import { messageLinks } from '../src/projections/linking/message-links.ts'
import { schemaOf } from '../src/projections/projection.ts'
import { timeline } from '../src/projections/timeline/entries.ts'
import { messages } from '../src/projections/sync/messages.ts'
import { connected } from '../test/support/example-sync-events.ts'
import { bulkLoad } from './bulk-load.ts'
import { append } from './lives.ts'
import { mailWords, type MailWords } from './mail-words.ts'
import type { Bench } from './measure.ts'
import { benchService, type BenchService } from './service.ts'

export const MESSAGES = Number(process.env['MAILTRAIL_BENCH_MESSAGES'] ?? 1_000_000)
const ACCOUNTS = 20
const BODIES = 12_000
const PEOPLE = 20_000
/** Folders of projects, each with a few hundred messages. */
const PROJECTS = 100

/** u1 may use most accounts; u2 may use two, and sees people and subjects in the others. */
export const [owner, colleague] = ['u1', 'u2']
export const accountOf = (nth: number): string => `acc_${String(nth).padStart(26, '0')}`
export const contactOf = (nth: number): string => `contact-${nth}`

export type MillionMessages = { readonly service: BenchService; readonly words: MailWords }
type Load = (client: pg.ClientBase) => Promise<void>

let made: Promise<MillionMessages> | null = null

/** The service of an organisation with a million messages, made once for all rows that ask for it. */
const organisation = (bench: Bench): Promise<MillionMessages> =>
  (made ??= (async () => {
    const service = await benchService(bench, { MAILTRAIL_REQUESTS_PER_MINUTE: '1000000' })
    bench.atEnd(() => service.stop())
    await service.start()
    await connectAccounts(service)
    const words = mailWords({ bodies: BODIES, people: PEOPLE })
    await sideBySide(service, [(client) => makeMail(client, words)])
    return { service, words }
  })())

/** With what a search reads. */
export const searchableMessages = async (bench: Bench): Promise<MillionMessages> => {
  const million = await organisation(bench)
  await sideBySide(million.service, [loadTexts, loadMessages])
  return million
}

/** With what a timeline reads. */
export const timelineEntries = async (bench: Bench): Promise<MillionMessages> => {
  const million = await organisation(bench)
  await sideBySide(million.service, [loadEntries, loadRecords])
  return million
}

const sideBySide = async ({ pool }: BenchService, loads: readonly Load[]): Promise<void> => {
  await Promise.all(
    loads.map(async (load) => {
      const client = await pool.connect()
      try {
        await client.query(
          `set maintenance_work_mem = '1GB'; set work_mem = '256MB'; set synchronous_commit = off`,
        )
        await load(client)
      } finally {
        client.release(true)
      }
    }),
  )
  // Now that nothing else is under way: what an old transaction may still see is not known to be visible to all.
  await pool.query('vacuum (process_toast false)')
}

const connectAccounts = async ({ pool, client }: BenchService): Promise<void> => {
  for (const name of [owner, colleague]) await client.send('PUT', `/v1/directory/users/${name}`, { name })
  const store = postgresEventStore(pool)
  for (let nth = 0; nth < ACCOUNTS; nth++) {
    const accountId = accountOf(nth)
    const of = nth < ACCOUNTS - 2 ? owner : colleague
    const settings = { ...defaultSettings, visibility: 'subject' as const }
    await append(store, `account-${accountId}`, [
      AccountConnected({ ...connected().data, accountId, owner: { kind: 'user', userId: of }, settings }),
      AccountPaused({ accountId, reason: 'nothing to sync' }),
    ])
  }
  await store.close()
}

/** What each message is, and what it is made of. */
const makeMail = async (client: pg.ClientBase, { bodies, people }: MailWords): Promise<void> => {
  await client.query(`create schema made`)
  // The same in every run.
  await client.query(`
    create function made.drawn(n int, which int) returns float language sql immutable
      return (hashint8extended(n, which) & 2147483647) / 2147483648.0`)
  const keep = async (table: string, rows: readonly object[], columns: string): Promise<void> => {
    await client.query(`create unlogged table made.${table} (nth int, ${columns})`)
    for (let from = 0; from < rows.length; from += 2_000)
      await client.query(
        `insert into made.${table} select * from json_to_recordset($1) as r(nth int, ${columns})`,
        [JSON.stringify(rows.slice(from, from + 2_000).map((row, nth) => ({ nth: from + nth, ...row })))],
      )
  }
  await keep(
    'body',
    bodies,
    'subject text, beginning text, language text, words tsvector, has_attachment boolean',
  )
  await keep('person', people, 'name text, address text, as_from tsvector, as_to tsvector')
  // Spread unevenly, as mail is: few accounts and people have much of it.
  await client.query(`
    create unlogged table made.mail as
    select n as nth, 'msg_' || left(md5(n::text), 26) as id,
      'acc_' || lpad(floor(${ACCOUNTS} * power(made.drawn(n, 1), 2))::text, 26, '0') as account_id,
      timestamptz '2026-11-01' - n * interval '730 days' / ${MESSAGES} as at,
      floor(${PEOPLE} * power(made.drawn(n, 2), 4))::int as person,
      n % ${BODIES} as body, (n / 7 * 31) % ${BODIES} as more,
      case when made.drawn(n, 3) < 0.08 then 'Sent' when made.drawn(n, 3) < 0.18 then 'Archive'
        when made.drawn(n, 3) < 0.2 then 'Projects/' || n % ${PROJECTS} else 'INBOX' end as folder,
      made.drawn(n, 4) < 0.02 as unread, made.drawn(n, 4) > 0.85 as automatic
    from generate_series(0, ${MESSAGES - 1}) as n`)
  await client.query('analyze made.body; analyze made.person; analyze made.mail')
}

// Older mail came with the first sync of each account, the rest as it was received.
const stored = `(select * from made.mail
  order by case when nth > ${MESSAGES / 10} then account_id else 'later' end, nth desc) as mail`

/** What a message belongs to in the CRM. */
const records = `(
  select * from (values ('contact', person), ('company', person % 2000),
    ('deal', case when nth % 20 = 0 then person % 500 end)) as record(kind, which)
  where which is not null) as record`

const loadTexts = (client: pg.ClientBase): Promise<void> =>
  bulkLoad(client, 'mailtrail.message_text', () =>
    client.query(`
      insert into mailtrail.message_text (message_id, account_id, received_at, language, beginning, words)
      select id, account_id, at, one.language, one.beginning || ' ' || left(two.beginning, 200),
        case folder when 'Sent' then person.as_to else person.as_from end || one.words || two.words
          || array_to_tsvector(array['account:' || account_id, 'day:' || to_char(at, 'YYYY-MM-DD'),
            'month:' || to_char(at, 'YYYY-MM'), 'order-' || mail.nth])
      from ${stored} join made.person on person.nth = person join made.body as one on one.nth = body
      join made.body as two on two.nth = more`),
  )

const loadMessages = async (client: pg.ClientBase): Promise<void> => {
  const [sync, links] = [schemaOf(messages), schemaOf(messageLinks)]
  await client.query(`
    insert into ${sync}.folder select distinct account_id, folder, case folder when 'INBOX' then 'inbox'
      when 'Sent' then 'sent' when 'Archive' then 'archive' end from made.mail`)
  await bulkLoad(client, `${sync}.message`, () =>
    client.query(`
      insert into ${sync}.message (id, account_id, exchanged, listed, shown_by_hand, direction, received_at, sent_at,
        header, snippet, size, has_html, attachments, automatic, defects, quarantined, raw, places,
        unread)
      select id, account_id, true, true, false, case folder when 'Sent' then 'out' else 'in' end, at, at,
        jsonb_build_object('messageId', id || '@client.example', 'inReplyTo', '[]'::jsonb, 'references', '[]'::jsonb,
          'subject', subject, 'from', jsonb_build_array(case folder when 'Sent' then us else them end),
          'to', jsonb_build_array(case folder when 'Sent' then them else us end), 'cc', '[]'::jsonb,
          'replyTo', '[]'::jsonb),
        left(beginning, 200), 17000, true, case when has_attachment then
          '[{"name": "offer.pdf", "type": "application/pdf", "size": 40000, "inline": false, "contentId": null}]'::jsonb
          else '[]' end,
        case when automatic then 'list' end, '[]', null, md5(id) || md5(id),
        jsonb_build_array(jsonb_build_object('folder', folder, 'role', case folder when 'INBOX' then 'inbox'
          when 'Sent' then 'sent' when 'Archive' then 'archive' end, 'ref', mail.nth::text,
          'flags', case when unread then '[]'::jsonb else '["seen"]' end)), unread and folder <> 'Sent'
      from ${stored} join (select nth, jsonb_build_object('address', address, 'name', name) as them from made.person)
        as person on person.nth = person
      join made.body as one on one.nth = body, jsonb_build_object('address', 'sarah@acme.example') as us`),
  )
  await bulkLoad(client, `${sync}.located`, () =>
    client.query(`insert into ${sync}.located select account_id, folder, id, at from ${stored}`),
  )
  await bulkLoad(client, `${links}.link`, () =>
    client.query(`
      insert into ${links}.link (record_kind, record_id, message_id, account_id, rule, link, since)
      select kind, kind || '-' || which, mail.id, account_id, 'address', jsonb_build_object('record',
        jsonb_build_object('kind', kind, 'id', kind || '-' || which), 'rule', 'address', 'evidence', which::text,
        'confidence', 'certain'), at
      from ${stored} cross join lateral ${records}`),
  )
}

/** Each message, and that some of what was sent was opened and clicked. */
const entries = `(
  select mail.*, mail.id || '.' || suffix as entry_id, at + after as entry_at, happened.kind,
    happened.kind || coalesce('.' || verdict, '') as sort, happened.direction, verdict,
    'p:' || lpad(mail.nth::text, 20, '0') as position
  from ${stored} cross join lateral (values
    ('mail', case folder when 'Sent' then 'sent' else 'received' end, case folder when 'Sent' then 'out' else 'in' end,
      null, interval '0'),
    ('opened.human', case when folder = 'Sent' and mail.nth % 2 = 0 then 'opened' end, 'in', 'human',
      interval '20 minutes'),
    ('clicked.human.0', case when folder = 'Sent' and mail.nth % 5 = 0 then 'clicked' end, 'in', 'human',
      interval '21 minutes')) as happened(suffix, kind, direction, verdict, after)
  where happened.kind is not null) as entry`

const loadEntries = (client: pg.ClientBase): Promise<void> => {
  const table = `${schemaOf(timeline)}.entry`
  return bulkLoad(client, table, () =>
    client.query(`
      insert into ${table} (entry_id, account_id, at, kind, sort, direction, verdict, inward, message_id, shown, records,
        content, count, last_at, position)
      select entry_id, account_id, entry_at, kind, sort, direction, verdict, false, id, true,
        jsonb_build_array(jsonb_build_object('kind', 'contact', 'id', 'contact-' || person),
          jsonb_build_object('kind', 'company', 'id', 'company-' || person % 2000)) || case when entry.nth % 20 = 0
          then jsonb_build_array(jsonb_build_object('kind', 'deal', 'id', 'deal-' || person % 500)) else '[]' end,
        jsonb_build_object('title', subject, 'from', jsonb_build_array(jsonb_build_object('address', address)), 'to',
          jsonb_build_array(jsonb_build_object('address', address)), 'text', null, 'link', null, 'replyId', null,
          'actor', null),
        1, entry_at, position
      from ${entries} join (select nth, address from made.person) as person on person.nth = person
      join (select nth, subject from made.body) as one on one.nth = body`),
  )
}

/** With the contact, company and deal of each. */
const loadRecords = (client: pg.ClientBase): Promise<void> => {
  const table = `${schemaOf(timeline)}.on_record`
  return bulkLoad(client, table, () =>
    client.query(`
      insert into ${table} (record_kind, record_id, account_id, entry_id, sort, at, direction, inward, shown, position)
      select record.kind, record.kind || '-' || which, account_id, entry_id, sort, entry_at, direction, false, true,
        position
      from ${entries} cross join lateral ${records}`),
  )
}
