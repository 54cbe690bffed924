import { distanceBetween } from '../edit-distance.ts'
import type { Company, Contact, Deal, Organization, User } from '../directory/events.ts'

/** What can be written in a subject, a body or a signature, and what it stands for. */
export const variables = {
  'user.name': 'The sender’s name',
  'user.title': 'The sender’s job title',
  'user.phone': 'The sender’s telephone number',
  'user.email': 'The sender’s address in the CRM',
  'company.name': 'The name of your own organisation',
  'contact.first_name': 'The contact’s first name',
  'contact.last_name': 'The contact’s last name',
  'contact.full_name': 'The contact’s first and last name',
  'contact.email': 'The contact’s address',
  'contact.title': 'The contact’s job title',
  'contact.phone': 'The contact’s telephone number',
  'contact.company': 'The name of the company that the contact belongs to',
  'deal.name': 'The name of the deal',
  'deal.amount': 'The amount of the deal, as the CRM writes it',
  'account.email': 'The address that the email is sent from',
  'account.name': 'The display name that the email is sent under',
} as const

export type VariableName = keyof typeof variables

/** Inserted whole, as HTML, and only in a body. */
export const SIGNATURE = 'signature'

/** What is known for one email. Absent and blank are the same: missing. */
export type Values = Readonly<Partial<Record<VariableName, string>>>

/** A variable in a text: `{contact.first_name}` or, with a fallback, `{contact.first_name|there}`. */
export type Variable = {
  readonly name: string
  readonly fallback: string | null
  readonly start: number
  readonly end: number
}

// A name with a dot, or a single word that can only be meant as a variable.
const lastWords = [...new Set(Object.keys(variables).map((name) => name.slice(name.indexOf('.') + 1)))]
const WORD = '[A-Za-z][A-Za-z0-9_-]{0,63}'
const NAMES = `${WORD}(?:\\.${WORD}){1,3}|${SIGNATURE}|${lastWords.join('|')}`

const VARIABLE = new RegExp(`\\{[ \\t]{0,8}(${NAMES})[ \\t]{0,8}(?:\\|([^{}]*))?\\}`, 'g')

/** Finds variables, known or not, in a text. Braces without a name, such as those of CSS, are ignored. */
export const findVariables = (text: string): Variable[] =>
  // Most stretches have none, and large texts have thousands of stretches.
  text.includes('{')
    ? Array.from(text.matchAll(VARIABLE), (match) => ({
        name: match[1] ?? '',
        fallback: match[2] ?? null,
        start: match.index,
        end: match.index + match[0].length,
      }))
    : []

export const isVariableName = (name: string): name is VariableName => Object.hasOwn(variables, name)

/** The known name with the smallest edit distance; null if none is near. */
export const nearestName = (name: string): string | null => {
  const candidates = [...Object.keys(variables), SIGNATURE].map((known) => ({
    known,
    distance: Math.min(
      distanceBetween(name.toLowerCase(), known),
      // `{first_name}` and `{contact.phon}` are near by their last word alone.
      name.includes('.')
        ? Infinity
        : distanceBetween(name.toLowerCase(), known.slice(known.indexOf('.') + 1)),
    ),
  }))
  const best = candidates.reduce((near, next) => (next.distance < near.distance ? next : near))
  return best.distance <= Math.max(2, name.length / 3) ? best.known : null
}

/** The records behind one email. `company` is the contact's; `contactAddress` is the recipient's address. */
export type Sources = {
  readonly user: User | null
  readonly organization: Organization | null
  readonly contact: Contact | null
  readonly contactAddress: string | null
  readonly company: Company | null
  readonly deal: Deal | null
  readonly account: { readonly address: string; readonly displayName: string } | null
}

/** Values of the variables, from the records. `company.name` is the organisation's, `contact.company` the contact's. */
export const valuesOf = (sources: Sources): Values => {
  const { user, organization, contact, company, deal, account } = sources
  const found: Record<VariableName, string | undefined> = {
    'user.name': user?.name,
    'user.title': user?.title,
    'user.phone': user?.phone,
    'user.email': user?.email,
    'company.name': organization?.name,
    'contact.first_name': contact?.firstName,
    'contact.last_name': contact?.lastName,
    'contact.full_name': [contact?.firstName, contact?.lastName].filter(Boolean).join(' '),
    'contact.email': sources.contactAddress ?? contact?.emails[0],
    'contact.title': contact?.title,
    'contact.phone': contact?.phone,
    'contact.company': company?.name,
    'deal.name': deal?.name,
    'deal.amount': deal?.amount,
    'account.email': account?.address,
    'account.name': account?.displayName || user?.name,
  }
  return Object.fromEntries(
    Object.entries(found).filter(([, value]) => value !== undefined && value.trim() !== ''),
  )
}
