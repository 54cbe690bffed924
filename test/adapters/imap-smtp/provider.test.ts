import t from 'tap'
import { mailProviderContract } from '../../contracts/mail-provider.ts'
import { imapSmtpHarness } from '../../support/mail-provider/imap-smtp.ts'

mailProviderContract(t, 'SMTP and IMAP, with hoodiecrow and smtp-server', imapSmtpHarness(), { runs: 15 })
