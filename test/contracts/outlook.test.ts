import t from 'tap'
import { mailProviderContract } from './mail-provider.ts'
import { outlookHarness } from '../support/mail-provider/outlook.ts'

mailProviderContract(t, 'Microsoft Graph', outlookHarness(), { runs: 15 })
