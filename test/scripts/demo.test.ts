import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const main = join(import.meta.dirname, '../../scripts/demo/main.ts')

t.test('the demo connects, syncs and sends from a mailbox of every kind, and ends by itself', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--once'])
  for (const [provider, company, address] of [
    ['Gmail', 'Google', 'sarah@gmail.test'],
    ['Outlook', 'Microsoft', 'sarah@outlook.test'],
  ]) {
    t.match(stdout, `✓ Connect ${address} by signing in with ${company} `)
    t.match(stdout, `✓ Sync ${address}  20 messages `)
    t.match(
      stdout,
      `✓ Send from ${address}  sent, says the outbox, and delivered: 1 taken by the double of ${company} `,
    )
    t.match(stdout, new RegExp(`│ ${address} +│ ${provider} +│ Sarah Johnson +│ active │`))
  }
  t.match(stdout, /│ sarah@acme\.test +│ IMAP +│ Sarah Johnson +│ active │/)
  t.match(stdout, /Connected Accounts: 4 {3}Emails Sent Today: 6/)
  t.match(stdout, /│ All +│ 6 +│ 6 \(100\.0%\) +│/)
  t.match(stdout, /each conversation is somebody’s {2}Sarah Johnson 2, Tom Becker 1 /)
  t.match(stdout, /one answer goes out, the other is refused {2}conversation-changed /)
  t.match(stdout, /│ \S+@\S+\.test +│ closed +│/)
})
