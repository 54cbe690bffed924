import t from 'tap'
import { mailProviderContract } from './mail-provider.ts'
import { gmailHarness } from '../support/mail-provider/gmail.ts'

mailProviderContract(t, 'Gmail', gmailHarness(), { runs: 20 })
