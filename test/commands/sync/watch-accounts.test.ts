import t from 'tap'
import type { Lease, Leases } from '../../../src/commands/ports/leases.ts'
import { MailUnavailable } from '../../../src/commands/ports/mail-provider.ts'
import { hintsOfMailboxes } from '../../../src/commands/sync/hints.ts'
import { watchAccounts } from '../../../src/commands/sync/watch-accounts.ts'
import { until } from '../../support/sending-world.ts'
import { mail, syncRig } from '../../support/mailbox-to-sync.ts'
import { accountId } from '../../support/example-sync-events.ts'

type Watchable = { accountId: string; version: number }
type Watch = { readonly accountId: string; readonly end: () => void; readonly fail: (error: Error) => void }

/** Accounts that may be watched, as a test says, and watches that end when they are told to. */
const world = (accounts: Watchable[], leases?: Leases) => {
  const open = new Set<Watch>()
  const begun: string[] = []
  const errors: unknown[] = []
  const hints = hintsOfMailboxes()
  const stopping = new AbortController()
  const everybody: Leases = {
    acquire: async (name): Promise<Lease> => ({
      name,
      generation: 1,
      signal: new AbortController().signal,
      release: async () => {},
    }),
  }
  const running = watchAccounts({
    leases: leases ?? everybody,
    hints,
    lookEveryMs: 5,
    restMs: { first: 20, most: 40 },
    watchable: async (after, limit) =>
      accounts.filter((each) => after === null || each.accountId > after).slice(0, limit),
    stillWatchable: async (ids) => accounts.filter((each) => ids.includes(each.accountId)),
    onError: (error) => errors.push(error),
    watchMailbox: (id, onHint, signal) =>
      new Promise((resolve, reject) => {
        begun.push(id)
        const ended = (settle: () => void) => () => {
          open.delete(watch)
          settle()
        }
        const watch: Watch = {
          accountId: id,
          end: ended(resolve),
          fail: (error) => ended(() => reject(error))(),
        }
        open.add(watch)
        signal.addEventListener('abort', watch.end, { once: true })
        onHint()
      }),
  })(stopping.signal)
  const stop = async () => {
    stopping.abort()
    await running
  }
  t.teardown(stop)
  return { open, begun, errors, hints, stop, watched: () => [...open].map((watch) => watch.accountId) }
}
const accountsOf = (count: number): Watchable[] =>
  Array.from({ length: count }, (_, nth) => ({ accountId: String(nth).padStart(4, '0'), version: 1 }))

t.test(
  'each account is watched once, its hints are passed on, and all of it stops with the signal',
  async (t) => {
    const { open, begun, hints, stop } = world(accountsOf(3))
    await until(() => open.size === 3, 'three watches')
    t.strictSame(begun.toSorted(), ['0000', '0001', '0002'])
    t.equal(
      hints.take((id) => id === '0001'),
      '0001',
    )
    await stop()
    t.equal(open.size, 0)
  },
)

t.test('a process watches as many as it may, and gets round to the others', async (t) => {
  const accounts = accountsOf(130)
  const { open, watched } = world(accounts)
  await until(() => open.size === 100, 'a hundred watches')
  const first = watched()
  accounts.splice(0, 50)
  await until(() => watched().includes('0129') && open.size === 80, 'the rest, where some have gone')
  t.ok(watched().every((id) => id >= '0050'))
  t.ok(first.includes('0000'))
})

t.test('a watch that ends or breaks is begun again, and a fault of ours is told', async (t) => {
  const { open, begun, errors } = world(accountsOf(1))
  const one = async () => {
    await until(() => open.size === 1, 'a watch')
    return [...open][0]!
  }
  ;(await one()).end()
  ;(await one()).fail(new MailUnavailable('temporary', 'away', 'It is away', 'Wait.'))
  ;(await one()).fail(new TypeError('a mistake'))
  await one()
  t.equal(begun.length, 4)
  t.match(errors, [{ message: 'a mistake' }])
  t.equal(errors.length, 1)
})

t.test(
  'an account that is reached in another way is watched anew, and one that is paused no more',
  async (t) => {
    const accounts = accountsOf(1)
    const { open, begun } = world(accounts)
    await until(() => open.size === 1, 'a watch')
    accounts[0] = { ...accounts[0]!, version: 2 }
    await until(() => begun.length === 2, 'another')
    accounts.pop()
    await until(() => open.size === 0, 'none')
    t.equal(begun.length, 2)
  },
)

t.test('what another process watches is left to it', async (t) => {
  let asked = 0
  const { begun } = world(accountsOf(1), {
    acquire: async () => {
      asked++
      return null
    },
  })
  await until(() => asked > 0, 'the lease is asked for')
  t.strictSame(begun, [])
})

t.test('mail that comes into a real mailbox is a hint, and stopping ends the watch', async (t) => {
  const rig = await syncRig(t, { inbox: [mail(1)] })
  const hints = hintsOfMailboxes()
  const stopping = new AbortController()
  const account = { accountId, version: 1 }
  const running = watchAccounts({
    leases: rig.deps.leases,
    hints,
    watchable: async () => [account],
    stillWatchable: async () => [account],
    onError: (error) => t.fail(String(error)),
    watchMailbox: (_id, onHint, signal) => rig.provider.watch(rig.access, onHint, signal),
  })(stopping.signal)
  await until(() => rig.server.connections() > 0, 'somebody listens')
  // Whoever has just connected may not be listening yet: mail comes until it is heard.
  await until(async () => {
    rig.mailbox.append('INBOX', mail(Math.random()))
    return hints.take(() => true) === accountId
  }, 'a hint')
  stopping.abort()
  await running
  t.pass('it has ended')
})
