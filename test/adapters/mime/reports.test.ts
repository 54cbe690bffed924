import t from 'tap'
import { mailParser } from '../../../src/adapters/mime/parse-pool.ts'
import type { DeliveryStatus } from '../../../src/commands/ports/parser.ts'
import { classifyFailure } from '../../../src/domain/sending/classify-failure.ts'
import { exchange } from '../../support/reports/exchange.ts'
import { exim } from '../../support/reports/exim.ts'
import { gmail } from '../../support/reports/gmail.ts'
import { forwarded, human } from '../../support/reports/look-alikes-of-people.ts'
import { away, machines } from '../../support/reports/look-alikes-of-machines.ts'
import { otherReports } from '../../support/reports/look-alikes-of-reports.ts'
import { lists } from '../../support/reports/look-alikes-of-lists.ts'
import { oddities } from '../../support/reports/oddities.ts'
import { postfix } from '../../support/reports/postfix.ts'
import { amazon } from '../../support/reports/amazon.ts'
import { dragonFly } from '../../support/reports/dragonfly.ts'
import { gateways } from '../../support/reports/gateways.ts'
import { mailRu } from '../../support/reports/mail-ru.ts'
import { openSmtpd } from '../../support/reports/opensmtpd.ts'
import { zoho } from '../../support/reports/zoho.ts'
import { qmail, yahoo } from '../../support/reports/qmail.ts'
import { courier, sendmail } from '../../support/reports/sendmail.ts'
import { smallServers } from '../../support/reports/small-servers.ts'
import type { Report, RightRecipient } from '../../support/reports/writing.ts'

const all: readonly Report[] = [
  exim,
  qmail,
  yahoo,
  postfix,
  gmail,
  mailRu,
  dragonFly,
  openSmtpd,
  amazon,
  zoho,
  exchange,
  sendmail,
  courier,
  smallServers,
  gateways,
  oddities,
].flat()
const lookAlikes = [forwarded, human, away, machines, otherReports, lists].flat()

const parser = mailParser()
t.teardown(() => parser.close())

type Told = DeliveryStatus['recipients'][number]

/** The share of what is right, and the names of what is not. */
const rate = () => {
  const wrong: string[] = []
  let asked = 0
  return {
    note: (isRight: boolean, what: string): void => {
      asked += 1
      if (!isRight) wrong.push(what)
    },
    percent: (): number => (100 * (asked - wrong.length)) / asked,
    wrong,
    words: (): string => `${asked - wrong.length} of ${asked}`,
  }
}

const unhappy = (delivery: DeliveryStatus | null): readonly Told[] =>
  delivery?.recipients.filter(({ action }) => action === 'failed' || action === 'delayed') ?? []

const told = (delivery: DeliveryStatus | null, { address }: RightRecipient): Told | undefined =>
  unhappy(delivery).find((each) => each.address?.toLowerCase() === address?.toLowerCase())

t.test('reports of more than twenty servers are read: who did not get what, and why', async (t) => {
  const [recognised, recipients, statuses, kinds, matched] = [rate(), rate(), rate(), rate(), rate()]
  for (const { name, raw, recipients: expected, messageId } of all) {
    const { delivery, automatic } = await parser.parse(raw)
    recognised.note(automatic === 'report' && unhappy(delivery).length === expected.length, name)
    matched.note(
      (delivery?.originalMessageId ?? null) === messageId,
      `${name}: ${delivery?.originalMessageId}`,
    )
    for (const right of expected) {
      const found = told(delivery, right)
      recipients.note(
        found?.action === right.action,
        `${name}: ${unhappy(delivery)
          .map((each) => `${each.action} ${each.address}`)
          .join(', ')}`,
      )
      if (found === undefined) continue
      const { kind, hard } = classifyFailure(found)
      statuses.note(
        found.status === right.status,
        `${name}: ${found.status} of ${right.status} in "${found.diagnostic}"`,
      )
      kinds.note(
        kind === right.kind && hard === right.hard,
        `${name}: ${kind} ${hard} of ${right.kind} ${right.hard} in ${found.status} "${found.diagnostic}"`,
      )
    }
  }
  t.ok(all.length >= 180, `${all.length} reports`)
  for (const [what, { percent, wrong, words }, least] of [
    ['recognised', recognised, 98],
    ['recipients found, with what became of them', recipients, 95],
    ['statuses exact', statuses, 90],
    ['kinds right, hard and soft', kinds, 95],
    ['matched to the mail', matched, 95],
  ] as const) {
    t.comment(`${what}: ${words()}`)
    t.ok(percent() >= least, `${what}: ${words()}`, { wrong })
  }
})

t.test('nothing that only looks like it is a report of failure', async (t) => {
  t.ok(lookAlikes.length >= 60, `${lookAlikes.length} look-alikes`)
  for (const { name, raw } of lookAlikes) {
    const { delivery } = await parser.parse(raw)
    t.strictSame(delivery?.recipients.filter(({ action }) => action === 'failed') ?? [], [], name)
  }
})
