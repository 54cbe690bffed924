import { defineRefusal } from '../refusal.ts'
import { decodeReferences, tokensOf, type Span } from './html-tokens.ts'
import { regionsOf, writeValue, type Form, type Region } from './contextual-escaping.ts'
import {
  findVariables,
  isVariableName,
  nearestName,
  SIGNATURE,
  variables,
  type Values,
  type Variable,
} from './variables.ts'

/** Why a variable cannot be filled in where it is. `nearest` is what was probably meant. */
export type VariableProblem = {
  readonly variable: string
  readonly problem: 'unknown' | 'misplaced'
  readonly message: string
  readonly nearest: string | null
}

/** `text` has all possible variables filled in; the others are left as written. */
export type Filled = {
  readonly text: string
  readonly missing: readonly string[]
  readonly problems: readonly VariableProblem[]
}

export type FillOptions = {
  /** HTML that takes the place of the first `{signature}`; further ones vanish. Null is missing, blank is none. */
  readonly signature?: string | null
  /** Ranges in which nothing is filled in. */
  readonly verbatim?: readonly Span[]
}

/**
 * Fills in variables, each once: values are not searched for variables. In HTML every value is escaped for its place.
 * `missing` names the variables that have neither value nor fallback.
 */
export const fill = (source: string, form: Form, values: Values, options: FillOptions = {}): Filled => {
  const verbatim = options.verbatim ?? []
  const missing = new Set<string>()
  const problems: VariableProblem[] = []
  let signed = false
  const signatureOr = (fallback: string | null): string | null => {
    if (signed) return ''
    const placed = options.signature?.trim() ? options.signature : (fallback ?? options.signature ?? null)
    signed = placed !== null
    return placed
  }
  let text = ''
  let done = 0
  for (const { variable, region } of placedVariables(source, form, verbatim)) {
    const problem = problemOf(source, variable, region)
    if (problem) {
      problems.push(problem)
      continue
    }
    const value =
      variable.name === SIGNATURE
        ? signatureOr(variable.fallback)
        : valueOf(source, variable, region, values, form)
    if (value === null) {
      missing.add(variable.name)
      continue
    }
    text += source.slice(done, variable.start) + value
    done = variable.end
  }
  const split = form === 'html' ? splitVariables(source, verbatim) : []
  return { text: text + source.slice(done), missing: [...missing], problems: [...problems, ...split] }
}

/** The problems that `fill` reports whatever the values. */
export const variableProblems = (source: string, form: Form): readonly VariableProblem[] =>
  fill(source, form, {}).problems

/** Whether one of these texts places `{signature}` itself. */
export const placesSignature = (html: string, verbatim: readonly Span[] = []): boolean =>
  placedVariables(html, 'html', verbatim).some(({ variable }) => variable.name === SIGNATURE)

type Placed = { readonly variable: Variable; readonly region: Region }

const placedVariables = (source: string, form: Form, verbatim: readonly Span[]): Placed[] => {
  const placed = regionsOf(source, form).flatMap((region) =>
    findVariables(source.slice(region.start, region.end))
      .map((found) => ({
        region,
        variable: { ...found, start: region.start + found.start, end: region.start + found.end },
      }))
      // Braces in style sheets are CSS, unless they contain a known variable.
      .filter(({ variable }) => region.place !== 'style' || isKnown(variable.name)),
  )
  return [...placed, ...acrossMarkup(source, placed)].filter(
    ({ variable }) => !overlapsAny(variable, verbatim),
  )
}

/** Variables that begin in one region and end in another. */
const acrossMarkup = (source: string, placed: readonly Placed[]): Placed[] => {
  const starts = new Set(placed.map(({ variable }) => variable.start))
  return findVariables(source)
    .filter(({ name, start }) => !starts.has(start) && isKnown(name))
    .map((variable) => ({ variable, region: { ...variable, place: 'none', why: 'across tags' } }))
}

const overlapsAny = (span: Span, spans: readonly Span[]): boolean =>
  spans.some((other) => span.start < other.end && span.end > other.start)

const isKnown = (name: string): boolean => name === SIGNATURE || isVariableName(name)

const valueOf = (
  source: string,
  { name, fallback, start }: Variable,
  region: Region,
  values: Values,
  form: Form,
): string | null => {
  const value = isVariableName(name) ? values[name]?.trim() : undefined
  if (value) return writeValue(value, source, region, start)
  if (fallback === null) return null
  // In HTML a fallback is HTML, so references in it are decoded.
  return writeValue(form === 'html' ? decodeReferences(fallback) : fallback, source, region, start)
}

const problemOf = (
  source: string,
  { name, start, end }: Variable,
  region: Region,
): VariableProblem | null => {
  const variable = source.slice(start, end)
  if (!isKnown(name)) {
    const nearest = nearestName(name)
    const message = `There is no variable {${name}}${nearest ? `; did you mean {${nearest}}?` : ''}`
    return { variable, problem: 'unknown', message, nearest }
  }
  const misplaced = (message: string): VariableProblem => ({
    variable,
    problem: 'misplaced',
    message,
    nearest: null,
  })
  if (source[start - 1] === '{' && source[end] === '}') return misplaced(`Write {${name}} with single braces`)
  if ('why' in region) return misplaced(`A variable cannot stand ${region.why}`)
  if (region.place === 'text' && source[start - 1] === '<')
    return misplaced('A variable cannot stand directly after <: write &lt; for the sign')
  if (name === SIGNATURE)
    return region.place === 'text'
      ? null
      : misplaced('The signature goes into the text of a body, nowhere else')
  if (writeValue('', source, region, start) === null)
    return misplaced('A link must be written out up to its path before a variable can follow')
  return null
}

/** A variable split by formatting looks like one to a person, and would be sent as written. */
const splitVariables = (source: string, verbatim: readonly Span[]): VariableProblem[] => {
  const texts = tokensOf(source)
    .filter((token) => token.kind === 'text' && !overlapsAny(token, verbatim))
    .map(({ start, end }) => source.slice(start, end))
  const whole = new Map<string, number>()
  for (const text of texts)
    for (const { name } of findVariables(text)) whole.set(name, (whole.get(name) ?? 0) + 1)
  return findVariables(texts.join('')).flatMap(({ name }) => {
    const left = whole.get(name) ?? 0
    if (left > 0) whole.set(name, left - 1)
    if (left > 0) return []
    const message = `Formatting splits the variable {${name}} in two: retype it in one piece`
    return [{ variable: `{${name}}`, problem: 'misplaced' as const, message, nearest: null }]
  })
}

export type Located<Thing> = Thing & { readonly where: 'subject' | 'body' | 'signature' }

const unknownVariable = defineRefusal('unknown-variable', {
  title: 'Unknown variable',
  meaning:
    'The text uses a variable that does not exist; `details.problems` suggests which one was probably meant.',
  remedy: 'Use one of the variables listed at /v1/template-variables.',
})
const misplacedVariable = defineRefusal('misplaced-variable', {
  title: 'Misplaced variable',
  meaning: 'A variable stands where no value can be inserted safely, such as inside a tag or a style.',
  remedy: 'Move it into running text, or into an attribute value in quotation marks.',
})

/**
 * Refuses texts with variables that no value could fix.
 * @throws Refused
 */
export const refuseProblems = (problems: readonly Located<VariableProblem>[]): void => {
  const [first] = problems
  if (!first) return
  const known = [...Object.keys(variables), SIGNATURE].map((name) => `{${name}}`)
  const unknown = problems.find(({ problem }) => problem === 'unknown')
  const details = { problems: problems.map((problem) => ({ ...problem })), known }
  const detail = `${(unknown ?? first).message} (in the ${(unknown ?? first).where}).`
  throw unknown
    ? unknownVariable({ detail, details, remedy: `Use one of these: ${known.join(', ')}.` })
    : misplacedVariable({ detail, details })
}

/** What a person should know before sending, and what keeps nobody from it. */
export type Warning = { readonly code: 'no-signature'; readonly message: string }

export const noSignature: Warning = {
  code: 'no-signature',
  message: 'The text has {signature}, but the account has no signature: nothing stands in its place.',
}

const variableWithoutValue = defineRefusal('variable-without-value', {
  title: 'Variable without a value',
  meaning:
    'A variable has neither a value nor a fallback, so the email was not sent; `details.missing` lists all of them.',
  remedy: 'Complete the record in the CRM, or add a fallback: {contact.first_name|there}.',
})

/** `reason` is there where it is not simply that nobody has put in the value. */
export type MissingValue = { readonly variable: string; readonly reason?: string }

/** Refuses to go on while values are missing, with the list of them. @throws Refused */
export const refuseMissing = (missing: readonly Located<MissingValue>[]): void => {
  if (missing.length === 0) return
  const list = missing.map(({ variable, where }) => `{${variable}} in the ${where}`).join(', ')
  const reasons = [...new Set(missing.flatMap(({ reason }) => reason ?? []))]
  throw variableWithoutValue({
    detail: [`There is no value for ${list}.`, ...reasons].join(' '),
    details: { missing: missing.map((each) => ({ ...each })) },
  })
}
