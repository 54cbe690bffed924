import fc from 'fast-check'
import t from 'tap'
import type { Notified } from '../../../src/domain/notifications/events.ts'
import {
  userNotifications,
  type NotificationsCommand,
} from '../../../src/domain/notifications/user-notifications.ts'
import { holdDeciderLaws } from '../../support/decider-laws.ts'
import { idOf } from '../../support/example-emails.ts'

const notified = (n: number): Notified => ({
  notificationId: idOf('ntf', n),
  userId: 'u1',
  kind: 'new-email',
  accountId: idOf('acc', 1),
  gathered: 1,
  upTo: `p${n}`,
  channels: ['feed'],
  mailedAs: null,
  at: '2026-01-05T12:00:00.000Z',
})
const { initial, evolve, decide } = userNotifications

t.test('the laws of deciders', async () => {
  const command: fc.Arbitrary<NotificationsCommand> = fc.oneof(
    fc.record({
      do: fc.constant('notify' as const),
      after: fc.constantFrom('', 'p1', 'p2', 'p3'),
      notifications: fc.array(fc.integer({ min: 1, max: 4 }).map(notified), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      do: fc.constant('read' as const),
      userId: fc.constant('u1'),
      notificationId: fc.integer({ min: 1, max: 5 }).map((n) => idOf('ntf', n)),
    }),
  )
  holdDeciderLaws(userNotifications, command)
})

t.test('what was put together before some of it was told is not told again', async (t) => {
  const tell = { do: 'notify', after: '', notifications: [notified(1), notified(2)] } as const
  const told = decide(tell, initial).reduce(evolve, initial)
  t.same(decide(tell, told), [])
  t.same(decide({ ...tell, notifications: [notified(3)] }, told), [], 'it does not know what was told yet')
  t.equal(decide({ ...tell, after: 'p2', notifications: [notified(3)] }, told).length, 1)
})
