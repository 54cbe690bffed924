import t from 'tap'
import { seedAccounts } from '../../support/connected-accounts.ts'
import { idOf } from '../../support/example-emails.ts'
import { startApp } from '../../support/running-app.ts'

const app = await startApp(t)
const position = await seedAccounts(t, app.pool, [
  { n: 1, owner: { kind: 'team' } },
  { n: 2, owner: { kind: 'user', userId: 'u1' } },
  { n: 3, owner: { kind: 'team' } },
  { n: 4, owner: { kind: 'user', userId: 'u2' } },
])
type Listed = { data: { id: string; address: string; status: string }[]; nextCursor: string | null }
const list = (query = '', client = app.client) =>
  client.get<Listed>(`/v1/email-accounts?min_position=${position}&${query}`)
const numbersOf = ({ data }: Listed) => data.map(({ id }) => [1, 2, 3, 4].find((n) => idOf('acc', n) === id))

t.test('accounts are listed in the order that is asked for, page by page', async (t) => {
  const all = (await list()).data
  const byAddress = all.map(({ address }) => address).toSorted()
  for (const sort of ['connectedAt', '-connectedAt', 'address', '-address']) {
    const whole = await list(`sort=${sort}`)
    const paged: string[] = []
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Listed = await list(`sort=${sort}&limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`)
      paged.push(...page.data.map(({ id }) => id))
      cursor = page.nextCursor
    }
    t.same(
      paged,
      whole.data.map(({ id }) => id),
      sort,
    )
    if (sort === 'address')
      t.same(
        whole.data.map(({ address }) => address),
        byAddress,
      )
    if (sort.startsWith('-'))
      t.same(
        whole.data.map(({ id }) => id),
        (await list(`sort=${sort.slice(1)}`)).data.map(({ id }) => id).toReversed(),
      )
  }
  const cursor = (await list('sort=address&limit=1')).nextCursor
  t.match(await app.ask('GET', `/v1/email-accounts?sort=connectedAt&cursor=${cursor}`), {
    status: 400,
    json: { code: 'invalid-cursor' },
  })
})

t.test('the list is narrowed down by owner, provider, status and what is searched for', async (t) => {
  t.same(new Set(numbersOf(await list('owner=team'))), new Set([1, 3]))
  t.same(numbersOf(await list('owner=u2')), [4])
  t.same(numbersOf(await list('owner=u2', app.clientOf('u1'))), [], "not even by another's name")
  t.equal((await list('provider=imap-smtp')).data.length, 4)
  t.equal((await list('provider=other')).data.length, 0)
  const { data } = await list()
  const [status] = data.map((each) => each.status)
  t.same((await list(`status=${status}&limit=1`)).data.length, 1)
  t.same(
    (await list(`status=${status}`)).data.map(({ id }) => id),
    data.filter((each) => each.status === status).map(({ id }) => id),
  )
  const paused = await app.client.send('POST', `/v1/email-accounts/${idOf('acc', 3)}/pause`, {})
  const path = `/v1/email-accounts?status=paused&min_position=${paused.position}`
  t.same(numbersOf(await app.client.get<Listed>(path)), [3])
  const { address } = data.find(({ id }) => id === idOf('acc', 2))!
  t.same(numbersOf(await list(`search=${encodeURIComponent(address.toUpperCase())}`)), [2])
  t.same((await list('search=%25')).data, [], 'a percent sign is one')
  t.match(await app.ask('GET', '/v1/email-accounts?status=well'), { status: 400 })
})
