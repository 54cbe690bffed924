/** A piece of TypeScript that matters for finding imports and names: comments, spaces and regular expressions do not. */
export type Token = { kind: 'name' | 'text' | 'sign' | 'value'; text: string; line: number }

export type Import = {
  /** What is imported, or undefined where it is computed while the program runs. */
  specifier: string | undefined
  line: number
  isExport: boolean
  /** Of types alone: nothing is loaded. */
  isType: boolean
}

/**
 * Splits TypeScript into tokens. Text is a plain string or a template without substitutions; the code inside the
 * substitutions of a template counts as code, the rest of it as a value. JSX is not known.
 */
export const tokensOf = (source: string): Token[] => {
  const tokens: Token[] = []
  let at = 0
  let line = 1
  // The depth of braces at which each open template goes on after its substitution.
  const templates: number[] = []
  let depth = 0
  const push = (kind: Token['kind'], text: string): void => void tokens.push({ kind, text, line })
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(source)?.[0]
    if (found === undefined) return undefined
    at += found.length
    line += found.split('\n').length - 1
    return found
  }
  const template = (isStart: boolean): void => {
    const body = take(/(?:[^\\`$]|\\[^]|\$(?!\{))*/y) ?? ''
    const closes = source[at] === '`'
    push(isStart && closes ? 'text' : 'value', body)
    at += closes ? 1 : 2
    if (closes) return
    push('sign', '${')
    templates.push(depth)
  }
  while (at < source.length) {
    if (take(/\s+|\/\/[^\n]*|\/\*[^]*?\*\/|^#![^\n]*/y) !== undefined) continue
    const quoted = take(/'(?:[^'\\\n]|\\[^])*'|"(?:[^"\\\n]|\\[^])*"/y)
    if (quoted !== undefined) {
      push('text', quoted.slice(1, -1))
      continue
    }
    const name = take(/[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy)
    if (name !== undefined) {
      push('name', name)
      continue
    }
    const number = take(/\.?\d[\w.]*/y)
    if (number !== undefined) {
      push('value', number)
      continue
    }
    const char = source[at] ?? ''
    if (char === '/' && mayStartRegex(tokens.at(-1))) {
      push('value', take(/\/(?:[^\\/[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y) ?? source[at++] ?? '')
      continue
    }
    at += 1
    if (char === '`') template(true)
    else if (char === '}' && templates.at(-1) === depth) {
      templates.pop()
      push('sign', '}')
      template(false)
    } else {
      if (char === '{') depth += 1
      if (char === '}') depth -= 1
      push('sign', char)
    }
  }
  return tokens
}

const operators = /^(return|typeof|case|in|of|delete|void|throw|new|do|else|await|yield|instanceof)$/

const mayStartRegex = (before: Token | undefined): boolean => {
  if (before === undefined) return true
  if (before.kind === 'name') return operators.test(before.text)
  return before.kind === 'sign' && ![')', ']', '}'].includes(before.text)
}

/** Every import: static, for side effects, of types, re-exported, dynamic, in a type position, and by `require`. */
export const importsOf = (source: string): Import[] => importsIn(tokensOf(source))

export const importsIn = (tokens: Token[]): Import[] => {
  const found: Import[] = []
  for (const [index, token] of tokens.entries()) {
    const before = tokens[index - 1]
    const next = tokens[index + 1]
    const isMember = before?.kind === 'sign' && before.text === '.'
    if (token.kind !== 'name' || isMember || next === undefined) continue
    const { line } = token
    if (token.text === 'from' && next.kind === 'text') {
      found.push({ specifier: next.text, line, ...statementAround(tokens, index) })
    } else if (token.text === 'import' && next.kind === 'text') {
      found.push({ specifier: next.text, line, isExport: false, isType: false })
    } else if (/^(import|require)$/.test(token.text) && next.text === '(' && next.kind === 'sign') {
      const [argument, after] = tokens.slice(index + 2)
      const isPlain = argument?.kind === 'text' && after?.kind === 'sign' && [')', ','].includes(after.text)
      found.push({ specifier: isPlain ? argument.text : undefined, line, isExport: false, isType: false })
    }
  }
  return found
}

/** Of the import or re-export whose `from` stands there. */
const statementAround = (tokens: Token[], from: number): Pick<Import, 'isExport' | 'isType'> => {
  const start = tokens
    .slice(0, from)
    .findLastIndex(({ kind, text }) => kind === 'name' && /^(import|export)$/.test(text))
  // `import type from` imports something that is called type.
  return {
    isExport: tokens[start]?.text === 'export',
    isType: tokens[start + 1]?.text === 'type' && start + 2 < from,
  }
}
