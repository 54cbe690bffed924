import t, { type Test } from 'tap'
import { ApiProblem, until } from '../../../scripts/lib/client.ts'
import { searchableMailboxes, type Found, type Written } from '../../support/searchable-mailboxes.ts'

const team: Written[] = [
  {
    subject: 'German',
    from: 'Jörg Müller <joerg.mueller@händler.example>',
    text: 'Sehr geehrte Damen und Herren, anbei die Rechnungen für die bestellten Häuser. Viele Grüße aus der Straße.',
  },
  {
    subject: 'French',
    text: "Bonjour, voici les factures de l'été dernier. Les fenêtres sont réparées. À bientôt !",
  },
  {
    subject: 'Greek',
    text: 'Καλημέρα σας, επισυνάπτω το τιμολόγιο και ευχαριστούμε για την ΣΥΝΕΡΓΑΣΙΑ σας.',
  },
  {
    subject: 'Russian',
    text: 'Добрый день! Высылаем вам счета за ноябрь. Ещё один самый важный договор приложен.',
  },
  { subject: 'Arabic', text: 'مرحبا، أرسلت إليكم الفواتير الجديدة مع العَقْد. رقم الطلب ١٢٣٤٥' },
  { subject: 'Japanese', text: 'お世話になっております。東京都庁の請求書を添付いたします。ｶﾀﾛｸﾞもどうぞ。' },
  { subject: 'Chinese', text: '您好，附件是上海公司的发票，请查收。' },
  { subject: 'Thai', text: 'สวัสดีครับ ใบแจ้งหนี้อยู่ในไฟล์แนบ' },
  { subject: 'Korean', text: '안녕하세요. 회의는 내일 서울에서 열립니다.' },
  {
    subject: 'Turkish',
    text: 'Merhaba, İSTANBUL ofisindeki faturaları ekte bulabilirsiniz. Işık açık kaldı.',
  },
  { subject: 'Emoji 🎉', text: 'Great news ❤️ everybody 👍🏽' },
  {
    subject: 'Order INV-2024/0815',
    from: 'Anna Lee <anna.lee+crm@mail.acme.example>',
    text: "Your e-mail about order AB12-99 reached O'Neill. See https://shop.acme.example/orders/4711?ref=x",
  },
  {
    subject: 'Newsletter',
    html: '<html><style>.hiddenstyle{}</style><body><p>Only in <b>mark</b>up: zebra&nbsp;crossing</p></body></html>',
    headers: ['List-Id: <news.sender.example>', 'Precedence: list'],
  },
  { subject: 'With a file', text: 'See the file', file: 'Quartalsbericht_2026.pdf', seen: true },
  { subject: 'English', text: 'The invoices were paid. To be or not to be. A red house stood alone.' },
  { subject: 'Old news', text: 'Long ago a unicorn', at: '2024-03-02T10:00:00Z' },
]
const own: Written[] = [
  {
    subject: 'Private subjectword',
    from: 'Eva <eva@secret.example>',
    text: 'private bodyword',
    file: 'filename.txt',
  },
]

const {
  app,
  team: teamId,
  own: ownId,
  search,
  subjects,
  reindex,
} = await searchableMailboxes(t, {
  team,
  own,
  archive: [{ subject: 'Archived', text: 'archived unicorn', at: '2023-01-01T10:00:00Z' }],
})
const find = (q: string) => subjects({ q })
const finds = async (t: Test, subject: string, ...questions: string[]) => {
  for (const q of questions) t.strictSame(await find(q), [subject], q)
}

t.test('mail is found in its own language, in other forms of a word, with and without accents', async (t) => {
  await finds(
    t,
    'German',
    'Häuser',
    'haus',
    'HAEUSER',
    'hauser',
    'Rechnung',
    'strasse',
    'Straße',
    'Müller',
    'mueller',
  )
  await finds(t, 'French', 'facture', 'été', 'ete', 'fenetre', 'reparees', "l'été")
  await finds(t, 'Greek', 'τιμολόγιο', 'ΤΙΜΟΛΟΓΙΟ', 'ευχαριστουμε', 'συνεργασία')
  await finds(t, 'Russian', 'счет', 'СЧЕТАМИ', 'еще', 'самый', 'договора')
  await finds(t, 'Arabic', 'فواتير', 'الفواتير', 'العقد', '12345', '١٢٣٤٥')
  await finds(t, 'Japanese', '請求書', '東京', '京都庁', 'カタログ', '東京都庁の請求書')
  await finds(t, 'Chinese', '上海', '发票', '上海公司', '公')
  await finds(t, 'Thai', 'ใบแจ้งหนี้')
  await finds(t, 'Korean', '회의', '서울')
  await finds(t, 'Turkish', 'istanbul', 'İstanbul', 'ISTANBUL', 'ışık', 'isik', 'fatura')
  await finds(t, 'Emoji 🎉', '🎉', '❤', '❤️', '👍🏽')
  await finds(t, 'English', 'invoice', 'house')
})

t.test('addresses, domains, orders and compounds are found whole and in parts', async (t) => {
  const order = 'Order INV-2024/0815'
  await finds(t, order, 'anna', 'lee', 'anna.lee+crm@mail.acme.example', 'mail.acme.example', 'acme.example')
  await finds(t, order, 'inv-2024', 'INV', '0815', 'INV-2024/0815', 'AB12-99', '4711', 'shop.acme.example')
  await finds(t, order, 'email order', 'e-mail', '"e mail"', "o'neill", 'neill', 'O’Neill')
  await finds(t, 'Newsletter', 'zebra', 'markup zebra', 'newsletter')
  t.strictSame(await find('hiddenstyle'), [])
  await finds(t, 'With a file', 'Quartalsbericht', 'quartalsbericht_2026.pdf', 'quartals*')
})

t.test('phrases, exclusions, alternatives and beginnings', async (t) => {
  await finds(t, 'English', '"red house"', '"To be or not to be"', 'invoic* alone', '"red house')
  t.strictSame(await find('"house red"'), [])
  t.strictSame(await find('"red houses"'), [], 'a phrase is as it is written')
  t.strictSame(await find('unicorn'), ['Old news', 'Archived'])
  t.strictSame(await find('unicorn -archived'), ['Old news'])
  t.strictSame(await find('zebra or "red house" OR 上海'), ['Chinese', 'Newsletter', 'English'])
})

t.test('narrowed down by people, subject, time, folder, files and what was read', async (t) => {
  t.strictSame(await subjects({ from: 'Anna' }), ['Order INV-2024/0815'])
  t.strictSame(await subjects({ from: 'anna.lee+crm@mail.acme.example' }), ['Order INV-2024/0815'])
  t.strictSame(await subjects({ from: 'acme.example', to: 'team@acme.test' }), ['Order INV-2024/0815'])
  t.strictSame(await subjects({ from: 'team@acme.test' }), [])
  t.strictSame(await subjects({ subject: 'news' }), ['Old news'])
  t.strictSame(await subjects({ q: 'unicorn', before: '2023-06-01T00:00:00Z' }), ['Archived'])
  t.strictSame(await subjects({ q: 'unicorn', after: '2023-06-01T00:00:00Z' }), ['Old news'])
  t.strictSame(await subjects({ q: 'unicorn', folder: 'Old' }), ['Archived'])
  t.strictSame(await subjects({ q: 'unicorn', folder: 'inbox' }), ['Old news'])
  t.strictSame(await subjects({ to: 'team', account: teamId, hasAttachment: 'true' }), ['With a file'])
  t.strictSame(await subjects({ to: 'team', unread: 'false' }), ['With a file'])
  t.strictSame(await subjects({ q: 'unicorn', unread: 'true' }), ['Old news', 'Archived'])
  t.strictSame(await subjects({ q: 'unicorn', unread: 'true', folder: 'Old' }), ['Archived'])
  t.strictSame(await subjects({ q: 'file', unread: 'true' }), [])
  t.strictSame(await subjects({ to: 'team', automatic: 'true' }), ['Newsletter'])
  t.strictSame(await subjects({ q: 'unicorn', direction: 'out' }), [])
  t.strictSame(await subjects({ q: 'unicorn', account: ownId }), [])
  await app.client.send('PUT', '/v1/directory/contacts/c1', { emails: ['Anna.Lee+crm@mail.acme.example'] })
  const linked = await until(
    'The link',
    () => subjects({ contact: 'c1' }),
    ({ length }) => length > 0,
  )
  t.strictSame(linked, ['Order INV-2024/0815'])
  t.strictSame(await subjects({ contact: 'c1', q: 'order', account: teamId }, 'u2'), ['Order INV-2024/0815'])
  t.strictSame(await subjects({ contact: 'c1', account: ownId }), [])
  t.strictSame(await subjects({ contact: 'c1', q: 'unicorn' }), [])
  t.strictSame(await subjects({ company: 'nobody' }), [])
})

t.test('pages go on where the last one ended, and none is shown twice', async (t) => {
  const all = await subjects({ to: 'team', account: teamId })
  const paged: (string | null)[] = []
  let page: Found = { data: [], nextCursor: null, hasMore: true }
  while (page.hasMore) {
    page = await search({
      to: 'team',
      account: teamId,
      limit: '5',
      ...(page.nextCursor === null ? {} : { cursor: page.nextCursor }),
    })
    paged.push(...page.data.map(({ subject }) => subject))
  }
  t.strictSame(paged, all)
  t.equal(all.length, team.length + 1)
})

t.test('what was found is marked, as plain text', async (t) => {
  const shown = async (q: string) => {
    const [hit] = (await search({ q })).data
    const cut = (text: string, marks: { start: number; end: number }[]) =>
      marks.map(({ start, end }) => text.slice(start, end))
    return {
      subject: cut(hit?.subject ?? '', hit?.subjectMarks ?? []),
      text: cut(hit?.extract?.text ?? '', hit?.extract?.marks ?? []),
    }
  }
  t.strictSame(await shown('haus'), { subject: [], text: ['Häuser'] })
  t.strictSame(await shown('京都庁'), { subject: [], text: ['京都庁'] })
  t.strictSame(await shown('inv-2024'), { subject: ['INV-2024'], text: [] })
  t.strictSame(await shown('"red house"'), { subject: [], text: ['red', 'house'] })
  t.strictSame(await shown('invoic*'), { subject: [], text: ['invoices'] })
})

t.test('what a person may not read is not found', async (t) => {
  const asU2 = (query: Record<string, string>) =>
    search(query, 'u2').then(({ data }) => data.map(({ accountId }) => accountId))
  const levels = {
    metadata: ['eva'],
    subject: ['eva', 'subjectword'],
    everything: ['eva', 'subjectword', 'bodyword', 'filename'],
  }
  for (const user of [undefined, 'u1'])
    for (const q of levels.everything)
      t.equal((await search({ q }, user)).data[0]?.accountId, ownId, `${user} ${q}`)
  for (const q of levels.everything) t.strictSame(await asU2({ q }), [], q)
  for (const level of ['metadata', 'subject', 'everything'] as const) {
    await app
      .clientOf('u1')
      .send('PATCH', `/v1/email-accounts/${ownId}/settings`, { visibility: level }, { 'if-match': '*' })
    for (const q of levels.everything)
      t.strictSame(await asU2({ q }), levels[level].includes(q) ? [ownId] : [], `${level} ${q}`)
    // What is excluded would tell what is there.
    t.strictSame(await asU2({ q: 'eva -bodyword' }), level === 'everything' ? [] : [ownId], level)
    t.strictSame(await asU2({ subject: 'subjectword' }), level === 'metadata' ? [] : [ownId], level)
    const [hit] = (await search({ q: 'eva' }, 'u2')).data
    t.match(hit, { visibility: level, subject: level === 'metadata' ? null : 'Private subjectword' })
    t.equal(hit?.extract === null, level !== 'everything', level)
    t.strictSame(await asU2({ q: 'unicorn' }), [teamId, teamId], 'and mail of everybody as before')
  }
})

t.test('hostile questions are answered clearly', async (t) => {
  const problem = async (query: Record<string, string>) => {
    try {
      await search(query)
      return 'found'
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error
      t.not(error.problem.remedy, '')
      return `${error.status} ${error.problem.code}`
    }
  }
  for (const q of [
    '',
    ' ',
    '"',
    '""',
    '-',
    '*',
    '&|!:*()<->',
    "'",
    String.raw`\\`,
    '-unicorn',
    'a or -b',
    'or',
    '((((',
    '\u202e',
  ])
    t.equal(await problem({ q }), '400 nothing-to-search', q)
  t.equal(await problem({}), '400 nothing-to-search')
  t.equal(await problem({ unread: 'true' }), '400 nothing-to-search')
  t.equal(await problem({ q: 'x'.repeat(10_000) }), '400 invalid-request')
  t.equal(await problem({ q: 'a\0b' }), '400 invalid-character')
  t.equal(await problem({ q: 'a:*' }), '400 search-too-broad')
  t.equal(await problem({ q: 'word '.repeat(100) }), '400 search-too-broad')
  for (const q of [
    "'; drop table x; --",
    'a & b',
    String.raw`'\' | x`,
    '<b>',
    '"a" "b',
    '!!!a',
    'day:20260105',
    '%_%x',
    'x'.repeat(900),
    '\ud800x',
    'the',
  ])
    t.equal(await problem({ q }), 'found', q)
})

t.test('what messages are found by can be made again from their bytes', async (t) => {
  const before = await subjects({ to: 'acme.test' })
  await app.pool.query('delete from mailtrail.message_text')
  t.strictSame(await find('haus'), [])
  t.match(await reindex(t), { code: 0, out: `${before.length} messages can be found by their words\n` })
  t.strictSame(await find('haus'), ['German'])
  t.strictSame(await subjects({ to: 'acme.test' }), before)
})
