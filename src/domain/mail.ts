import { z } from 'zod'
import { defineRefusal } from './refusal.ts'

/** Longest address that SMTP allows, in octets (RFC 5321 4.5.3.1.3, without the angle brackets). */
const ADDRESS_LIMIT = 254

// Dot-atom or quoted local part, then a domain of letters, digits and hyphens, or UTF-8 labels (RFC 6531). Deliberately
// stricter than the grammar: comments, folding, address literals and control characters are refused.
const ADDRESS =
  /^(?:[^\s@<>()[\]\\,;:"\p{Cc}.]+(?:\.[^\s@<>()[\]\\,;:"\p{Cc}.]+)*|"(?:[^"\\\p{Cc}]|\\[^\p{Cc}])*")@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?)(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?)*$/u

/** For strings that go into a line of a header: what is refused in a name must never stop an email that has it. */
export const oneLine = [/^[^\p{Cc}\u2028\u2029]*$/u, 'has a control character or a line break'] as const

/** True for one bare mailbox address, as RCPT TO takes it. A lone surrogate would be another address once encoded. */
export const isAddress = (text: string): boolean =>
  text.isWellFormed() &&
  oneLine[0].test(text) &&
  !/[<>]/.test(text) &&
  new TextEncoder().encode(text).length <= ADDRESS_LIMIT &&
  ADDRESS.test(text)

export const invalidAddress = defineRefusal('invalid-address', {
  title: 'Invalid email address',
  meaning: 'An address in the email is not a valid email address (RFC 5321).',
  remedy: 'Correct the address and send the email again.',
})

/** Normalised so that different spellings of an address are equal: all lower case, as every large provider does. */
export const normaliseAddress = (address: string): string => address.trim().toLowerCase()

/** The domain of an address, in the form in which DNS has it. */
export const domainOf = (address: string): string => asciiDomain(address.slice(address.lastIndexOf('@') + 1))

/** Lower case, and in A-labels (IDNA): what one domain is written as then is one text. What is none stays as it is. */
export const asciiDomain = (text: string): string => {
  const lower = text.trim().toLowerCase()
  if (!/[^\0-\x7f]/.test(lower) || !LABELS.test(lower)) return lower
  const url = `http://${lower}`
  return URL.canParse(url) ? new URL(url).hostname : lower
}

const LABELS = /^[\p{L}\p{M}\p{N}-]+(?:\.[\p{L}\p{M}\p{N}-]+)+$/u
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const DOMAIN = new RegExp(`^(?:${LABEL}\\.)+(?!\\d+$)${LABEL}$`)

/** A domain that mail can have, such as `example.org`; one in other scripts is kept in A-labels. */
export const domain = z
  .string()
  .max(253)
  .overwrite(asciiDomain)
  .refine((text) => text.length <= 253 && DOMAIN.test(text), {
    error: 'is not a domain, such as example.org',
  })

export const address = z.string().trim().refine(isAddress, { error: 'is not an email address' })

/** A person as named in a mail header. */
export const mailbox = z.object({
  address,
  name: z
    .string()
    .trim()
    .max(200)
    .regex(...oneLine)
    .optional(),
})
export type Mailbox = z.infer<typeof mailbox>

/** A person as named in a received header: whatever the sender wrote, not checked. */
export const writtenMailbox = z.object({ address: z.string(), name: z.string().optional() })
export type WrittenMailbox = z.infer<typeof writtenMailbox>

/** A Message-ID without angle brackets and white space (RFC 5322 3.6.4); '' if there is none. */
export const normaliseMessageId = (text: string): string => text.trim().replace(/^<|>$/g, '').trim()

/** The roles that a folder can have, whatever its name (RFC 6154). */
export const folderRole = z.enum(['inbox', 'sent', 'drafts', 'archive', 'all', 'junk', 'trash'])
export type FolderRole = z.infer<typeof folderRole>

const folderPath = z
  .string()
  .min(1)
  .max(500)
  .regex(/^\P{Cc}*$/u, 'has a control character')

/** A folder that is wanted: a role, whatever the folder is called, or the path of one folder as the mailbox writes it. */
export const wantedFolder = z.union([folderRole, folderPath])

/** Roles that a person gave to folders, by their paths, where the mailbox says nothing of them or the wrong thing. */
export const folderRoles = z.record(folderPath, folderRole.exclude(['inbox']))
export type FolderRoles = Readonly<z.infer<typeof folderRoles>>

/** SHA-256 in lower-case hex: the name of a blob. */
export const blobHash = z.string().regex(/^[0-9a-f]{64}$/)

/**
 * An RFC 3339 instant in a request, such as PostgreSQL takes it too: of the years 1 to 9998, which no offset leads out
 * of, with an offset that a time zone can have.
 */
export const askedInstant = z.iso
  .datetime({ offset: true })
  .max(40)
  .refine((text) => /^(?!0000)(?!9999)/.test(text) && new Date(text).getUTCFullYear() > 0, {
    error: 'is too far in the past or the future',
  })
  .refine((text) => !/[+-](?:1[5-9]|2\d):\d\d$/.test(text), {
    error: 'has an offset that no time zone has',
  })

/** RFC 3339 instant in UTC, with milliseconds. */
export const instant = z.iso.datetime()
