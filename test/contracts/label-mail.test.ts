import t from 'tap'
import { mailProviderContract } from './mail-provider.ts'
import { labelMailHarness } from '../support/mail-provider/label-mail.ts'

mailProviderContract(t, 'a service with labels and without UIDs', labelMailHarness(), { runs: 30 })
