import t from 'tap'
import { browser } from '../../scripts/lib/mail-servers/browser.ts'
import { signInWorld } from '../support/oauth/sign-in-world.ts'

// Each step of a sign-in has to follow within ten minutes, and what is granted has to be used within the hour.

const sarah = { id: 'person-1', address: 'sarah@acme.test' }
const time = { passedMs: 0 }
const clock = () => new Date(Date.now() + time.passedMs)
const { app, begin } = await signInWorld(t, [sarah], { clock })
const ada = app.clientOf('u-ada')
const minutesPass = (minutes: number) => void (time.passedMs += minutes * 60_000)
const statusOf = async (id: string) => (await ada.get<{ status: string }>(`/v1/sign-ins/${id}`)).status

t.test('a link that nobody follows in time leads nowhere', async (t) => {
  const { id, url } = await begin('u-ada')
  minutesPass(11)
  t.match(await browser().open(url), { status: 400, to: null, page: /link to sign in is not valid/ })
  t.equal(await statusOf(id), 'expired')
})

t.test('an answer of the provider that comes too late is refused', async (t) => {
  const { id, url } = await begin('u-ada')
  const hers = browser()
  const back = await hers.choose(url, { address: sarah.address })
  t.equal(await statusOf(id), 'started')
  minutesPass(11)
  t.match(await hers.open(back), { status: 400, to: null, page: /belongs to no sign-in/ })
  t.equal(await statusOf(id), 'expired')
})

t.test('what was granted and never completed cannot be used any more', async (t) => {
  const { id, url } = await begin('u-ada')
  const hers = browser()
  await hers.open(await hers.choose(url, { address: sarah.address }))
  t.equal(await statusOf(id), 'granted')
  minutesPass(61)
  await t.rejects(ada.send('POST', `/v1/sign-ins/${id}/complete`, {}), { message: /sign-in-expired/ })
  t.equal(await statusOf(id), 'expired')
})
