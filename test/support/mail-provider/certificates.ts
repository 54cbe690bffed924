import { testTls } from '../../../scripts/lib/mail-servers/tls.ts'

/** The same for all servers of a test. */
export const certificates = await testTls()
