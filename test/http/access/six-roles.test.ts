import t from 'tap'
import { asker, type Asking } from '../../support/asked-words.ts'
import { levels, shownAt, type Level } from '../../support/route-tables.ts'
import { startToldWorld } from '../../support/told-world.ts'

// Every route, asked by six roles: a program that acts for nobody, the owner of an account, and a colleague to whom
// nothing, the metadata, the subject too, or everything is visible. Words stand in each part of the account's mail, and
// an answer has those that its level shows, and no others. A route that is not in a table fails: say what it tells whom
// before it goes out.

const world = await startToldWorld(t)
const { app, account, owner, accountPath, readings, changes, apart } = world
const ask = asker(app)
const colleague: Asking = { headers: { 'mailtrail-user': 'u2' } }

t.test('every route is in a table, and no other', async (t) => {
  const methodsOf = ({ method, url }: (typeof app.routes)[number]) =>
    method.split(' ').flatMap((each) => (each === 'HEAD' || each === 'OPTIONS' ? [] : [`${each} ${url}`]))
  const known = [...Object.keys(readings).map((url) => `GET ${url}`), ...Object.keys(changes), ...apart]
  t.strictSame([...new Set(app.routes.flatMap(methodsOf))].toSorted(), known.toSorted())
})

/** Whoever may use the account; a personal template is no program's. */
const insiders: Readonly<Record<string, Asking>> = {
  'a program': {},
  'the owner': { headers: { 'mailtrail-user': 'u1' } },
}
for (const [url, rules] of Object.entries(readings)) {
  t.test(`GET ${url} tells all to a program and to the owner`, async (t) => {
    for (const [who, asking] of Object.entries(insiders))
      for (const { to, paths, tells } of rules)
        for (const path of paths) {
          const { status, found } = await ask('GET', path, asking)
          t.strictSame(found.toSorted(), [...tells].toSorted(), `${path} to ${who}`)
          if (to !== 'nobody') t.equal(status, 200, `${path} to ${who}`)
        }
  })
}

/** @returns the position of the change */
const choose = async (chosen: Level | null): Promise<string> => {
  const { headers } = await app.ask('GET', accountPath)
  const ifMatch = { 'if-match': headers.get('etag') ?? '' }
  const { position } = await owner.send('PATCH', `${accountPath}/settings`, { visibility: chosen }, ifMatch)
  return position ?? ''
}

for (const visible of levels) {
  const isVisible = (least: Level) => levels.indexOf(visible) >= levels.indexOf(least)
  t.test(`to a colleague ${visible} is visible`, async (t) => {
    const position = await choose(visible)
    for (const [url, rules] of Object.entries(readings))
      for (const rule of rules)
        for (const path of rule.paths) {
          const asked = url.startsWith('/v1/')
            ? `${path}${path.includes('?') ? '&' : '?'}min_position=${position}`
            : path
          const { status, found } = await ask('GET', asked, colleague)
          const isThere = rule.to === 'level' ? isVisible(rule.least) : rule.to !== 'own'
          if (rule.to !== 'nobody') t.equal(status, isThere ? 200 : 404, path)
          const isTold = rule.to === 'list' || (rule.to === 'level' && isThere)
          const told = isTold ? rule.tells.filter((word) => shownAt[visible].includes(word)) : []
          t.strictSame(found.toSorted(), told.toSorted(), path)
        }
    for (const [route, each] of Object.entries(changes))
      for (const { path, body } of each) {
        const headers = { ...colleague.headers, 'if-match': '*' }
        const asked = body === undefined ? { headers } : { headers, body }
        t.strictSame(await ask(route.split(' ')[0]!, path, asked), { status: 404, found: [] }, route)
      }
  })
}

t.test(
  'an account that chooses nothing follows the organisation, and no account goes below its floor',
  async (t) => {
    const colleagueClient = app.clientOf('u2')
    type Messages = { data: { visibility: Level }[] }
    type Analytics = { totals: { sent: number } }
    const seen = async (chosen: Level | null, policy: object) => {
      await app.client.send('PUT', '/v1/directory/organization', { name: 'Acme', ...policy })
      const after = `min_position=${await choose(chosen)}`
      const { data } = await colleagueClient.get<Messages>(`/v1/messages?account=${account}&${after}`)
      const { totals } = await colleagueClient.get<Analytics>(`/v1/analytics/engagement?${after}`)
      return [data[0]?.visibility ?? 'nothing', totals.sent]
    }
    const open = { visibilityDefault: 'subject', visibilityFloor: 'metadata' }
    t.strictSame(await seen(null, {}), ['nothing', 0])
    t.strictSame(await seen(null, open), ['subject', 1])
    t.strictSame(await seen('everything', open), ['everything', 1])
    t.strictSame(await seen('nothing', open), ['metadata', 1])
  },
)
