import t from 'tap'
import { mailProviderContract } from '../contracts/mail-provider.ts'
import { skipWithout } from '../../scripts/lib/mail-servers/dovecot.ts'
import { dovecotHarness } from '../support/mail-provider/dovecot.ts'

t.test('Dovecot', { skip: skipWithout('dovecot') }, async (t) => {
  const open = await dovecotHarness(t, { mailboxes: 60 })
  mailProviderContract(t, 'SMTP and IMAP, with Dovecot and smtp-server', open, { runs: 5 })
})
