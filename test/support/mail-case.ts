import { readFileSync } from 'node:fs'

/** The connected address, a recipient of an email of ours, and that email's Message-ID without angle brackets. */
export type CaseAddresses = { readonly me: string; readonly to: string; readonly out: string }

/** A mail of `test/fixtures/mail`, made after what real systems send, to us and from somebody whom we wrote to. */
export const mailCase = (name: string, { me, to, out }: CaseAddresses): Buffer => {
  const raw = readFileSync(new URL(`../fixtures/mail/${name}.eml`, import.meta.url), 'latin1')
  const encoded = `=?utf-8?B?${Buffer.from(`<${out}>`).toString('base64')}?=`
  const filled = raw
    .replaceAll('{{ME}}', me)
    .replaceAll('{{TO}}', to)
    .replaceAll('{{OUT}}', out)
    .replaceAll('{{OUT_ENCODED}}', encoded)
  return Buffer.from(filled, 'latin1')
}
